"""A large file written past the page cache, where the file system lets us (``O_DIRECT``, open(2)).

Nobody reads a dump soon, so caching it costs twice: the processor's time, which the server needs, and
the memory in which the server's own files are kept warm. Where it is not possible, and for what is too
small to matter, the file is written as usual.
"""

from __future__ import annotations

import errno
import fcntl
import io
import mmap
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

DIRECT = getattr(os, "O_DIRECT", 0)
"""0 where the system has no such thing (macOS)."""

BUFFER_BYTES = 4 << 20
"""Written at a time. Nothing smaller than this is worth the detour."""

BLOCK_BYTES = 4096
"""What places and lengths must be multiples of: at least the logical block of any disk in use."""


class DirectOutput(io.RawIOBase):
    """A file to write from beginning to end; it takes ``descriptor`` over, open for writing and empty.

    ``close`` writes what is left; it does not flush the disk's own cache, which is for ``fsync``. Any
    method may raise OSError, and what was given to it may then be partly in the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = mmap.mmap(-1, BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._direct = False
        self._may_be_direct = bool(DIRECT)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._descriptor

    def write(self, data: ReadableBuffer, /) -> int:
        """Take all of ``data``, and return its length in bytes."""
        given = memoryview(data)
        taken = 0
        while taken < len(given):
            piece = given[taken : taken + BUFFER_BYTES - self._filled]
            self._view[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            taken += len(piece)
            if self._filled == BUFFER_BYTES:
                self._go_direct()
                self._write_out(BUFFER_BYTES)
                self._filled = 0
        return taken

    def close(self) -> None:
        """Write what is left, and close the file, even if that fails."""
        if self.closed:
            return
        try:
            self._write_out(self._filled)
        finally:
            self._view.release()
            self._buffer.close()
            os.close(self._descriptor)
            super().close()

    def _go_direct(self) -> None:
        """Write past the cache from now on, if that can be; asked once."""
        if not self._may_be_direct:
            return
        self._may_be_direct = False
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags | DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return  # this file system knows no other way than the usual one
        self._direct = True

    def _go_usual(self) -> None:
        flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags & ~DIRECT)
        self._direct = False

    def _write_out(self, length: int) -> None:
        """Write the first ``length`` bytes of the buffer."""
        written = 0
        while written < length:
            whole = (length - written) // BLOCK_BYTES * BLOCK_BYTES
            if self._direct and (written % BLOCK_BYTES or not whole):
                self._go_usual()
            end = written + whole if self._direct else length
            try:
                written += os.write(self._descriptor, self._view[written:end])
            except OSError as error:
                if error.errno != errno.EINVAL or not self._direct:
                    raise
                self._go_usual()  # allowed, but not done: blocks are larger here
