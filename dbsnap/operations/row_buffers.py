"""The memory that rows are received into: much of them in one piece, and the pieces used again.

In one piece zstd compresses twice as fast as in many; memory that is used again needs no new pages from
the system, which cost as much as the rows' way through a socket.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dbsnap.dumpfile.frames import BLOCK_END
from dbsnap.postgres.row_session import END_OF_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.postgres.row_session import RowSession


class RowBuffer:
    """What is being received: a head of one's own, complete rows, and the beginning of another one.

    ``begin`` is where the rows do. What comes is put into ``room`` and counted by
    ``took``; whatever is asked for afterwards is about what came so far.
    """

    def __init__(self, size: int) -> None:
        self.begin = 0
        self._bytes = bytearray(size)
        self._filled = 0

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def room(self) -> memoryview:
        """Return where more can be put; there is always some behind it for ``BLOCK_END``."""
        return memoryview(self._bytes)[self._filled : len(self._bytes) - len(BLOCK_END)]

    def start(self, head: bytes, rows: bytes | memoryview) -> None:
        """Begin with ``head`` and with rows that came already; there must be room for them."""
        self.begin = len(head)
        self._filled = self.begin + len(rows)
        self._bytes[: self.begin] = head
        self._bytes[self.begin : self._filled] = rows

    def took(self, count: int) -> None:
        """Take note that so many bytes were put into ``room``."""
        self._filled += count

    def is_complete(self) -> bool:
        """Return whether all rows have come; rows begin at ``begin``, so their end may stand there."""
        end = self._filled - len(END_OF_ROWS)
        return (
            end >= self.begin
            and self._bytes.endswith(END_OF_ROWS, end, self._filled)
            and (end == self.begin or self._bytes[end - 1 : end] == b"\n")
        )

    def take_rest(self) -> memoryview:
        """Return what stands behind the last complete row; it is no part of this frame any more.

        To be used before ``raw`` is called.
        """
        end = max(self._bytes.rfind(b"\n", self.begin, self._filled) + 1, self.begin)
        rest = memoryview(self._bytes)[end : self._filled]
        self._filled = end
        return rest

    def drop_end(self) -> None:
        """Forget the end of a part that is complete: it is no row."""
        self._filled -= len(END_OF_ROWS)

    def has_rows(self) -> bool:
        """Return whether there is anything but the head."""
        return self._filled > self.begin

    def rows(self) -> memoryview:
        """Return the rows that came; they stay there until ``start`` is called again."""
        return memoryview(self._bytes)[self.begin : self._filled]

    def raw(self) -> memoryview:
        """Return the whole frame, as it stands in a dump."""
        end = self._filled + len(BLOCK_END)
        self._bytes[self._filled : end] = BLOCK_END
        return memoryview(self._bytes)[:end]


class RowBuffers:
    """Where sessions get their buffers from, each of ``size`` bytes; for any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[RowBuffer] = []
        self._lock = threading.Lock()

    def take(self, head: bytes, rows: bytes | memoryview = b"") -> RowBuffer:
        """Return a buffer that begins with ``head`` and ``rows``, and has room for as much again."""
        size = max(self._size, 2 * (len(head) + len(rows)) + len(BLOCK_END))
        with self._lock:
            buffer = self._free.pop() if self._free and size == self._size else None
        buffer = buffer or RowBuffer(size)
        buffer.start(head, rows)
        return buffer

    def give_back(self, buffer: RowBuffer) -> None:
        """Let others use a buffer whose frame is written; one made for a long row just ends."""
        if len(buffer) == self._size:
            with self._lock:
                self._free.append(buffer)


def received(session: RowSession, statement: str, buffers: RowBuffers) -> Iterator[memoryview]:
    """Yield the rows that a COPY statement gives, in pieces of complete rows.

    A piece is there until the next one is asked for. Raises ToolFailed where psql fails.
    """
    buffer = buffers.take(b"")
    session.copy(statement)
    while not buffer.is_complete():
        if buffer.room:
            buffer.took(session.receive(buffer.room))
            continue
        rest = bytes(buffer.take_rest())
        if buffer.has_rows():
            yield buffer.rows()
            buffer.start(b"", rest)
        else:  # a row that is longer than the buffer
            buffer = buffers.take(b"", rest)
    buffer.drop_end()
    if buffer.has_rows():
        yield buffer.rows()
    buffers.give_back(buffer)
