"""What a restore of tables is about to change, backed up before: so that it can be undone.

The backup's filter selects every row that is about to be inserted, changed or deleted, and it holds
those that are there: restored with mode ``replace`` it brings these back and takes the others away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_backup.request import settle
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.quoting import quote_literal, quote_name
from dbsnap.postgres.tables.affected_rows import cascaded_keys, planned_keys
from dbsnap.postgres.tables.staged_table import DELETED, INSERTED, UPDATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.operations.recording import Backup
    from dbsnap.operations.table_restore.plan import TableRestoreOptions
    from dbsnap.operations.table_restore.work import TableWork
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import LiveTable
    from dbsnap.postgres.url import Database

    Save = Callable[[Sequence[str], Sequence[str], str], Backup]
    """Takes a backup of tables (as for ``backup -t``), with filters (``TABLE=SQL``), before a restore of
    the backup that is named."""

KEYS_NAMED = 1000
"""With more rows a table is backed up whole: a filter of keys would be longer than they are."""


@dataclass(frozen=True, slots=True)
class _Affected:
    """A table of which so many rows change; ``keys`` is the query for their keys, if it has a key."""

    live: LiveTable
    columns: Sequence[str]
    keys: str
    count: int
    only_inserts: bool


@dataclass(frozen=True, slots=True)
class SafetyBackup:
    """What was backed up before; ``notes`` say what a restore of it does not undo."""

    id: str
    notes: tuple[str, ...]


def refuse_unsafe(work: TableWork) -> None:
    """Raise CannotRun where no safety backup can be taken: it would wait for this transaction."""
    if work.unhidden:
        raise CannotRun(
            "row security is forced on the role itself, so that nobody else can read the table "
            "meanwhile: no safety backup can be taken",
            hint="take a backup yourself as a role with BYPASSRLS, and give --no-safety-backup",
        )


def values_not_saved(
    connection: Connection, database: Database, work: TableWork, options: TableRestoreOptions
) -> list[str]:
    """Say which of the values that will be gone a standing rule keeps out of the safety backup, too."""
    gone = _values_gone(work) if options.standing_exclusions else {}
    if not gone:
        return []
    request = TableRequest(
        [
            quote_name(live.relation.schema, live.relation.name)
            for live in map(work.live.__getitem__, gone)
        ],
        standing_exclusions=options.standing_exclusions,
        models=options.models,
    )
    notes = []
    for table in settle(connection, database, request).tables:
        lost = [name for name in table.excluded if name in gone.get(table.relation.oid, ())]
        if lost:
            notes.append(
                f"{table.relation.shown}: dbsnap.toml keeps {', '.join(lost)} out of backups of tables: "
                "the values that will be gone cannot be brought back"
            )
    return notes


def save_before(
    connection: Connection, work: TableWork, save: Save, backup: str
) -> SafetyBackup | None:
    """Back up the rows that are about to change or go; return None where there is nothing to back up.

    The tables are locked, so what another session reads is what this restore will change.
    """
    tables: list[str] = []
    filters: list[str] = []
    notes: list[str] = []
    for affected in _affected(work):
        relation = affected.live.relation
        pattern = quote_name(relation.schema, relation.name)
        if affected.columns and affected.count <= KEYS_NAMED:
            keys = [values for (values,) in fetch(connection, affected.keys)]
            filters.append(f"{pattern}={key_condition(affected.columns, keys)}")
        elif affected.only_inserts:
            notes.append(f"the rows inserted into {relation.title} are not undone by it")
            continue
        tables.append(pattern)
    if not tables:
        return None
    saved = save(tables, filters, backup)
    return SafetyBackup(saved.record.id, tuple(notes))


def key_condition(columns: Sequence[str], keys: Sequence[Sequence[str]]) -> str:
    """Return the SQL condition that a row has one of these keys, given as texts. Pure."""
    names = ", ".join(quote_name(column) for column in columns)
    rows = [", ".join(quote_literal(value).strip() for value in key) for key in keys]
    if len(columns) == 1:
        return f"{names} IN ({', '.join(rows)})"
    return f"({names}) IN ({', '.join(f'({row})' for row in rows)})"


def _affected(work: TableWork) -> Iterator[_Affected]:
    """Yield the tables of which rows will change; those that were created have none yet."""
    restored = {table.live.relation.oid: table for table in work.tables}
    for oid in {**restored, **work.cascaded}:
        live = work.live[oid]
        cascaded = sum(work.cascaded.get(oid, (0, 0)))
        if oid not in restored:
            columns = live.primary_key
            yield _Affected(
                live, columns, cascaded_keys(live.relation, columns), cascaded, only_inserts=False
            )
        elif live.relation.full_name not in work.created.tables:
            table = restored[oid]
            existing = work.count(table, UPDATED) + work.count(table, DELETED) + cascaded
            count = existing + work.count(table, INSERTED)
            keys = planned_keys(table)
            if cascaded:
                keys += f" UNION ALL {cascaded_keys(live.relation, table.key_columns)}"
            if count:
                yield _Affected(live, table.key_columns, keys, count, only_inserts=not existing)


def _values_gone(work: TableWork) -> dict[int, set[str]]:
    """Return the columns of each table, by oid, in which rows will not have the values they have."""
    gone = {table.live.relation.oid: {*work.changed.get(table.number, {})} for table in work.tables}
    emptied = [t.live.relation.oid for t in work.tables if work.count(t, DELETED)]
    for oid, (deleted, changed) in work.cascaded.items():
        if changed:
            keys = work.foreign_keys.of(oid)
            gone.setdefault(oid, set()).update(column for key in keys for column in key.columns)
        if deleted:
            emptied.append(oid)
    for oid in emptied:
        gone[oid] = {column.name for column in work.live[oid].columns}
    return {oid: columns for oid, columns in gone.items() if columns}
