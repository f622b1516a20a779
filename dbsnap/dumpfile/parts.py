"""One stream of a dump: what was read of it and not yet cut off, and where that comes to stand.

Offsets in the stream are those of what pg_dump wrote, offsets in the dump those of the file's
uncompressed text. They differ by what stands before the stream, and by what of it was left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Comment, Event, lex
from dbsnap.dumpfile.ownership import without_owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.privileges import PrivilegeStatement

_TRAILER = b"-- PostgreSQL database dump complete"


class Part:
    """A stream that begins at ``offset`` in the dump; owners and privileges are left out of it.

    ``shift`` is how far behind its place in the stream stands in the dump what is yet to come.
    """

    def __init__(self, read: Callable[[int], bytes], offset: int) -> None:
        self.shift = offset
        self.privileges: list[PrivilegeStatement] = []
        """The statements about owners and privileges that were left out so far."""
        self._read = read
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._pending = bytearray()
        self._position = 0
        """Where in the stream ``_pending`` begins, which follows what is kept."""
        self._tail: list[Event] = []

    @property
    def begin(self) -> int:
        """Return where in the dump what is not yet cut off begins."""
        return self._position + self.shift - self._kept_bytes

    @property
    def end(self) -> int:
        """Return where in the dump what was read ends."""
        return self._position + self.shift + len(self._pending)

    @property
    def body_end(self) -> int:
        """Return where in the dump the trailer begins, with the ``--`` line above it."""
        return self._tail[0].offset - len(b"--\n") + self.shift

    @property
    def has_trailer(self) -> bool:
        """Return whether the trailer was seen."""
        return bool(self._tail)

    def events(self) -> Iterator[Event]:
        """Read all, and yield the events with their offsets in the dump, lines as in the stream."""
        return map(self._placed, self._remaining())

    def events_before_trailer(self) -> Iterator[Event]:
        """Yield as ``events`` does, but keep the trailer, and what follows it, back."""
        for event in self._remaining():
            if self._tail or (isinstance(event, Comment) and event.text == _TRAILER):
                self._tail.append(event)
            else:
                yield self._placed(event)

    def tail(self) -> Iterator[Event]:
        """Yield the trailer and what follows it, with their offsets in the dump."""
        return map(self._placed, self._tail)

    def cut(self, end: int) -> bytes:
        """Cut off, and return, what comes up to an offset in the dump behind all that was replaced."""
        length = end - self.begin - self._kept_bytes
        raw = bytes(memoryview(self._pending)[:length])
        if self._kept:
            raw = b"".join([*self._kept, raw])
            self._kept, self._kept_bytes = [], 0
        self._pass(length)
        return raw

    def skip(self, end: int) -> None:
        """Leave out what is pending up to an offset in the dump; what follows moves up."""
        self.shift -= len(self.cut(end))

    def replace(self, begin: int, end: int, instead: bytes = b"") -> None:
        """Put other bytes in the place of those between two offsets in the stream.

        They lie behind whatever was replaced or cut off before.
        """
        kept = self._pending[: begin - self._position] + instead
        self._kept.append(bytes(kept))
        self._kept_bytes += len(kept)
        self._pass(end - self._position)
        self.shift += len(instead) - (end - begin)

    def _remaining(self) -> Iterator[Event]:
        return without_owners(lex(self._read_and_keep), self.replace, self.privileges.append)

    def _read_and_keep(self, size: int) -> bytes:
        piece = self._read(size)
        self._pending += piece
        return piece

    def _pass(self, length: int) -> None:
        del self._pending[:length]
        self._position += length

    def _placed(self, event: Event) -> Event:
        event.offset += self.shift
        event.end += self.shift
        return event
