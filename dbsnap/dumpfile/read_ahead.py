"""Reading a little ahead in another thread: reading, unpacking and hashing let Python go on."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE_BYTES = 1 << 20
WAITING_BYTES = 4 << 20
"""How much may wait to be taken."""


@contextmanager
def read_ahead(read: Callable[[int], bytes]) -> Iterator[Callable[[int], bytes]]:
    """Give a function that reads the same bytes as ``read``, which is called in another thread.

    It raises what ``read`` raised when it comes to that place. ``read`` is called no more once the block
    has ended, or once it gave b"", which is the end.
    """
    ahead = _Ahead(read)
    thread = threading.Thread(target=ahead.run, name="reading ahead", daemon=True)
    thread.start()
    try:
        yield ahead.read
    finally:
        ahead.stop()
        thread.join()


class _Ahead:
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._failure: BaseException | None = None
        self._ended = self._stopped = False
        self._changed = threading.Condition()

    def run(self) -> None:
        """Read until the end; in the other thread."""
        try:
            while self._has_room() and (piece := self._read(PIECE_BYTES)):
                with self._changed:
                    self._pieces.append(piece)
                    self._waiting += len(piece)
                    self._changed.notify_all()
        except BaseException as failure:  # noqa: BLE001 - raised again by read()
            self._failure = failure
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; b"" at the end."""
        with self._changed:
            while not self._pieces and not self._ended:
                self._changed.wait()
            if self._pieces:
                piece = self._pieces.popleft()
                if len(piece) > size:
                    self._pieces.appendleft(piece[size:])
                self._waiting -= min(len(piece), size)
                self._changed.notify_all()
                return piece[:size]
            if self._failure is not None:
                raise self._failure
            return b""

    def stop(self) -> None:
        """Let the other thread end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        with self._changed:
            while self._waiting >= WAITING_BYTES and not self._stopped:
                self._changed.wait()
            return not self._stopped
