"""``python -m dbsnap`` and the ``dbsnap`` command."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from typing import NoReturn

INTERRUPTED = 130

ALLOCATIONS_PER_COLLECTION = 1_000_000
"""How many objects may come to be before Python looks for cycles among them.

At its usual 700 that takes an eighth of the time of backing up thousands of tables, whose many objects
live to the end and are in no cycle; at a tenth of this still some hundredths.
"""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION)
    code = INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        from dbsnap.cli import run  # noqa: PLC0415 - a Ctrl-C while this imports shows no traceback

        code = run(sys.argv[1:])
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late for one: what is done is done
    _leave_at_once(code)


def _leave_at_once(code: int) -> NoReturn:
    """Leave without what Python does at its end: all is written, closed and joined by now.

    Python would free every object one by one, which after a backup of thousands of tables takes a tenth
    of a second. And where a Ctrl-C was raised within ``exec``, as while a module with dataclasses is
    imported, CPython 3.11 under ``-m`` would end itself by SIGINT there, though it was caught
    (``_Py_UnhandledKeyboardInterrupt`` in Python/pythonrun.c).
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
