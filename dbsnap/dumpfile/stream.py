"""What pg_dump writes, on its way into a file: what of it is pending, and where that comes to stand.

Offsets in the stream are those of what pg_dump wrote, offsets in the dump those of the file's
uncompressed text. They differ by what was put in from elsewhere, and by what was left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Event, lex
from dbsnap.dumpfile.ownership import without_owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.privileges import PrivilegeStatement


class DumpStream:
    """A dump as it is read; owners and privileges are left out of it."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.privileges: list[PrivilegeStatement] = []
        """The statements about owners and privileges that were left out so far."""
        self._read = read
        self._shift = 0
        """How far behind its place in the stream stands in the dump what is yet to come."""
        self._pending = bytearray()
        self._position = 0
        """Where in the stream ``_pending`` begins."""
        self._replaced: list[tuple[int, int, bytes]] = []
        """What of ``_pending`` is not to come: begin and end in the stream, and what comes instead."""
        self._moved = 0
        """By how many bytes that has moved what follows."""

    @property
    def begin(self) -> int:
        """Return where in the dump what is not yet cut off begins."""
        return self._position + self._shift - self._moved

    @property
    def end(self) -> int:
        """Return where in the dump what was read ends."""
        return self._position + self._shift + len(self._pending)

    def events(self) -> Iterator[Event]:
        """Read all, and yield the events with their offsets in the dump, lines as in the stream."""
        events = without_owners(lex(self._read_and_keep), self._replace, self.privileges.append)
        return map(self._placed, events)

    def cut(self, end: int) -> bytes:
        """Cut off, and return, what comes up to an offset in the dump that lies in nothing replaced."""
        behind = []
        shift = self._shift
        while self._replaced:
            begin, stop, instead = self._replaced[-1]
            before = shift - _moves(begin, stop, instead)
            if begin + before < end:
                break
            behind.append(self._replaced.pop())
            shift = before
        raw = self._up_to(end - shift)
        del self._pending[: end - shift - self._position]
        self._position = end - shift
        self._replaced = behind[::-1]
        self._moved = self._shift - shift
        return raw

    def put_in(self, size: int) -> None:
        """Have so many bytes from elsewhere stand in the dump before all that is pending."""
        self._shift += size

    def _replace(self, begin: int, end: int, instead: bytes) -> None:
        """Put other bytes in the place of those between two offsets in the stream.

        They lie behind whatever was replaced or cut off before.
        """
        self._replaced.append((begin, end, instead))
        moved = _moves(begin, end, instead)
        self._moved += moved
        self._shift += moved

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

    def _read_and_keep(self, size: int) -> bytes:
        piece = self._read(size)
        self._pending += piece
        return piece

    def _placed(self, event: Event) -> Event:
        event.offset += self._shift
        event.end += self._shift
        return event


def _moves(begin: int, end: int, instead: bytes) -> int:
    return len(instead) - (end - begin)
