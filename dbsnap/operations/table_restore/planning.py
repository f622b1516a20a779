"""The plan of a restore of tables, made of what is staged: exact to the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.operations.table_restore.plan import TablePlan, TablesPlan, counted
from dbsnap.operations.table_restore.plan_references import (
    find_missing_references,
    follow_foreign_keys,
)
from dbsnap.operations.table_restore.plan_rows import (
    find_conflicts,
    find_missing_values,
    plan_rows,
    sample_rows,
)
from dbsnap.operations.table_restore.safety import values_not_saved
from dbsnap.operations.table_restore.sequences import sequences_behind
from dbsnap.postgres.tables.staged_table import DELETED, INSERTED, KEPT, UPDATED

if TYPE_CHECKING:
    from dbsnap.operations.table_restore.plan import TableRestoreOptions
    from dbsnap.operations.table_restore.source import TablesSource
    from dbsnap.operations.table_restore.work import TableWork
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.staged_table import StagedTable
    from dbsnap.postgres.url import Database


def make_plan(
    connection: Connection,
    source: TablesSource,
    database: Database,
    work: TableWork,
    options: TableRestoreOptions,
    *,
    safety: bool,
) -> TablesPlan:
    """Return what will happen, from the staged rows and the live ones; ``work`` then knows it too.

    What stands against it is among the plan's problems. Only temporary tables are written. Raises
    UsageError and RightMissing.
    """
    plan_rows(connection, work)
    find_conflicts(connection, work)
    find_missing_values(connection, work)
    effects = follow_foreign_keys(connection, work)
    unchecked = find_missing_references(connection, work)
    unsaved = values_not_saved(connection, database, work, options) if safety else []
    return TablesPlan(
        backup=source.id,
        source=source.origin,
        created_at=source.created_at,
        database=database.label,
        tables=tuple(_plan_of(connection, work, table) for table in work.tables),
        effects=tuple(effects),
        sequences=tuple(sequences_behind(connection, work.tables, source.sequences)),
        notes=(*work.created.notes, *unchecked, *unsaved),
        problems=tuple(work.problems),
        safety=safety,
    )


def _plan_of(connection: Connection, work: TableWork, table: StagedTable) -> TablePlan:
    live = table.live
    changed = work.changed.get(table.number, {})
    switched = {trigger for _, _, trigger, _ in live.triggers} if work.changes(table) else set()
    silent = [f"{counted(len(switched), 'trigger')} will not fire: {', '.join(sorted(switched))}"]
    return TablePlan(
        table=live.relation.title,
        mode=table.mode,
        key=table.key_columns,
        created=live.relation.full_name in work.created.tables,
        staged=work.staged_rows[table.number],
        present=work.present[live.relation.oid],
        inserted=sample_rows(connection, work, table, INSERTED),
        updated=sample_rows(connection, work, table, UPDATED),
        deleted=sample_rows(connection, work, table, DELETED),
        kept=sample_rows(connection, work, table, KEPT),
        changed_columns=tuple(
            (column, changed[column]) for column in table.restored if column in changed
        ),
        notes=(*work.mappings[table.number].notes, *(silent if switched else [])),
    )
