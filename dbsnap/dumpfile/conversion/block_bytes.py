"""The body of one COPY block, read again without what stands before it where that can be skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xxhash import xxh3_128

from dbsnap.dumpfile.compression import reader
from dbsnap.dumpfile.stored import READ_BYTES
from dbsnap.errors import DumpRefused
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
    position, read = _reader_before(dump, block.offset, members)
    digest = xxh3_128()
    while position < block.end:
        piece = read(min(READ_BYTES, block.end - position))
        if not piece:
            break
        inside = piece[max(block.offset - position, 0) :]
        position += len(piece)
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


def _reader_before(
    dump: StoredDump, offset: int, members: Sequence[Member]
) -> tuple[int, Callable[[int], bytes]]:
    """Return the last raw offset not after ``offset`` where reading can begin, and the reader there."""
    if dump.compression == "none":
        return offset, dump.file_reader(offset)
    usable = [member for member in members if member[2] <= offset]
    if not usable:
        return 0, dump.raw()
    start, _, raw_offset, _ = max(usable, key=lambda member: member[2])
    return raw_offset, reader(dump.file_reader(start), dump.compression)
