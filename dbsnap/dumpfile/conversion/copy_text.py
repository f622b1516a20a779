r"""COPY's text format: the bytes of a row ↔ the values of its columns.

The rules are those of the server: ``CopyAttributeOutText`` in ``src/backend/commands/copyto.c`` writes
a field, ``CopyReadAttributesText`` in ``copyfromparse.c`` reads one (documentation, "COPY", "Text
Format"). A row is the fields between tabs and ends with a line feed; no field holds either as it is. A
field is NULL when it is ``\N`` before its escapes are undone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.token_values import codec_of
from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

NULL = rb"\N"
NULL_TEXT = r"\N"

_WRITTEN_ESCAPES = {
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
}
TO_ESCAPE = re.compile("[\\0\b-\r\\\\\ud800-\udfff]")
_NOT_TEXT = re.compile("[\\0\ud800-\udfff]")
_ESCAPES = str.maketrans(_WRITTEN_ESCAPES)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|([\s\S]))")
_CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def decode_field(field: bytes) -> bytes | None:
    """Return the value of a field, None for NULL; every field means something, so it never raises."""
    if b"\\" not in field:
        return field
    return None if field == NULL else _ESCAPE.sub(_unescaped, field)


def encode_field(value: str | None) -> str:
    """Return the field for a value, exactly as the server writes it.

    Raises ValueError for what no text of PostgreSQL holds: a NUL, or half of a pair of surrogates.
    """
    if value is None:
        return NULL_TEXT
    if not TO_ESCAPE.search(value):
        return value
    if character := _NOT_TEXT.search(value):
        raise ValueError(f"the character U+{ord(character.group()):04X}, which no text can hold")
    return value.translate(_ESCAPES)


def split_columns(rows: Sequence[bytes], width: int) -> list[list[bytes]]:
    """Return the fields of rows (without their line ends) by column.

    Raises WrongWidth naming the first row that has not ``width`` fields. A table without columns has
    rows of nothing.
    """
    tabs = max(width - 1, 0)
    for number, row in enumerate(rows):
        if row.count(b"\t") != tabs or (width == 0 and row):
            raise WrongWidth(number, row.count(b"\t") + 1, width)
    fields = b"\t".join(rows).split(b"\t")
    return [fields[column::width] for column in range(width)]


class WrongWidth(ValueError):
    """A row, counted from 0, has another number of fields than there are columns."""

    def __init__(self, row: int, found: int, expected: int) -> None:
        super().__init__(f"{found} fields for {expected} columns")
        self.row = row


def text_codec(encoding: str) -> str | None:
    """Return Python's name of the encoding that a dump sets, None where its bytes stay as they are.

    That is so for UTF-8, and for SQL_ASCII, which is no encoding at all. Raises DumpRefused for an
    encoding that Python does not know, or in which a byte of ASCII can be part of another character.
    """
    if encoding.lower().replace("_", "-") in {"utf8", "utf-8", "unicode", "sql-ascii"}:
        return None
    codec = codec_of(encoding)
    if codec is None:
        raise DumpRefused(
            f"the dump's encoding {encoding} cannot be read here",
            rule="encoding",
            hint="dump it again with pg_dump --encoding UTF8",
        )
    return codec


def _unescaped(match: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = match.groups()
    if letter is not None:
        return _CONTROL.get(letter, letter)
    return bytes([int(octal, 8) & 0xFF if octal else int(hexadecimal, 16)])
