r"""A dump on its way to disk: counted, hashed, indexed and compressed as it passes.

One pass and bounded memory: what pg_dump writes is read in pieces, the lexer finds the COPY blocks in
them, and the same bytes go to the file unchanged, but for owners and privileges, which are kept apart.

Rows that pg_dump left out may come beside it, as frames, which are COPY blocks. They are put where it
would have written them: among its data, never behind a definition that has its place behind rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from dbsnap.dumpfile.contents import ContentsReader, DumpContents
from dbsnap.dumpfile.defining.usual_definitions import compile_patterns
from dbsnap.dumpfile.guarding.breaches import BreachReader
from dbsnap.dumpfile.lexer import (
    Comment,
    CopyData,
    CopyEnd,
    CopyStart,
    Event,
    Heading,
)
from dbsnap.dumpfile.members import MemberWriter
from dbsnap.dumpfile.sections import PlaceOfRows
from dbsnap.dumpfile.stream import DumpStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.compression import Compression, Member
    from dbsnap.dumpfile.members import Raw
    from dbsnap.dumpfile.privileges import PrivilegeStatement

MEMBER_BYTES = 16 << 20
"""A compressed member holds at most about this many raw bytes."""

SMALL_MEMBER_BYTES = 1 << 20
"""A member is closed at the end of a statement or COPY block once it holds this much."""

BLOCK_END = b"\\.\n\n\n"
"""The end of a COPY block and the empty lines that pg_dump writes behind it."""

_SET_VALUE = b"SELECT pg_catalog.setval("
_TRAILER = b"-- PostgreSQL database dump complete"


@dataclass(frozen=True, slots=True)
class WrittenDump:
    """What was written: sizes in bytes, the sha256 of the file, its members and its contents.

    ``rules`` are the guard's rules that the dump breaks, because its source does. The lines of COPY
    blocks are not those of the file. ``privileges`` are the statements that pg_dump wrote about owners
    and privileges, which are not in the file.
    """

    file_bytes: int
    raw_bytes: int
    sha256: str
    compression: Compression
    members: tuple[Member, ...]
    contents: DumpContents
    rules: tuple[str, ...]
    privileges: tuple[PrivilegeStatement, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Some rows of one table, as a complete COPY block and a member of their own.

    ``raw`` is the whole, from what pg_dump writes above the COPY ``statement`` (which is without its
    line end) to ``BLOCK_END``; from ``begin`` on it is rows, so many as ``rows`` says. ``packed`` is the
    member. ``written`` is called, from any thread, when neither is needed any more.
    """

    raw: memoryview
    statement: bytes
    begin: int
    rows: int
    packed: Raw
    written: Callable[[], None]

    def events(self, offset: int) -> Iterator[Event]:
        """Yield what the lexer would find in it; ``offset`` is its own, lines are counted from 0."""
        start = offset + self.begin - 1
        yield CopyStart(start - len(self.statement), start, 0, self.statement)
        end = offset + len(self.raw) - len(BLOCK_END)
        if end > start + 1:
            body = self.raw[self.begin : len(self.raw) - len(BLOCK_END)]
            yield CopyData(start + 1, end, 0, cast("bytes", body))  # it is only hashed
        yield CopyEnd(end, end + len(b"\\.\n"), self.rows)


class Frames(Protocol):
    """Where frames come from, in an order in which they can be written."""

    def ready(self) -> Iterator[Frame]:
        """Yield those that there are already."""

    def remaining(self) -> Iterator[Frame]:
        """Yield all that are still to come, waiting for them: there are no other rows any more."""


def write_dump(
    read: Callable[[int], bytes],
    output: BinaryIO,
    compression: Compression,
    *,
    on_progress: Callable[[int, str], None],
) -> WrittenDump:
    """Copy a whole dump from ``read`` to ``output`` and say what it holds.

    ``on_progress`` is told how many raw bytes passed and which COPY statement they belong to. Raises
    DumpRefused when the dump ends in the middle of something; the bytes so far are then in
    ``output``, and it is the caller's to throw them away.
    """
    with MemberWriter(output, compression) as members:
        writer = DumpWriter(read, members, on_progress)
        writer.take()
        return writer.written()


