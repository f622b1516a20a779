"""The layout of a JSON export: what the rows of one table are wrapped in.

::

    {"metadata": {"table": "mods", "createdAt": …, "recordCount": 2, …, "checksum": "…"}, "data": [
    {"id": 1, "name": "a"},
    {"id": 2, "name": "b"}
    ]}

The first line ends behind the bracket that opens ``data``, and the last line is the bracket that closes
it; in between stands one row a line, which only the line ends of a column of type json can break. The
**checksum** is the sha256, in lowercase hexadecimal, of all bytes between the first line and the last,
line ends included, so that ``sed '1d;$d' FILE | sha256sum`` computes it; without rows it is that of
nothing. An NDJSON export is those lines without the commas, and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dbsnap.errors import DumpRefused

OPENING = b', "data": [\n'
CLOSING = b"]}\n"
BEGINNING = b'{"metadata": {"table": '
BETWEEN_ROWS = b",\n"
CHECKSUM_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an export says of itself.

    ``table`` is the name as people know it (``inventory.short_name``). ``created_at`` (ISO 8601, of the
    backup), ``filter_applied`` (an SQL condition) and ``schema_version`` (the last migration applied)
    come from the backup's record; None where that does not tell.
    """

    table: str
    created_at: str | None
    record_count: int
    filter_applied: str | None
    schema_version: str | None
    checksum: str

    def as_json(self) -> dict[str, Any]:
        """Return the metadata as they stand in the file."""
        return {
            "table": self.table,
            "createdAt": self.created_at,
            "recordCount": self.record_count,
            "filterApplied": self.filter_applied,
            "schemaVersion": self.schema_version,
            "checksum": self.checksum,
        }


_TYPES: dict[str, tuple[type, ...]] = {
    "table": (str,),
    "createdAt": (str, type(None)),
    "recordCount": (int,),
    "filterApplied": (str, type(None)),
    "schemaVersion": (str, type(None)),
    "checksum": (str,),
}


def first_line(metadata: Metadata) -> bytes:
    """Return the line before the rows; its length does not depend on the checksum."""
    document = json.dumps(metadata.as_json(), ensure_ascii=False)
    return b'{"metadata": ' + document.encode() + OPENING


def read_first_line(line: bytes, *, where: str) -> Metadata:
    """Return the metadata in the line before the rows; raise DumpRefused if they are damaged."""
    try:
        found = json.loads(line.removesuffix(OPENING) + b"}")["metadata"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict) or not line.endswith(OPENING):
        raise damaged_metadata(where, "the first line is not as dbsnap export writes it")
    for name, types in _TYPES.items():
        if type(found.get(name)) not in types or (name not in found):
            raise damaged_metadata(where, f"{name} is missing or of another type")
    return Metadata(*(found[name] for name in _TYPES))


def damaged_metadata(where: str, what: str) -> DumpRefused:
    """Return the refusal of an envelope that is not laid out as it should be."""
    return DumpRefused(
        f"{where} was changed since it was exported: {what}",
        rule="layout",
        line=1,
        hint="export it again; rows that were meant to be changed are taken as NDJSON, without the "
        f"metadata: jq -c '.data[]' {where} > rows.ndjson",
    )
