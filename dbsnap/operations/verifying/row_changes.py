"""Which rows of a table differ from the dump's: how many, and the keys of the first of them.

Both sides are streamed: the dump's rows out of the file that was guarded, the live ones in the snapshot
that was compared. Nothing is written on the server, so that a role which may only read, or a standby,
will do; memory does not grow with the table (``dumpfile.row_comparison``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.block_bytes import block_pieces
from dbsnap.dumpfile.conversion.copy_text import decode_field, text_codec
from dbsnap.dumpfile.row_comparison import (
    KeyedRows,
    KeyIsNotUnique,
    PickedRow,
    PickedRows,
    differing_rows,
    parts_for,
)
from dbsnap.dumpfile.rows import collect, collect_body
from dbsnap.errors import StorageFailed
from dbsnap.operations.comparing.reading import readable_tables
from dbsnap.operations.verifying.row_keys import row_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dbsnap.dumpfile.row_comparison import DifferingRows, RowDifference
    from dbsnap.dumpfile.rows import RowSink
    from dbsnap.inventory import Inventory
    from dbsnap.operations.comparing.reading import LiveReading
    from dbsnap.postgres.content import TableContent

SHOWN_COLUMNS = 3
"""By how many columns a row without a key is named."""

RowName = tuple[str | None, ...]
"""The values of ``RowChanges.named_by`` of one row, as text; None is NULL."""


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that is there under the same key, and the columns in which it is another."""

    row: RowName
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowChanges:
    """How the rows of one table differ; of each kind the first ones, as many as were asked for.

    ``key`` are the columns that tell rows apart. Where it is empty there are none, and a row is missing
    or added as a whole, never changed. ``named_by`` are the columns by which rows are named.
    """

    table: str
    key: tuple[str, ...]
    named_by: tuple[str, ...]
    difference: RowDifference
    missing: tuple[RowName, ...]
    unexpected: tuple[RowName, ...]
    changed: tuple[ChangedRow, ...]


def row_changes(reading: LiveReading, table: str, *, limit: int) -> RowChanges | None:
    """Compare the rows of a table with the dump's; None where they cannot be compared.

    That is so for tables that are not in both, have lost columns, or are not dumped as COPY blocks with
    the same columns. Keys are compared as the text that COPY writes: a key that became 1.00 from 1.0 is
    a missing and an added row. Raises StorageFailed where there is no room for temporary files.
    """
    sides = _Sides.of(reading, table)
    if sides is None:
        return None
    try:
        sides, found = _differing(sides, limit)
    except OSError as error:
        raise StorageFailed(
            f"the rows of {table} could not be compared: {error.strerror or error}",
            hint="it takes 48 bytes a row in the directory for temporary files: set TMPDIR",
        ) from None
    key = tuple(sides.live.columns[position] for position in sides.key)
    shown = sides.key or tuple(range(len(sides.live.columns)))[:SHOWN_COLUMNS]
    before = _picked(sides, shown, {*found.missing, *found.changed}, from_dump=True)
    now = _picked(sides, shown, {*found.unexpected, *found.changed}, from_dump=False)
    codec = text_codec(reading.opened.encoding)
    return RowChanges(
        table=table,
        key=key,
        named_by=tuple(sides.live.columns[position] for position in shown),
        difference=found.difference,
        missing=tuple(_name(before[each], codec) for each in found.missing if each in before),
        unexpected=tuple(_name(now[each], codec) for each in found.unexpected if each in now),
        changed=tuple(
            ChangedRow(_name(before[each], codec), _changed_columns(sides, before[each], now[each]))
            for each in found.changed
            if each in before and each in now
        ),
    )


@dataclass(frozen=True, slots=True)
class _Sides:
    """A table in the dump and in the live database, with the same columns in the same order."""

    reading: LiveReading
    live: TableContent
    key: tuple[int, ...]
    rows: int

    @classmethod
    def of(cls, reading: LiveReading, table: str) -> _Sides | None:
        opened = reading.opened
        known = [each for each in opened.table_contents() if each.table == table]
        live = next(iter(readable_tables(known, reading.inventory)), None)
        blocks = [block for block in opened.contents.copy_blocks if block.table == table]
        rows = [i.of("table").get(table, {}).get("rows", -1) for i in _inventories(reading)]
        if live is None or -1 in rows or sum(block.rows for block in blocks) != rows[0]:
            return None
        if any(block.columns != live.columns for block in blocks):
            return None
        key = row_key(*_inventories(reading), table, live.columns)
        positions = tuple(live.columns.index(column) for column in key)
        return cls(reading, live, positions, max(rows))

    def read_dump(self, sink: RowSink) -> None:
        """Give the dump's rows to a sink."""
        opened = self.reading.opened
        for block in opened.contents.copy_blocks:
            if block.table == self.live.table:
                collect_body(block_pieces(opened.dump, block), sink)

    def read_live(self, sink: RowSink) -> None:
        """Give the live rows to a sink."""
        collect(self.reading.blocks_of([self.live]), lambda _number, _start: sink)


def _inventories(reading: LiveReading) -> tuple[Inventory, Inventory]:
    return reading.opened.expected, reading.inventory


def _differing(sides: _Sides, limit: int) -> tuple[_Sides, DifferingRows]:
    """Compare by the key, or without it where it turns out to tell no rows apart."""
    try:
        return sides, _compared(sides, limit)
    except KeyIsNotUnique:
        by_all = replace(sides, key=())
        return by_all, _compared(by_all, limit)


def _compared(sides: _Sides, limit: int) -> DifferingRows:
    parts = parts_for(sides.rows)
    with KeyedRows(sides.key, parts) as expected, KeyedRows(sides.key, parts) as actual:
        sides.read_dump(expected)
        sides.read_live(actual)
        return differing_rows(expected, actual, limit=limit)


def _picked(
    sides: _Sides, shown: tuple[int, ...], wanted: Iterable[int], *, from_dump: bool
) -> Mapping[int, PickedRow]:
    picked = PickedRows(sides.key, shown, frozenset(wanted))
    if picked.wanted:
        (sides.read_dump if from_dump else sides.read_live)(picked)
    return picked.found


def _changed_columns(sides: _Sides, before: PickedRow, now: PickedRow) -> tuple[str, ...]:
    pairs = zip(sides.live.columns, before.hashes, now.hashes, strict=True)
    return tuple(column for column, old, new in pairs if old != new)


def _name(row: PickedRow, codec: str | None) -> RowName:
    return tuple(_text(field, codec) for field in row.shown)


def _text(field: bytes, codec: str | None) -> str | None:
    value = decode_field(field)
    return None if value is None else value.decode(codec or "utf-8", "backslashreplace")
