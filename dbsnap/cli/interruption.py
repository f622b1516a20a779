"""Ctrl-C, SIGTERM and SIGHUP: raised in the midst of whatever runs, heard for certain, and once."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

AGAIN_SECONDS = 0.01


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGHUP: unwinds like Ctrl-C, so that everything half-done is removed."""


@contextmanager
def interruptions_heard() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise Interrupted until the block ends, and let no interruption be lost.

    Python drops an exception that a signal raises within a destructor or a callback of a weak reference
    or of ``os.fork``, and only tells ``sys.unraisablehook``: the signal is then sent once more.
    """
    ignored = {n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_IGN}
    raising = {signal.SIGTERM, signal.SIGHUP} - ignored  # nohup stays in force
    handlers = {number: signal.signal(number, _interrupt) for number in raising}
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a message be printed to its end: a second Ctrl-C would cut it off with a traceback."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: Any) -> None:
    raise Interrupted


def _interrupt_again(dropped: Any) -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    number = signal.SIGTERM if issubclass(dropped.exc_type, Interrupted) else signal.SIGINT
    main = threading.main_thread().ident  # it may be waiting: its own wait must be interrupted
    threading.Timer(AGAIN_SECONDS, signal.pthread_kill, (main, number)).start()
