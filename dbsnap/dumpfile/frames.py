r"""A dump on its way to disk: counted, hashed, indexed and compressed as it passes.

One pass and bounded memory: what pg_dump writes is read in pieces, the lexer finds the COPY blocks in
them, and the same bytes go to the file unchanged, but for owners and privileges, which are kept apart.

A dump may also come in three parts: a pg_dump of everything up to the data (``main``), frames, which are
COPY blocks of rows that this pg_dump left out, and a pg_dump of what follows data (``post``). They are
put together to what one pg_dump would have written: the frames stand among main's data, post's header
is left out, and main's trailer, with the end of its ``\restrict`` pair, comes last.
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
    MetaCommand,
    Statement,
)
from dbsnap.dumpfile.members import MemberWriter
from dbsnap.dumpfile.parts import Part
from dbsnap.errors import DumpRefused

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
_PRELUDE = (b"SET ", b"SELECT pg_catalog.set_config('search_path', ")
_NO_PRELUDE = b"SET default_"
"""What depends on the objects that follow: pg_dump sets it anew for each part of a dump."""


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

    def next(self, *, wait: bool) -> Frame | None:
        """Return the next frame; None if there is none yet, or, having waited, none any more."""


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
        writer = DumpWriter(members, on_progress)
        writer.take_whole(read)
        return writer.written()


class DumpWriter:
    """Puts a dump together of its parts, in their order, and gathers what it holds.

    Either ``take_whole``, or ``take_main``, ``take_frames`` and ``take_post``; ``written`` at the end.
    """

    def __init__(self, members: MemberWriter, on_progress: Callable[[int, str], None]) -> None:
        compile_patterns()  # while the program that writes the dump gets going
        self._members = members
        self._on_progress = on_progress
        self._contents = ContentsReader()
        self._breaches = BreachReader()
        self._current = ""
        self._prelude: set[bytes] = set()
        self._parts: list[Part] = []

    def take_whole(self, read: Callable[[int], bytes]) -> None:
        """Take a dump that comes in one part; raise DumpRefused where it ends in something."""
        part = self._begin(read)
        for event in part.events():
            self._take(event, part)
        self._cut(part, part.end)

    def take_main(self, read: Callable[[int], bytes], frames: Frames) -> None:
        """Take the sections before and with data, and among the data what there is of ``frames``.

        Frames are put in as soon as main has come to data: that is at its first COPY, sequence value or
        large object (``BEGIN``); never into a transaction. Raises DumpRefused when main has no trailer.
        """
        part = self._begin(read)
        leading, data, transaction = True, False, False
        for event in part.events_before_trailer():
            self._take(event, part)
            if isinstance(event, Statement):
                leading = leading and self._is_prelude(event)
                transaction = event.text == b"BEGIN;" or (transaction and event.text != b"COMMIT;")
                data = data or transaction or event.text.startswith(_SET_VALUE)
            elif isinstance(event, CopyEnd):
                data = True
            else:
                continue
            if data and not transaction:
                while frame := frames.next(wait=False):
                    self._cut(part, max(event.end, part.begin))
                    part.shift += self._take_frame(frame)
        _refuse_without_trailer(part)
        self._cut(part, part.body_end)

    def take_frames(self, frames: Frames) -> None:
        """Take all frames that are still to come, behind main's data."""
        while frame := frames.next(wait=True):
            self._take_frame(frame)

    def take_post(self, read: Callable[[int], bytes]) -> None:
        """Take the section behind data, without header and settings that main has, and end the dump."""
        part = self._begin(read)
        prelude = True
        for event in part.events_before_trailer():
            if prelude and isinstance(event, Statement) and event.text not in self._prelude:
                prelude = False
            if not prelude:
                self._take(event, part)
            elif isinstance(event, Statement | MetaCommand):
                part.skip(event.end)
        _refuse_without_trailer(part)
        self._cut(part, part.body_end)
        main = self._parts[0]
        main.shift += self._members.raw_bytes - main.body_end
        for event in main.tail():
            self._feed(event)
        self._cut(main, main.end)

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
            privileges=tuple(each for part in self._parts for each in part.privileges),
        )

    def _begin(self, read: Callable[[int], bytes]) -> Part:
        part = Part(read, self._members.raw_bytes)
        self._parts.append(part)
        return part

    def _is_prelude(self, statement: Statement) -> bool:
        if not statement.text.startswith(_PRELUDE) or statement.text.startswith(_NO_PRELUDE):
            return False
        self._prelude.add(statement.text)
        return True

    def _feed(self, event: Event) -> None:
        self._contents.feed(event)
        self._breaches.feed(event)

    def _take(self, event: Event, part: Part) -> None:
        kind = type(event)
        self._contents.feed(event)
        if kind is Heading or kind is Comment:  # most of all; no member ends there
            return
        self._breaches.feed(event)
        if isinstance(event, CopyStart):
            self._current = event.text.decode("utf-8", "replace")
        within_data = kind is CopyStart or kind is CopyData
        least = MEMBER_BYTES if within_data else SMALL_MEMBER_BYTES
        if event.end - part.begin >= least:
            self._cut(part, event.end)

    def _cut(self, part: Part, end: int) -> None:
        """Write what is pending of a part up to ``end``, an offset in the whole dump."""
        if raw := part.cut(end):
            self._members.write(self._members.pack_beside(raw), len(raw))
            self._on_progress(len(raw), self._current)

    def _take_frame(self, frame: Frame) -> int:
        """Write a frame where the dump ends so far; return its size."""
        for event in frame.events(self._members.raw_bytes):
            self._feed(event)
        raw_bytes = len(frame.raw)
        self._members.write(frame.packed, raw_bytes, frame.written)
        self._on_progress(raw_bytes, frame.statement.decode("utf-8", "replace"))
        return raw_bytes


def _refuse_without_trailer(part: Part) -> None:
    if not part.has_trailer:
        raise DumpRefused("it has no trailer", rule="truncated")
