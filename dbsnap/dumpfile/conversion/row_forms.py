"""Rows of COPY's text format in the forms that other programs read: JSON, NDJSON and CSV."""

from __future__ import annotations

import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Literal, Protocol

from dbsnap.dumpfile.conversion.copy_text import NULL, WrongWidth, decode_field, split_columns
from dbsnap.dumpfile.conversion.envelope import BETWEEN_ROWS
from dbsnap.dumpfile.conversion.json_text import InvalidValue
from dbsnap.dumpfile.lexing.tokens import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dbsnap.dumpfile.conversion.json_values import ValueFormat

ExportFormat = Literal["json", "ndjson", "csv"]

_QUOTABLE = re.compile(rb'[,"\n\r]|\A\Z')
_QUOTABLE_ALONE = re.compile(rb'[,"\n\r]|\A(?:\\\.)?\Z')
"""In a table of one column: older servers take a line of ``\\.`` for the end of the data."""


class InvalidRow(ValueError):
    """A row, counted from 0 in those given at once, that cannot be written; ``column`` may be ""."""

    def __init__(self, message: str, *, row: int, column: str = "") -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class RowForm(Protocol):
    """Writes rows so that all pieces, in their order between ``head`` and nothing, make a file."""

    head: bytes
    between: bytes
    """What stands between two pieces."""

    def written(self, rows: Sequence[bytes], stored: Sequence[str]) -> bytes:
        """Return rows, of which there is one at least, as the next piece.

        They are in COPY's text format in UTF-8, without their line ends; ``stored`` are the columns in
        the order that the rows have them in, which may differ from the order they are written in.
        Raises InvalidRow.
        """


class JsonRows:
    """Rows as JSON objects, one a line: with commas between them, or as NDJSON."""

    head = b""

    def __init__(self, formats: Mapping[str, ValueFormat], *, commas: bool) -> None:
        self.between = BETWEEN_ROWS if commas else b""
        self._end = b"" if commas else b"\n"
        self._columns = [
            (name, encode_basestring(name).encode() + b": ", value_format)
            for name, value_format in formats.items()
        ]

    def written(self, rows: Sequence[bytes], stored: Sequence[str]) -> bytes:
        """Return the rows as the next piece (see RowForm)."""
        between = b"}" + (self.between or self._end) + b"{"
        return b"{" + between.join(self._objects(rows, stored)) + b"}" + self._end

    def _objects(self, rows: Sequence[bytes], stored: Sequence[str]) -> Iterable[bytes]:
        by_column = _by_column(rows, stored, [name for name, _, _ in self._columns])
        if not by_column:
            return [b""] * len(rows)
        members = []
        for (name, key, value_format), fields in zip(self._columns, by_column, strict=True):
            try:
                members.append(value_format.members(key, fields))
            except InvalidValue as error:
                raise InvalidRow(str(error), row=error.row, column=name) from None
        return map(b", ".join, zip(*members, strict=True))


class CsvRows:
    """Rows as ``COPY … TO … WITH (FORMAT csv, HEADER)`` writes them, which PostgreSQL reads back.

    NULL is nothing at all and the empty text is ``""``; values are in PostgreSQL's own words
    (``CopyAttributeOutCSV`` in ``src/backend/commands/copyto.c``).
    """

    between = b""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._quotable = _QUOTABLE if len(columns) > 1 else _QUOTABLE_ALONE
        head = [_csv_field(encode(name), self._quotable) for name in columns]
        self.head = b",".join(head) + b"\n"

    def written(self, rows: Sequence[bytes], stored: Sequence[str]) -> bytes:
        """Return the rows as the next piece (see RowForm)."""
        by_column = _by_column(rows, stored, self._columns)
        if not by_column:
            return b"\n" * len(rows)
        columns = [_csv_column(fields, self._quotable) for fields in by_column]
        return b"\n".join(map(b",".join, zip(*columns, strict=True))) + b"\n"


def _by_column(
    rows: Sequence[bytes], stored: Sequence[str], columns: Sequence[str]
) -> list[list[bytes]]:
    try:
        by_column = split_columns(rows, len(stored))
    except WrongWidth as error:
        raise InvalidRow(str(error), row=error.row) from None
    return [by_column[stored.index(column)] for column in columns]


def _csv_column(fields: list[bytes], quotable: re.Pattern[bytes]) -> Sequence[bytes]:
    joined = b"\n".join(fields)
    if not any(mark in joined for mark in (b"\\", b",", b'"')) and b"" not in fields:
        return fields
    return [
        b"" if field == NULL else _csv_field(decode_field(field) or b"", quotable)
        for field in fields
    ]


def _csv_field(value: bytes, quotable: re.Pattern[bytes]) -> bytes:
    return b'"' + value.replace(b'"', b'""') + b'"' if quotable.search(value) else value
