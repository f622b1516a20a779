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
        self._pending = bytearray()
        self._position = 0
        """Where in the stream ``_pending`` begins."""
        self._replaced: list[tuple[int, int, bytes]] = []
        """What of ``_pending`` is not to come: begin and end in the stream, and what comes instead."""
        self._moved = 0
        """By how many bytes that has moved what follows."""
        self._tail: list[Event] = []

    @property
    def begin(self) -> int:
        """Return where in the dump what is not yet cut off begins."""
        return self._position + self.shift - self._moved

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
        stop = end - self.shift
        raw = self._up_to(stop)
        del self._pending[: stop - self._position]
        self._position = stop
        self._replaced.clear()
        self._moved = 0
        return raw

    def skip(self, end: int) -> None:
        """Leave out what is pending up to an offset in the dump; what follows moves up."""
        self.shift -= len(self.cut(end))

    def replace(self, begin: int, end: int, instead: bytes = b"") -> None:
        """Put other bytes in the place of those between two offsets in the stream.

        They lie behind whatever was replaced or cut off before.
        """
        self._replaced.append((begin, end, instead))
        moved = len(instead) - (end - begin)
        self._moved += moved
        self.shift += moved

    def _up_to(self, stop: int) -> bytes:
        """Return what comes in the place of what is pending up to an offset in the stream."""
        with memoryview(self._pending) as pending:
            pieces: list[memoryview | bytes] = []
            position = self._position
            at = 0
            for begin, end, instead in self._replaced:
                pieces += pending[at : begin - position], instead
                at = end - position
            pieces.append(pending[at : stop - position])
            return b"".join(pieces)

    def _remaining(self) -> Iterator[Event]:
        return without_owners(lex(self._read_and_keep), self.replace, self.privileges.append)

    def _read_and_keep(self, size: int) -> bytes:
        piece = self._read(size)
        self._pending += piece
        return piece

    def _placed(self, event: Event) -> Event:
        event.offset += self.shift
        event.end += self.shift
        return event
