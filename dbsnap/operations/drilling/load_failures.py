"""Why a dump did not load: because of the backup, or because of the server it was tried on. Pure."""

from __future__ import annotations

import re

OF_THE_SERVER = re.compile(
    r"""
    no\ space\ left | could\ not\ (?:extend|write|create|open)\ (?:file|temporary)
    | out\ of\ (?:memory|shared\ memory) | too\ many\ (?:clients|connections)
    | connection\ to\ server | server\ closed\ the\ connection | terminating\ connection
    | the\ database\ system\ is | was\ ended\ by\ signal
    | collation\ .*does\ not\ exist | could\ not\ create\ locale | ICU\ is\ not\ supported
    | could\ not\ (?:access|load)\ (?:file|library) | language\ .*does\ not\ exist
    | role\ .*does\ not\ exist | tablespace\ .*does\ not\ exist | not\ a\ superuser
    | permission\ denied | must\ be\ (?:superuser|owner) | extension\ .*is\ not\ available
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What PostgreSQL says where it lacks something that no dump brings along, in English."""


def proves_nothing(message: str, *, less: bool = False) -> bool:
    """Return whether a load failed because of the server, which says nothing of the backup.

    With ``less`` than the whole dump, code may miss what was left out.
    """
    return OF_THE_SERVER.search(message) is not None or (less and "does not exist" in message)
