"""How the system shares its processors out among dbsnap's threads, its programs and the server."""

from __future__ import annotations

import os
from contextlib import suppress


def give_way() -> None:
    """Make the calling thread, and what it starts from now on, batch work (``SCHED_BATCH``, sched(7)).

    Batch work does not interrupt others each time there is something for it to do: a server on the same
    machine works on undisturbed, and a dump takes a twentieth less. Without effect where the system
    knows no such thing (macOS) or does not let us.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