class DumpWriter:
    """Writes a dump and gathers what it holds.

    Either ``take`` or ``take_with_frames``; ``written`` at the end.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        members: MemberWriter,
        on_progress: Callable[[int, str], None],
    ) -> None:
        compile_patterns()  # while the program that writes the dump gets going
        self._stream = DumpStream(read)
        self._members = members
        self._on_progress = on_progress
        self._contents = ContentsReader()
        self._breaches = BreachReader()
        self._current = ""

    def take(self) -> None:
        """Take the dump as it comes; raise DumpRefused where it ends in the middle of something."""
        for event in self._stream.events():
            self._take(event)
        self._cut(self._stream.end)

    def take_with_frames(self, frames: Frames) -> None:
        """Take the dump, and ``frames`` into it.

        Those that there are already come among its data, all others before what follows data. A dump
        without a trailer may lack frames; its contents are not complete.
        """
        place = PlaceOfRows()
        waiting: list[Event] = []  # comments belong to what follows them
        for event in self._stream.events():
            waiting.append(event)
            if place.is_before(event):
                more = frames.remaining() if place.passed else frames.ready()
                put_in = self._put_in(more, waiting[0].offset)
                for each in waiting:
                    each.offset += put_in
                    each.end += put_in
            if not isinstance(event, Heading | Comment):
                self._take_all(waiting)
        self._take_all(waiting)
        self._cut(self._stream.end)

    def written(self) -> WrittenDump:
        """Return what was written, when all of it is in the file."""
        self._breaches.end(creates_database=False)
        self._members.finish()
        return WrittenDump(
            file_bytes=self._members.file_bytes,
            raw_bytes=self._members.raw_bytes,
            sha256=self._members.sha256.hexdigest(),
            compression=self._members.compression,
            members=tuple(self._members.members),
            contents=self._contents.contents(),
            rules=tuple(sorted(self._breaches.rules)),
            privileges=tuple(self._stream.privileges),
        )

    def _take_all(self, events: list[Event]) -> None:
        for event in events:
            self._take(event)
        events.clear()

    def _take(self, event: Event) -> None:
        kind = type(event)
        self._contents.feed(event)
        if kind is Heading or kind is Comment:  # most of all; no member ends there
            return
        self._breaches.feed(event)
        if isinstance(event, CopyStart):
            self._current = event.text.decode("utf-8", "replace")
        within_data = kind is CopyStart or kind is CopyData
        least = MEMBER_BYTES if within_data else SMALL_MEMBER_BYTES
        if event.end - self._stream.begin >= least:
            self._cut(event.end)

    def _cut(self, end: int) -> None:
        """Write what is pending up to ``end``, an offset in the whole dump."""
        if raw := self._stream.cut(end):
            self._members.write(self._members.pack_beside(raw), len(raw))
            self._on_progress(len(raw), self._current)

    def _put_in(self, frames: Iterator[Frame], place: int) -> int:
        """Write frames behind what comes up to an offset in the dump; return their size."""
        raw_bytes = 0
        for frame in frames:
            if not raw_bytes:
                self._cut(place)
            self._write_frame(frame)
            raw_bytes += len(frame.raw)
        self._stream.put_in(raw_bytes)
        return raw_bytes

    def _write_frame(self, frame: Frame) -> None:
        for event in frame.events(self._members.raw_bytes):
            self._contents.feed(event)
            self._breaches.feed(event)
        raw_bytes = len(frame.raw)
        self._members.write(frame.packed, raw_bytes, frame.written)
        self._on_progress(raw_bytes, frame.statement.decode("utf-8", "replace"))
