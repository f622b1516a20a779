"""Reading a database as the inventory that a backup can be compared with, content and all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.rows import UnorderedSum, collect
from dbsnap.inventory import object_name, split_name
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.measuring import (
    measure_side_by_side,
    parts_of,
    shared_out,
    sum_side_by_side,
)
from dbsnap.operations.verifying.some_tables import only_tables
from dbsnap.postgres.asking import ask_connection, copied_rows
from dbsnap.postgres.catalog import read_inventory, relations_of
from dbsnap.postgres.connection import connect, execute, fetch_value, server_version
from dbsnap.postgres.content import TableContent, content_stream
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.row_session import RowSession

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from dbsnap.dumpfile.lexer import CopyStart, Event
    from dbsnap.inventory import Inventory
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class LiveReading:
    """A database as one snapshot shows it, and the means to read more of the same snapshot."""

    opened: OpenedBackup
    inventory: Inventory
    blocks_of: Callable[[Sequence[TableContent]], Iterator[Event]]


@contextmanager
def read_live(
    database: Database,
    opened: OpenedBackup,
    *,
    psql: Program,
    progress: Progress,
    only: Collection[str] | None = None,
    jobs: int = 1,
    shuffled: Mapping[str, UnorderedSum] = MappingProxyType({}),
) -> Iterator[LiveReading]:
    """Read a database in one snapshot: catalogue, exact counts and the content of the dump's tables.

    With ``only`` these tables and what belongs to them are all that is read (``live_inventory``).
    ``jobs`` sessions read the tables' content, all in the same snapshot. Those that are ``shuffled`` are
    known to be in another order than in the dump, and what their rows are there.
    A table whose rows come in another order than the dump's, but are the same rows, has the dump's
    fingerprint in the result: order is nothing that a table promises.
    """
    with connect(database, purpose="dbsnap verify") as connection:
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(fetch_value(connection, "SELECT pg_export_snapshot()"))
        progress.phase(f"reading what {database.label} holds")
        inventory = comparable(live_inventory(connection, only), opened)

        start = partial(
            RowSession,
            psql,
            database,
            snapshot=snapshot,
            encoding=opened.encoding,
            version=server_version(connection),
        )

        def blocks_of(tables: Sequence[TableContent]) -> Iterator[Event]:
            encoding = opened.encoding
            with content_stream(psql, database, tables, encoding=encoding, snapshot=snapshot) as r:
                yield from lex(r)

        tables = readable_tables(opened.table_contents(), inventory)
        progress.phase("comparing content", total_bytes=opened.copy_bytes)
        ordered = [table for table in tables if table.table not in shuffled]
        shares = shared_out(ordered, opened.table_sizes(), jobs)
        content: dict[str, str | None] = {**measure_side_by_side(shares, start, progress)}
        for table in tables:
            if table.table in shuffled:
                parts = parts_of(table, _pages(connection, table), jobs)
                found = sum_side_by_side(parts, start, progress)
                content[table.table] = (
                    expected_content(opened).get(table.table)
                    if found == shuffled[table.table]
                    else f"other rows, whose sum is {found.total:x}"
                )
        inventory = proof.with_content(inventory, content)
        inventory = settle_order(inventory, tables, blocks_of, opened)
        yield LiveReading(opened, inventory, blocks_of)
        execute(connection, "ROLLBACK")


def _pages(connection: Connection, table: TableContent) -> int:
    size = "SELECT pg_catalog.pg_relation_size(%s) / current_setting('block_size')::bigint"
    return int(fetch_value(connection, size, [quote_name(*split_name(table.table))]))


def live_inventory(
    connection: Connection, only: Collection[str] | None = None, *, content: bool = True
) -> Inventory:
    """Read what a database holds, or of it ``only`` these tables and what belongs to them.

    ``content`` is that of large objects and materialized views, as in ``catalog.read_inventory``.
    """
    ask, version = ask_connection(connection), server_version(connection)
    if only is None:
        return read_inventory(
            ask, version, copied_rows=partial(copied_rows, connection), content=content
        )
    relations = relations_of(ask, only)
    inventory = read_inventory(ask, version, content=content, relations=relations)
    return only_tables(inventory, only)


def comparable(inventory: Inventory, opened: OpenedBackup) -> Inventory:
    """Return what was read of a database with its rows counted as the dump counts them."""
    roots = proof.loaded_through_root(opened.expected, opened.contents.tables_with_rows)
    return proof.with_partitions_folded(inventory, roots)


def expected_content(opened: OpenedBackup) -> dict[str, str]:
    """Return the dump's own fingerprints by table."""
    facts = opened.contents.inventory.of("table").items()
    return {name: table["content"] for name, table in facts if table.get("content")}


def settle_order(
    inventory: Inventory,
    tables: Sequence[TableContent],
    blocks_of: Callable[[Sequence[TableContent]], Iterator[Event]],
    opened: OpenedBackup,
) -> Inventory:
    """Give tables that hold the dump's rows in another order the dump's fingerprint."""
    expected = expected_content(opened)
    doubtful = [
        table
        for table in tables
        if expected.get(table.table) != inventory.of("table")[table.table].get("content")
        and opened.expected.of("table").get(table.table, {}).get("rows")
        == inventory.of("table")[table.table].get("rows")
    ]
    if not doubtful:
        return inventory
    names = {table.table for table in doubtful}
    sums = {name: UnorderedSum() for name in names}
    live_sums = [UnorderedSum() for _ in doubtful]

    def sum_of(number: int, _start: CopyStart) -> UnorderedSum | None:
        return sums.get(opened.contents.copy_blocks[number].table)

    collect(lex(opened.dump.raw()), sum_of)
    collect(blocks_of(doubtful), lambda number, _start: live_sums[number])
    same = {
        table.table: expected.get(table.table)  # None if it was dumped with different columns
        for table, live in zip(doubtful, live_sums, strict=True)
        if live == sums[table.table]
    }
    return proof.with_content(inventory, same)


def readable_tables(tables: Sequence[TableContent], inventory: Inventory) -> list[TableContent]:
    """Return the tables that are there with all the columns that the dump has of them.

    Which rows to read, and how, is the live database's to say: it becomes part of a query, and a record
    may come from anywhere.
    """
    columns = inventory.of("column")
    readable = []
    for table in tables:
        facts = inventory.of("table").get(table.table)
        if facts is None:
            continue
        form = facts.get("form")
        names = (f"{table.table}.{object_name(column)}" for column in table.columns)
        if form == "extension data" or all(name in columns for name in names):
            condition = facts.get("condition") or ""
            partitioned = form == "partitioned table"
            readable.append(replace(table, condition=condition, partitioned=partitioned))
    return readable
