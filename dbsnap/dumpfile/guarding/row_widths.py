"""Whether every row of a COPY block has as many columns as the block's statement names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.events import CopyData, CopyStart
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.errors import DumpRefused
from dbsnap.inventory import object_name, short_name

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.events import Event

_PLAIN_COLUMNS = re.compile(rb'COPY [^("]+ \(([^()"]+)\) FROM stdin;')
MOST_COLUMNS = 1600
"""No table has more (``MaxHeapAttributeNumber``): a longer row need not be kept to be refused."""

_ALL_BUT_MARKS = bytes(byte for byte in range(256) if byte not in b"\t\n")


class RowWidths:
    """Counts the columns of every row, in one pass without a loop over rows.

    In COPY's text format a tab in a value is written as an escape, so that each row holds one tab
    fewer than it has columns (PostgreSQL 18, COPY, "Text Format").
    """

    def __init__(self) -> None:
        self._table = b""
        self._row = b""
        self._pending = b""

    def feed(self, event: Event) -> None:
        """Take the next event; raise DumpRefused, rule ``column-count``."""
        if isinstance(event, CopyData):
            self._take(event)
        elif isinstance(event, CopyStart):
            self._start(event)

    def _start(self, event: CopyStart) -> None:
        """Begin a block; without a column list its first row says how many there are."""
        columns = _columns(event.text)
        self._table = event.text
        self._row = b"" if columns is None else b"\t" * (columns - 1) + b"\n"
        self._pending = b""

    def _take(self, event: CopyData) -> None:
        marks = self._pending + event.data.translate(None, _ALL_BUT_MARKS)
        if not self._row and (first := marks.partition(b"\n"))[1]:
            self._row = first[0] + b"\n"
        rows = marks.count(b"\n")
        end = marks.rfind(b"\n") + 1
        self._pending = marks[end:]
        is_too_long = len(self._pending) >= (len(self._row) or MOST_COLUMNS)
        if is_too_long or end != rows * len(self._row) or marks[:end] != self._row * rows:
            self._refuse(event, marks.split(b"\n"))

    def _refuse(self, event: CopyData, rows: list[bytes]) -> None:
        expected = (len(self._row) or MOST_COLUMNS) - 1
        number, row = next((number, row) for number, row in enumerate(rows) if len(row) != expected)
        table = short_name(_table(self._table))
        line = event.line + number
        raise DumpRefused(
            f"line {line:,}: a row of {table} has {len(row) + 1} columns, "
            f"where COPY names {expected + 1}",
            rule="column-count",
            line=line,
            table=table,
            hint="the file was changed or damaged: take another copy of it",
        )


def _columns(copy: bytes) -> int | None:
    """Return how many columns a COPY statement names; None without a list."""
    if plain := _PLAIN_COLUMNS.fullmatch(copy):
        return plain[1].count(b",") + 1
    cursor = Cursor(tokenize(copy))
    cursor.accept("copy")
    cursor.name()
    if not cursor.accept("("):
        return None
    columns = 0
    while not cursor.accept(")") and not cursor.at_end():
        columns += len(cursor.name()) or 0
        if not cursor.accept(",") and not cursor.sees(")"):
            return None
    return columns + cursor.sees("with", "oids")


def _table(copy: bytes) -> str:
    cursor = Cursor(tokenize(copy))
    cursor.accept("copy")
    return object_name(*cursor.name())
