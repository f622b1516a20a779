"""The command line: one module per verb, or per family of verbs.

Such a module holds the verb's click command, its ``--json`` document and its text for people. A new
verb is named in the table below, and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.cli.command import commands
from dbsnap.cli.invocation import run_command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

commands.modules = {
    "backup": "dbsnap.cli.backup",
    "demo": "dbsnap.cli.demo",
    "diff": "dbsnap.cli.diff",
    "doctor": "dbsnap.cli.doctor",
    "drill": "dbsnap.cli.drill",
    "export": "dbsnap.cli.export",
    "list": "dbsnap.cli.catalogue",
    "pin": "dbsnap.cli.prune",
    "prune": "dbsnap.cli.prune",
    "restore": "dbsnap.cli.restore",
    "rollback": "dbsnap.cli.rollback",
    "show": "dbsnap.cli.catalogue",
    "unpin": "dbsnap.cli.prune",
    "validate": "dbsnap.cli.validate",
    "verify": "dbsnap.cli.verify",
}


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no exception leaves here."""
    return run_command_line(commands, arguments)
