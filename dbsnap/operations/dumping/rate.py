"""A limit of bytes a second, kept by all who read for one dump together."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Rate:
    """Lets whoever has read wait so long that together no more than ``limit`` bytes a second are read.

    Nobody waits without a limit. What is not read stays with the server, which then waits itself.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._taken = 0
        self._began: float | None = None
        self._ended = threading.Event()

    def took(self, count: int) -> None:
        """Wait as long as ``count`` bytes more, which were read, are too many."""
        if self._limit is None:
            return
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            self._taken += count
            due = self._began + self._taken / self._limit
        delay = due - time.monotonic()
        if delay > 0:
            self._ended.wait(delay)

    def end(self) -> None:
        """Let everybody go who waits, and nobody wait any more."""
        self._ended.set()

    def limited(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return a function that reads as ``read`` does, but not faster."""
        if self._limit is None:
            return read

        def slowly(size: int) -> bytes:
            piece = read(size)
            self.took(len(piece))
            return piece

        return slowly
