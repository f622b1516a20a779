"""The rows of a table backup: filters shown to the server, rows counted and announced, then streamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.table_dump import END_OF_ROWS, rows_header
from dbsnap.operations.table_backup.row_filter import SESSION_SETTINGS, check_filter, filter_errors
from dbsnap.postgres.connection import execute
from dbsnap.postgres.tables.rows import (
    RowsToCopy,
    copy_rows,
    count_rows,
    estimated_bytes,
)
from dbsnap.postgres.tables.selection import search_path, user_search_path
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbsnap.operations.table_backup.plan import PlannedTable, TablePlan
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

MANY_ROWS = 100_000
"""Above so many rows of a table a filter is suggested: most scripts touch fewer."""


@dataclass(frozen=True, slots=True)
class CountedTable:
    """A planned table with its exact number of rows, and about how many bytes they take."""

    table: PlannedTable
    rows: RowsToCopy
    count: int
    estimated_bytes: int

    @property
    def is_large(self) -> bool:
        """Whether a filter would be worth while and there is none."""
        return self.count > MANY_ROWS and self.table.condition is None


def check_filters(connection: Connection, database: Database, plan: TablePlan) -> None:
    """Have the server read every filter, outside of a transaction; raise UsageError if it cannot."""
    own_path = user_search_path(connection, database)
    for table in plan.tables:
        if table.condition is not None:
            with search_path(connection, _path(table, own_path)):
                check_filter(
                    connection, table.title, table.condition, partitioned=table.partitioned
                )


def count_tables(
    connection: Connection, database: Database, tables: Iterable[PlannedTable]
) -> list[CountedTable]:
    """Count the rows to dump, in the connection's snapshot.

    Raises UsageError where a filter fails on a row: a division by zero, a text that is no number.
    """
    execute(connection, SESSION_SETTINGS)
    own_path = user_search_path(connection, database)
    return [_counted(connection, table, own_path) for table in tables]


def announce(tables: Sequence[CountedTable], progress: Progress) -> list[Finding]:
    """Say before the dump how many rows there are; return a warning for each table that has many."""
    findings = []
    for counted in tables:
        shown = counted.table.relation.shown
        size = _size(counted.estimated_bytes)
        which = f" where {counted.table.condition.expression}" if counted.table.condition else ""
        rows = "1 row" if counted.count == 1 else f"{counted.count:,} rows"
        progress.note(f"{shown}: {rows}{which}, about {size}")
        if counted.is_large:
            message = (
                f"{shown} has {counted.count:,} rows: where a script touches fewer, --where makes "
                "the backup smaller and its restore quicker"
            )
            progress.warn(message)
            findings.append(
                Finding("advice", f"table {counted.table.title}", message, severity="warning")
            )
    return findings


def row_pieces(connection: Connection, tables: Iterable[CountedTable]) -> Iterator[bytes]:
    """Yield the rows as the COPY blocks of a dump, one table after the other."""
    for counted in tables:
        relation = counted.table.relation
        yield rows_header(relation.schema, relation.name, relation.sql_name, counted.rows.columns)
        yield from copy_rows(connection, counted.rows, expected=counted.count)
        yield END_OF_ROWS


def _counted(connection: Connection, table: PlannedTable, own_path: str) -> CountedTable:
    rows = RowsToCopy(
        columns=tuple(column.sql_name for column in table.dumped),
        source=table.source,
        search_path=_path(table, own_path),
    )
    if table.condition is None:
        count = count_rows(connection, rows)
    else:
        with filter_errors(table.title, table.condition, rows.count_statement):
            count = count_rows(connection, rows)
    oids = [relation.oid for relation in table.chosen.relations]
    return CountedTable(table, rows, count, estimated_bytes(connection, oids, count))


def _path(table: PlannedTable, own_path: str) -> str:
    """Return the search path of a table's filter: the user's own, if no value's text depends on it."""
    if table.condition is None or any(column.names_objects for column in table.dumped):
        return ""
    return own_path


def _size(count_bytes: int) -> str:
    size = float(count_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
