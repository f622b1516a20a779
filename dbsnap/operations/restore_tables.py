"""restore of tables: guard → lock → stage → plan → confirm → apply → compare → commit.

All of it is one transaction, READ COMMITTED because the locks keep every other writer away: each
statement sees what was committed before they were had, and nothing changes it from then on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.errors import OperationFailed
from dbsnap.operations.table_restore.applying import (
    apply_plan,
    verify_definitions,
    verify_tables,
)
from dbsnap.operations.table_restore.creation import create_missing_tables
from dbsnap.operations.table_restore.plan import TableRestoreOptions, TablesPlan
from dbsnap.operations.table_restore.planning import make_plan
from dbsnap.operations.table_restore.safety import refuse_unsafe, save_before
from dbsnap.operations.table_restore.sequences import move_sequences
from dbsnap.operations.table_restore.source import opened_source
from dbsnap.operations.table_restore.staging import prepare_tables, stage_tables
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.tables.locks import bounded_waits
from dbsnap.postgres.tables.selection import user_search_path
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.operations.table_restore.safety import SafetyBackup, Save
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

BEGIN = """\
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL standard_conforming_strings TO on;
SET LOCAL client_min_messages TO warning;
SET LOCAL work_mem TO '64MB';
SET LOCAL jit TO off;
"""


@dataclass(frozen=True, slots=True)
class RestoredTables:
    """A finished restore of tables: exactly what its plan says, which was compared with the backup.

    ``safety`` is the backup of what it changed, if any was taken.
    """

    plan: TablesPlan
    safety: SafetyBackup | None
    duration_seconds: float


def restore_tables(
    file: Path,
    database: Database,
    *,
    show: Callable[[TablesPlan], None],
    confirm: Callable[[TablesPlan], None],
    save: Save | None,
    options: TableRestoreOptions | None = None,
    progress: Progress | None = None,
) -> RestoredTables:
    """Put tables of a backup back, or rows of them, and commit only what was found to be the backup's.

    ``file`` is a dump, or an export in JSON or NDJSON.
    ``show`` is given the plan, then, where there is anything to do and nothing against it, ``confirm``,
    which raises ConfirmationNeeded to end it there. ``save`` backs up what is about to change, None
    leaves that out. Meanwhile the tables are locked against other
    writers; readers see them as they were. Raises DumpRefused, UsageError, RightMissing, ServerFailed
    (a lock is not to be had), OperationFailed (the plan has problems, or the server refuses a row) or
    VerificationFailed; on every failure, and whenever it is killed, nothing was changed.
    """
    progress = progress or NoProgress()
    options = options or TableRestoreOptions()
    started = time.monotonic()
    safety = None
    with (
        opened_source(file, options, progress=progress) as source,
        connect(database, purpose="dbsnap restore") as connection,
    ):
        path = user_search_path(connection, database)
        execute(connection, BEGIN)
        with bounded_waits(connection, options.lock_timeout_seconds):
            created = create_missing_tables(connection, source)
            work = prepare_tables(connection, source.tables, options, created, path)
            stage_tables(connection, source, work, progress)
            progress.phase("planning")
            if save is not None:
                refuse_unsafe(work)
            plan = make_plan(connection, source, database, work, options, safety=save is not None)
        progress.done()
        show(plan)
        _refuse_problems(plan)
        if plan.changes_anything:
            confirm(plan)
            if save is not None:
                progress.phase("backing up what will change or go")
                safety = save_before(connection, work, save, source.id)
            progress.phase("restoring")
            apply_plan(connection, work, lock_seconds=options.lock_timeout_seconds)
            progress.phase("comparing with the backup")
            verify_tables(connection, work)
            verify_definitions(connection, work)
            move_sequences(connection, plan.sequences)
            execute(connection, "COMMIT")  # the commit point: nobody has seen anything of it before
    progress.done()
    return RestoredTables(plan, safety, time.monotonic() - started)


def _refuse_problems(plan: TablesPlan) -> None:
    if plan.problems:
        more = len(plan.problems) - 1
        raise OperationFailed(
            f"this cannot be restored: {plan.problems[0].message}"
            + (f" (and {more} more)" if more else ""),
            hint="nothing was changed; the plan names all that stands against it",
        )
