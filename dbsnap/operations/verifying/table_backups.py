"""The part of a live database that a table backup is compared with, read as the backup was taken."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.table_dump import END_OF_ROWS, reader_of
from dbsnap.inventory import KINDS_IN_DUMPS, object_name, short_name, split_name
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.measuring import measure_content
from dbsnap.operations.comparing.reading import (
    LiveReading,
    readable_tables,
    settle_order,
)
from dbsnap.operations.table_backup.definitions import define
from dbsnap.operations.table_backup.inventory import PartOfInventory
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_backup.request import settle
from dbsnap.operations.table_backup.rows import check_filters, count_tables
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_definitions
from dbsnap.postgres.connection import connect, execute, server_version
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.patterns import quoted_pattern
from dbsnap.postgres.tables.rows import copied_as, copy_rows, sequence_values
from dbsnap.postgres.tables.selection import read_relations
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbsnap.archive.record import TableSelection
    from dbsnap.dumpfile.lexer import Event
    from dbsnap.inventory import Inventory
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.table_backup.definitions import Definitions
    from dbsnap.operations.table_backup.plan import TablePlan
    from dbsnap.operations.table_backup.rows import CountedTable
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.content import TableContent
    from dbsnap.postgres.tables.columns import Column
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class LivePart:
    """The selected tables of a live database as one snapshot shows them, without their content.

    ``counted`` are the tables by name, ready to be read. ``findings`` say what of the tables stayed in
    the record and is otherwise now.
    """

    connection: Connection
    inventory: Inventory
    counted: Mapping[str, CountedTable]
    findings: list[Finding]


@contextmanager
def read_live_tables(
    database: Database,
    opened: OpenedBackup,
    selection: Sequence[TableSelection],
    *,
    progress: Progress,
) -> Iterator[tuple[LiveReading, list[Finding]]]:
    """Read the selected tables in one snapshot: the same rows and columns that the backup has.

    Also gives findings: what of the tables stayed in the record and is otherwise now. Raises UsageError
    where a filter does not fit its table any more.
    """
    stated = opened.contents.inventory
    with read_live_part(database, selection, stated, progress=progress) as live:

        def blocks_of(tables: Sequence[TableContent]) -> Iterator[Event]:
            with copied_as(live.connection, opened.encoding):
                yield from lex(reader_of(_pieces(live.connection, tables, live.counted)))

        tables = readable_tables(opened.table_contents(), live.inventory)
        progress.phase("comparing content", total_bytes=opened.copy_bytes)
        content = measure_content(tables, blocks_of(tables), progress)
        inventory = proof.with_content(live.inventory, content)
        inventory = settle_order(inventory, tables, blocks_of, opened)
        yield LiveReading(opened, inventory, blocks_of), live.findings


@contextmanager
def read_live_part(
    database: Database,
    selection: Sequence[TableSelection],
    stated: Inventory,
    *,
    progress: Progress,
) -> Iterator[LivePart]:
    """Read what the selected tables are, and count the rows that the backup is of.

    ``stated`` tells which types, functions, extensions and schemas belong to the backup. Raises as
    ``read_live_tables``.
    """
    with connect(database, purpose="dbsnap verify") as connection:
        progress.phase(f"reading the tables in {database.label}")
        there = _those_there(connection, database, selection)
        plan = _plan(connection, database, there)
        check_filters(connection, database, plan)
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        definitions = define(connection, plan.relations, plan.tables)
        counted = {c.table.title: c for c in count_tables(connection, database, definitions.tables)}
        inventory = _inventory(connection, stated, definitions, counted)
        yield LivePart(connection, inventory, counted, _left_out_otherwise(there, definitions))
        execute(connection, "ROLLBACK")


def _those_there(
    connection: Connection, database: Database, selection: Iterable[TableSelection]
) -> list[TableSelection]:
    relations = read_relations(connection, database).by_oid.values()
    tables = {relation.title for relation in relations if relation.is_table}
    return [table for table in selection if table.table in tables]


def _plan(
    connection: Connection, database: Database, selection: Sequence[TableSelection]
) -> TablePlan:
    """Return the plan of a backup of the same rows and columns, as far as they are there."""
    request = TableRequest(
        tables=[".".join(map(quoted_pattern, split_name(table.table))) for table in selection],
        where=[f"{table.table}={table.where}" for table in selection if table.where],
    )
    plan = settle(connection, database, request)
    excluded = {table.table: set(table.excluded_columns) for table in selection}
    tables = [
        replace(table, excluded=_named(table.columns, excluded.get(table.title, set())))
        for table in plan.tables
    ]
    return replace(plan, tables=tuple(tables))


def _named(columns: Iterable[Column], names: set[str]) -> tuple[str, ...]:
    return tuple(column.name for column in columns if column.name in names)


def _inventory(
    connection: Connection,
    stated: Inventory,
    definitions: Definitions,
    counted: Mapping[str, CountedTable],
) -> Inventory:
    version = server_version(connection)
    objects, _ = read_definitions(
        ask_connection(connection),
        version,
        kinds=KINDS_IN_DUMPS,
        relations=[relation.oid for relation in definitions.relations],
    )
    sequences = {r.title: r.sql_name for r in definitions.relations if r.kind == "S"}
    values = sequence_values(connection, list(sequences.values()))
    return PartOfInventory(objects, definitions).inventory(
        version,
        stated,
        rows={title: table.count for title, table in counted.items()},
        sequences={title: values[name] for title, name in sequences.items()},
    )


def _pieces(
    connection: Connection, tables: Iterable[TableContent], counted: Mapping[str, CountedTable]
) -> Iterator[bytes]:
    for number, content in enumerate(tables):
        table = counted[content.table]
        columns = tuple(quote_name(column) for column in content.columns)
        yield f"COPY t{number} FROM stdin;\n".encode()
        rows = replace(table.rows, columns=columns)
        yield from copy_rows(connection, rows, expected=table.count)
        yield END_OF_ROWS


def _left_out_otherwise(
    selection: Iterable[TableSelection], definitions: Definitions
) -> list[Finding]:
    """Compare what was left out of the dump with what would be left out of one today."""
    then = {(one.kind, one.name) for table in selection for one in table.omitted}
    now = {(one.kind, one.name) for omitted in definitions.omitted.values() for one in omitted}
    gone = [("missing", kind, name, "is gone") for kind, name in sorted(then - now)]
    new = [("unexpected", kind, name, "is not in the backup") for kind, name in sorted(now - then)]
    return [
        Finding(
            "missing" if what == "missing" else "unexpected",
            f"{kind} {name}",
            f"{kind} {split_name(name)[-1]} of {short_name(object_name(*split_name(name)[:-1]))} {how}",
        )
        for what, kind, name, how in (*gone, *new)
    ]
