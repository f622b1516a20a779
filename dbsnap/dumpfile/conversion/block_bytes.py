"""The body of one COPY block, read again without what stands before it where that can be skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xxhash import xxh3_128

from dbsnap.errors import DumpRefused
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.dumpfile.stored import StoredDump

PIECE_BYTES = 128 << 10
"""How many bytes of rows are taken at a time.

As much memory is had again and again; a megabyte would be had from the system and given back each time,
which took a third of the time for which a load needs dbsnap. psycopg cuts larger pieces, too.
"""


def block_pieces(dump: StoredDump, block: CopyBlock) -> Iterator[bytes]:
    """Yield the body of a block, as the guard has read it, in pieces of at most ``PIECE_BYTES``.

    Raises DumpRefused at the end if these are not the bytes that the guard read.
    """
    yield from BlockReader(dump).pieces(block)


class BlockReader:
    """Reads blocks; one after the other in the dump's order, what lies between is read once at most."""

    def __init__(self, dump: StoredDump) -> None:
        self._dump = dump
        self._position = 0
        self._read = dump.raw()

    def pieces(self, block: CopyBlock) -> Iterator[bytes]:
        """Yield the body of a block; see ``block_pieces``."""
        self._go_before(block.offset)
        digest = xxh3_128()
        while self._position < block.end:
            piece = self._read(min(PIECE_BYTES, block.end - self._position))
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
        start, read = self._dump.raw_from(offset)
        if not start <= self._position <= offset:
            self._position, self._read = start, read
