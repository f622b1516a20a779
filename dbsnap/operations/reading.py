"""Reading a database as the inventory that a backup can be compared with, content and all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.lexing.tokens import tokenize
from dbsnap.dumpfile.rows import RowHashes, UnorderedSum, collect, key_positions
from dbsnap.inventory import Inventory, object_name
from dbsnap.operations import proof
from dbsnap.postgres.catalog import ask_connection, read_inventory
from dbsnap.postgres.connection import connect, execute, fetch_value, server_version
from dbsnap.postgres.content import TableContent, content_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.dumpfile.lexer import CopyStart, Event
    from dbsnap.dumpfile.rows import RowDifference
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

DETAILED_ROWS = 2_000_000
"""Of tables with more rows it is only said that they differ: the detail is held in memory."""


@dataclass(frozen=True, slots=True)
class LiveReading:
    """A database as one snapshot shows it, and the means to read more of the same snapshot."""

    opened: OpenedBackup
    inventory: Inventory
    blocks_of: Callable[[Sequence[TableContent]], Iterator[Event]]

    def row_difference(self, table: str) -> RowDifference | None:
        """Say how many rows of a table differ from the dump's; None where it is not known.

        Rows are told apart by the primary key where the table has one. Not known are tables that are
        not in both, have other columns, or too many rows.
        """
        tables = [known for known in self.opened.table_contents() if known.table == table]
        wanted = next(iter(readable_tables(tables, self.inventory)), None)
        rows = self.opened.expected.of("table").get(table, {}).get("rows") or 0
        live_rows = self.inventory.of("table").get(table, {}).get("rows")
        if wanted is None or live_rows is None or max(rows, live_rows) > DETAILED_ROWS:
            return None
        key = key_positions(_primary_key(self.opened.expected, table), wanted.columns)
        expected, actual = RowHashes(key), RowHashes(key)
        collect(
            lex(self.opened.dump.raw()),
            lambda number, _: expected if self._block_table(number) == table else None,
        )
        collect(self.blocks_of([wanted]), lambda _number, _start: actual)
        return expected.difference(actual)

    def _block_table(self, number: int) -> str:
        return self.opened.contents.copy_blocks[number].table


@contextmanager
def read_live(
    database: Database, opened: OpenedBackup, *, psql: Program, progress: Progress
) -> Iterator[LiveReading]:
    """Read a database in one snapshot: catalogue, exact counts and the content of the dump's tables.

    A table whose rows come in another order than the dump's, but are the same rows, has the dump's
    fingerprint in the result: order is nothing that a table promises.
    """
    with connect(database, purpose="dbsnap verify") as connection:
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = str(fetch_value(connection, "SELECT pg_export_snapshot()"))
        progress.phase(f"reading what {database.label} holds")
        inventory = comparable(
            read_inventory(ask_connection(connection), server_version(connection)), opened
        )

        def blocks_of(tables: Sequence[TableContent]) -> Iterator[Event]:
            with content_stream(
                psql, database, tables, encoding=opened.encoding, snapshot=snapshot
            ) as read:
                yield from lex(read)

        tables = readable_tables(opened.table_contents(), inventory)
        progress.phase("comparing content", total_bytes=opened.copy_bytes)
        content = measure_content(tables, blocks_of, progress)
        inventory = proof.with_content(inventory, content)
        inventory = settle_order(inventory, tables, blocks_of, opened)
        yield LiveReading(opened, inventory, blocks_of)
        execute(connection, "ROLLBACK")


def comparable(inventory: Inventory, opened: OpenedBackup) -> Inventory:
    """Return what was read of a database with its rows counted as the dump counts them."""
    dumped_tables = [block.table for block in opened.contents.copy_blocks]
    roots = proof.loaded_through_root(opened.expected, dumped_tables)
    return proof.with_partitions_folded(inventory, roots)


def expected_content(opened: OpenedBackup) -> dict[str, str]:
    """Return the dump's own fingerprints by table."""
    facts = opened.contents.inventory.of("table").items()
    return {name: table["content"] for name, table in facts if table.get("content")}


def measure_content(
    tables: Sequence[TableContent],
    blocks_of: Callable[[Sequence[TableContent]], Iterator[Event]],
    progress: Progress,
) -> dict[str, str]:
    """Return the fingerprint of each table, in the order in which the server gives the rows."""
    reader = ContentsReader()
    position = 0
    for event in blocks_of(tables):
        reader.feed(event)
        progress.advance(event.end - position)
        position = event.end
    blocks = reader.contents().copy_blocks
    return {table.table: block.content for table, block in zip(tables, blocks, strict=True)}


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
        table.table: expected.get(table.table)  # None for a table dumped in several blocks
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


def _primary_key(inventory: Inventory, table: str) -> list[str]:
    for facts in inventory.of("constraint").values():
        if facts.get("table") == table and facts.get("type") == "primary key":
            tokens = tokenize(facts.get("definition", "").encode())
            inside = [t.value for t in tokens if t.kind in {"word", "quoted"}]
            after_keywords = inside[2:]
            return (
                after_keywords[: after_keywords.index("include")]
                if "include" in inside
                else (after_keywords)
            )
    return []
