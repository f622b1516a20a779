"""The plan of a restore of tables: which rows are inserted, updated and deleted, and what forbids it."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.inventory import object_name
from dbsnap.operations.table_restore.plan import Rows, counted, row_name
from dbsnap.postgres.connection import execute, fetch, fetch_value
from dbsnap.postgres.tables.row_differences import (
    nulls_in,
    plan_changes,
    planned_counts,
    repeated_keys,
    samples,
)
from dbsnap.postgres.tables.selection import search_path
from dbsnap.postgres.tables.staged_table import CREATE_PLAN, INSERTED, PLAN, UPDATED
from dbsnap.postgres.tables.unique_values import column_to_let_go, conflicts, held_by_updated_rows
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.operations.table_restore.work import TableWork
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.live_table import UniqueKey
    from dbsnap.postgres.tables.staged_table import Kind, StagedTable

SAMPLES = 3


def plan_rows(connection: Connection, work: TableWork) -> None:
    """Compare what is staged with what is live, and put what is to be done into the plan.

    Raises UsageError where several rows of the backup have one key of the live table.
    """
    execute(connection, CREATE_PLAN)
    for table in work.tables:
        if table.key and work.mappings[table.number].key_is_new:
            _refuse_repeated_keys(connection, table)
        for statement in plan_changes(table):
            execute(connection, statement)
        live = table.live.relation
        work.present[live.oid] = fetch_value(
            connection, f"SELECT pg_catalog.count(*) FROM {live.rows}"
        )
    execute(connection, f"ANALYZE {PLAN}")
    tables = {table.number: table for table in work.tables}
    for number, kind, changed, rows in fetch(connection, planned_counts()):
        work.counts[number, kind] = work.counts.get((number, kind), 0) + rows
        columns = tables[number].restored
        for column in compress(columns, changed or ()):
            of_table = work.changed.setdefault(number, {})
            of_table[column] = of_table.get(column, 0) + rows


def sample_rows(connection: Connection, work: TableWork, table: StagedTable, kind: Kind) -> Rows:
    """Return how many rows of one kind are planned for a table, and the names of the first."""
    count = work.count(table, kind)
    if not count:
        return Rows()
    found = fetch(connection, samples(table, kind, SAMPLES))
    return Rows(count, tuple(row_name(table.shown_columns, values) for (values,) in found))


def find_conflicts(connection: Connection, work: TableWork) -> None:
    """Note restored rows that need a value which a row that stays has, and those that swap values."""
    for table in work.tables:
        for key in table.live.unique_keys:
            if key.parts == table.key and not key.predicate:
                continue
            kinds = [
                kind
                for kind in work.kinds(table)
                if kind == INSERTED or work.updates_any(table, key.columns)
            ]
            with search_path(connection, work.search_path):  # functions of indexes may rely on it
                if kinds:
                    _find_held(connection, work, table, key, kinds)
                if UPDATED in kinds and key.immediate:
                    _find_swapped(connection, work, table, key)


def find_missing_values(connection: Connection, work: TableWork) -> None:
    """Note the rows that lack a value which the live table demands."""
    for table in work.tables:
        title = table.live.relation.title
        inserts = work.count(table, INSERTED)
        for column in work.mappings[table.number].unfilled if inserts else ():
            work.problems.append(
                _problem(
                    table,
                    f"{counted(inserts, 'row')} to insert into {title} would have no value for "
                    f"{column}, which is NOT NULL without a default: give one with "
                    f"--fill {title}.{column}=VALUE",
                )
            )
        demanded = work.mappings[table.number].demanded
        if demanded and work.kinds(table):
            nulls = fetch_value(connection, nulls_in(table, demanded))
            for column, count in zip(demanded, nulls, strict=True):
                if count:
                    message = (
                        f"{title}.{column} is NOT NULL now, but NULL in {counted(count, 'row')} "
                        "of the backup"
                    )
                    work.problems.append(_problem(table, message))


def _refuse_repeated_keys(connection: Connection, table: StagedTable) -> None:
    if repeated := fetch(connection, repeated_keys(table)):
        names = ", ".join(row_name(table.key_columns, values) for (values,) in repeated)
        raise UsageError(
            f"the backup has several rows of {table.live.relation.title} with the same key: {names}",
            hint="its key is new since the backup was taken: restore it into another database",
        )


def _find_held(
    connection: Connection,
    work: TableWork,
    table: StagedTable,
    key: UniqueKey,
    kinds: Sequence[Kind],
) -> None:
    held = fetch(connection, conflicts(table, key, kinds))
    if not held:
        return
    pairs = "; ".join(
        f"{row_name(table.shown_columns, theirs)} needs what {row_name(table.shown_columns, own)} has"
        for _, theirs, own in held
    )
    message = (
        f"{counted(held[0][0], 'row')} of {table.live.relation.title} cannot be restored, because a "
        f"row that stays has the same {object_name(key.name)}: {pairs}"
    )
    work.problems.append(_problem(table, message))


def _find_swapped(
    connection: Connection, work: TableWork, table: StagedTable, key: UniqueKey
) -> None:
    query = f"SELECT pg_catalog.count(*) FROM ({held_by_updated_rows(table, key)}) AS held"
    count = fetch_value(connection, query)
    if not count:
        return
    column = column_to_let_go(table, key, work.changed[table.number])
    if column is None:
        message = (
            f"{counted(count, 'row')} of {table.live.relation.title} exchange values of "
            f"{object_name(key.name)} among each other, and none of its columns can be NULL meanwhile"
        )
        work.problems.append(_problem(table, message))
    else:
        work.letting_go.append((table, key, column))


def _problem(table: StagedTable, message: str) -> Finding:
    return Finding("different", f"table {table.live.relation.full_name}", message)
