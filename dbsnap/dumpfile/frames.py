"""A dump on its way to disk: counted, hashed, indexed and compressed as it passes.

One pass and bounded memory: what pg_dump writes is read in pieces, the lexer finds the COPY blocks in
them, and the same bytes go to the file unchanged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from dbsnap.dumpfile.compression import Compression, Member, compress
from dbsnap.dumpfile.contents import ContentsReader, DumpContents
from dbsnap.dumpfile.guarding.breaches import BreachReader
from dbsnap.dumpfile.lexer import CopyData, CopyStart, lex

if TYPE_CHECKING:
    from collections.abc import Callable

MEMBER_BYTES = 32 << 20
"""A compressed member holds at most about this many raw bytes."""

SMALL_MEMBER_BYTES = 1 << 20
"""A member is closed at the end of a statement or COPY block once it holds this much."""


@dataclass(frozen=True, slots=True)
class WrittenDump:
    """What was written: sizes in bytes, the sha256 of the file, its members and its contents.

    ``rules`` are the guard's rules that the dump breaks, because its source does.
    """

    file_bytes: int
    raw_bytes: int
    sha256: str
    compression: Compression
    members: tuple[Member, ...]
    contents: DumpContents
    rules: tuple[str, ...]


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
    writer = _MemberWriter(read, output, compression)
    contents = ContentsReader()
    breaches = BreachReader()
    current = ""
    for event in lex(writer.read):
        contents.feed(event)
        breaches.feed(event)
        if isinstance(event, CopyStart):
            current = event.text.decode("utf-8", "replace")
        within_data = isinstance(event, CopyStart | CopyData)
        written = writer.cut(event.end, least=MEMBER_BYTES if within_data else SMALL_MEMBER_BYTES)
        if written:
            on_progress(written, current)
    breaches.end(creates_database=False)
    written = writer.finish()
    on_progress(written, current)
    return WrittenDump(
        file_bytes=writer.file_bytes,
        raw_bytes=writer.raw_bytes,
        sha256=writer.sha256.hexdigest(),
        compression=compression,
        members=tuple(writer.members),
        contents=contents.contents(),
        rules=tuple(sorted(breaches.rules)),
    )


class _MemberWriter:
    """Keeps what was read until it is cut off and written as a member."""

    def __init__(
        self, read: Callable[[int], bytes], output: BinaryIO, compression: Compression
    ) -> None:
        self._read = read
        self._output = output
        self._compression = compression
        self._pending = bytearray()
        self._pending_offset = 0
        self.members: list[Member] = []
        self.file_bytes = 0
        self.raw_bytes = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Read on behalf of the lexer, keeping a copy."""
        piece = self._read(size)
        self._pending += piece
        self.raw_bytes += len(piece)
        return piece

    def cut(self, raw_end: int, *, least: int) -> int:
        """Write what is pending up to ``raw_end`` if that is at least ``least``; return its size."""
        length = raw_end - self._pending_offset
        if length < least:
            return 0
        raw = bytes(memoryview(self._pending)[:length])
        del self._pending[:length]
        packed = compress(raw, self._compression)
        self._output.write(packed)
        self.sha256.update(packed)
        self.members.append(Member(self.file_bytes, len(packed), self._pending_offset, length))
        self.file_bytes += len(packed)
        self._pending_offset += length
        return length

    def finish(self) -> int:
        """Write the rest."""
        return self.cut(self._pending_offset + len(self._pending), least=1)
