"""The body of one COPY block, read again without what stands before it where that can be skipped."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING

from xxhash import xxh3_128

from dbsnap.dumpfile.compression import reader
from dbsnap.dumpfile.stored import READ_BYTES
from dbsnap.errors import DumpRefused
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.dumpfile.contents import CopyBlock
    from dbsnap.dumpfile.stored import StoredDump

Member = tuple[int, int, int, int]
"""A member of a compressed file: offset and length in the file, offset and length of its raw bytes."""


def block_pieces(
    dump: StoredDump, block: CopyBlock, members: Sequence[Member] = ()
) -> Iterator[bytes]:
    """Yield the body of a block, as the guard has read it, in pieces of at most a megabyte.

    ``members`` of a compressed dump save reading it from its beginning. Raises DumpRefused at the end if
    these are not the bytes that the guard read.
    """
    yield from BlockReader(dump, members).pieces(block)


class BlockReader:
    """Reads blocks; one after the other in the dump's order, what lies between is read once at most."""

    def __init__(self, dump: StoredDump, members: Sequence[Member] = ()) -> None:
        self._dump = dump
        self._members = sorted(members, key=itemgetter(2))
        self._position = 0
        self._read = dump.raw()

    def pieces(self, block: CopyBlock) -> Iterator[bytes]:
        """Yield the body of a block; see ``block_pieces``."""
        self._go_before(block.offset)
        digest = xxh3_128()
        while self._position < block.end:
            piece = self._read(min(READ_BYTES, block.end - self._position))
            if not piece:
                break
            inside = piece[max(block.offset - self._position, 0) :]
            self._position += len(piece)
            digest.update(inside)
            if inside:
                yield inside
        if digest.hexdigest() != block.content:
            raise DumpRefused(
                f"the rows of {short_name(block.table)} were changed while they were read",
                rule="changed-bytes",
                table=short_name(block.table),
                hint="nothing was restored; take another copy of the file",
            )

    def _go_before(self, offset: int) -> None:
        """Go to where reading on leads to ``offset`` soonest."""
        if self._dump.compression == "none":
            self._position, self._read = offset, self._dump.file_reader(offset)
            return
        place = bisect_right(self._members, offset, key=itemgetter(2)) - 1
        start, _, raw_offset, _ = self._members[place] if place >= 0 else (0, 0, 0, 0)
        if not raw_offset <= self._position <= offset:
            self._position = raw_offset
            self._read = reader(self._dump.file_reader(start), self._dump.compression)
