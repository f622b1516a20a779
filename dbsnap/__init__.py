"""dbsnap: plain-SQL backups of PostgreSQL that are proved, not hoped for.

For other programs: the recipes that the command line calls, with the types they take and give. They
print nothing, and what they raise on purpose is a ``DbsnapError``. A name is imported when it is first
used, so that ``import dbsnap`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dbsnap.version import VERSION

if TYPE_CHECKING:
    from dbsnap.archive.storage import find_dump as find_dump
    from dbsnap.errors import CannotRun as CannotRun
    from dbsnap.errors import ConfirmationNeeded as ConfirmationNeeded
    from dbsnap.errors import DbsnapError as DbsnapError
    from dbsnap.errors import DumpRefused as DumpRefused
    from dbsnap.errors import OperationFailed as OperationFailed
    from dbsnap.errors import UsageError as UsageError
    from dbsnap.errors import VerificationFailed as VerificationFailed
    from dbsnap.operations.backup import backup as backup
    from dbsnap.operations.backup_tables import backup_tables as backup_tables
    from dbsnap.operations.diff import Difference as Difference
    from dbsnap.operations.diff import diff_backups as diff_backups
    from dbsnap.operations.diff import diff_live as diff_live
    from dbsnap.operations.drill import drill as drill
    from dbsnap.operations.drill import drill_all as drill_all
    from dbsnap.operations.drilling.expectation import UserCheck as UserCheck
    from dbsnap.operations.drilling.expectation import expectation as expectation
    from dbsnap.operations.drilling.options import DrillOptions as DrillOptions
    from dbsnap.operations.dumping.dump import DumpOptions as DumpOptions
    from dbsnap.operations.recording import Backup as Backup
    from dbsnap.operations.restore import Restored as Restored
    from dbsnap.operations.restore import restore as restore
    from dbsnap.operations.restore_tables import RestoredTables as RestoredTables
    from dbsnap.operations.restore_tables import restore_tables as restore_tables
    from dbsnap.operations.restoring.plan import RestoreOptions as RestoreOptions
    from dbsnap.operations.restoring.plan import RestorePlan as RestorePlan
    from dbsnap.operations.table_backup.plan import TableRequest as TableRequest
    from dbsnap.operations.table_restore.plan import TableRestoreOptions as TableRestoreOptions
    from dbsnap.operations.table_restore.plan import TablesPlan as TablesPlan
    from dbsnap.operations.validate import Validated as Validated
    from dbsnap.operations.validate import validate as validate
    from dbsnap.operations.verify import Verification as Verification
    from dbsnap.operations.verify import VerifyOptions as VerifyOptions
    from dbsnap.operations.verify import verify as verify
    from dbsnap.postgres.throwaway import ThrowawayServer as ThrowawayServer
    from dbsnap.postgres.throwaway import server_binaries as server_binaries
    from dbsnap.postgres.throwaway import throwaway_server as throwaway_server
    from dbsnap.postgres.url import Database as Database
    from dbsnap.postgres.url import parse_url as parse_url
    from dbsnap.progress import Progress as Progress
    from dbsnap.report import Finding as Finding
    from dbsnap.reports.outcome import Check as Check
    from dbsnap.reports.outcome import Drill as Drill

__version__ = VERSION

_HOMES = {
    "dbsnap.archive.storage": ("find_dump",),
    "dbsnap.errors": (
        "CannotRun",
        "ConfirmationNeeded",
        "DbsnapError",
        "DumpRefused",
        "OperationFailed",
        "UsageError",
        "VerificationFailed",
    ),
    "dbsnap.operations.backup": ("backup",),
    "dbsnap.operations.backup_tables": ("backup_tables",),
    "dbsnap.operations.diff": (
        "Difference",
        "diff_backups",
        "diff_live",
    ),
    "dbsnap.operations.drill": (
        "drill",
        "drill_all",
    ),
    "dbsnap.operations.drilling.expectation": (
        "UserCheck",
        "expectation",
    ),
    "dbsnap.operations.drilling.options": ("DrillOptions",),
    "dbsnap.operations.dumping.dump": ("DumpOptions",),
    "dbsnap.operations.recording": ("Backup",),
    "dbsnap.operations.restore": (
        "Restored",
        "restore",
    ),
    "dbsnap.operations.restoring.plan": (
        "RestoreOptions",
        "RestorePlan",
    ),
    "dbsnap.operations.restore_tables": (
        "RestoredTables",
        "restore_tables",
    ),
    "dbsnap.operations.table_backup.plan": ("TableRequest",),
    "dbsnap.operations.table_restore.plan": (
        "TableRestoreOptions",
        "TablesPlan",
    ),
    "dbsnap.operations.validate": (
        "Validated",
        "validate",
    ),
    "dbsnap.operations.verify": (
        "Verification",
        "VerifyOptions",
        "verify",
    ),
    "dbsnap.postgres.throwaway": (
        "ThrowawayServer",
        "server_binaries",
        "throwaway_server",
    ),
    "dbsnap.postgres.url": (
        "Database",
        "parse_url",
    ),
    "dbsnap.progress": ("Progress",),
    "dbsnap.report": ("Finding",),
    "dbsnap.reports.outcome": (
        "Check",
        "Drill",
    ),
}
"""The module of each public name."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'dbsnap' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what there is, imported or not."""
    return sorted({*globals(), *_HOME_OF})
