"""The command line: one module per verb, or per family of verbs.

Such a module holds the verb's click command, its ``--json`` document and its text for people. A new
one is named in the import list below, and nowhere else.
"""

from __future__ import annotations

from dbsnap.cli import (  # noqa: F401 - each adds its commands to the group
    backup,
    catalogue,
    demo,
    doctor,
    drill,
    export,
    prune,
    restore,
    rollback,
    validate,
    verify,
)
from dbsnap.cli.command import run

__all__ = ["run"]
