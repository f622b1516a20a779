"""The file that a dump is written into: threads compress its members, one writes them in order."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, Self

from dbsnap.dumpfile.compression import Compression, Member, compress
from dbsnap.scheduling import give_way

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 2
"""How many members are compressed beside at a time; one thread keeps up with one pg_dump."""

Raw = bytes | memoryview
Packed = Raw | Future[Raw]
"""A member as it will stand in the file, or will be one day."""


class MemberWriter:
    """Writes members in the order in which they are given.

    Up to ``THREADS`` wait to be written: more, and ``write`` waits itself. At the end of its ``with``
    block all threads have ended, and what was given is written unless an exception leaves the block.
    Raises OSError where the disk is full, from ``write`` or from ``finish``.
    """

    def __init__(self, output: BinaryIO, compression: Compression) -> None:
        self.compression = compression
        self.members: list[Member] = []
        self.file_bytes = 0
        self.raw_bytes = 0
        self.sha256 = hashlib.sha256()
        self._output = output
        self._packing = ThreadPoolExecutor(THREADS, "compressing", give_way)
        self._writing = ThreadPoolExecutor(1, "writing", give_way)
        self._unwritten: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packing.shutdown(cancel_futures=True)
        self._writing.shutdown(cancel_futures=True)

    def pack(self, raw: Raw) -> Raw:
        """Compress a member whose turn to be written may come later; in the calling thread, any one."""
        return raw if self.compression == "none" else compress(raw, self.compression)

    def pack_beside(self, raw: Raw) -> Packed:
        """Begin to compress a member in a thread that does nothing else."""
        return raw if self.compression == "none" else self._packing.submit(self.pack, raw)

    def write(
        self, packed: Packed, raw_length: int, written: Callable[[], None] = lambda: None
    ) -> None:
        """Give the next member of the file, which holds so many raw bytes.

        ``written`` is called in another thread when it is in the file.
        """
        raw_offset = self.raw_bytes
        self.raw_bytes += raw_length
        writing = self._writing.submit(self._write, packed, raw_offset, raw_length, written)
        self._unwritten.append(writing)
        while len(self._unwritten) > THREADS:
            self._unwritten.popleft().result()

    def finish(self) -> None:
        """Wait until everything is written."""
        while self._unwritten:
            self._unwritten.popleft().result()

    def _write(
        self, packed: Packed, raw_offset: int, raw_length: int, written: Callable[[], None]
    ) -> None:
        offset = self.file_bytes
        member = packed.result() if isinstance(packed, Future) else packed
        self._output.write(member)
        self.sha256.update(member)
        self.file_bytes += len(member)
        written()
        self.members.append(Member(offset, self.file_bytes - offset, raw_offset, raw_length))
