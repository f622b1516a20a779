"""How large a backup and its tables are, and how they grew, as the records in a directory tell it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbsnap.archive.record import read_record
from dbsnap.archive.storage import RECORD_SUFFIX, entries
from dbsnap.errors import DbsnapError
from dbsnap.inventory import short_name
from dbsnap.reports.outcome import Drill, DrilledTable, Growth

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.operations.opened import OpenedBackup

RECORDS_READ = 40
"""Of how many backups the rows of each table are shown: a record takes 12 ms to read."""


@dataclass(slots=True)
class History:
    """The backups of a directory, read once for all drills of a run."""

    directory: Path | None
    _records: dict[tuple[str, str, str], list[Record]] = field(default_factory=dict)

    def of_database(self, record: Record | None) -> tuple[Growth, ...]:
        """Return rows and bytes of the backups of the same, oldest first, up to this one."""
        return tuple(
            Growth(one.created_at, one.inventory.total_rows(), one.dump.bytes)
            for one in self._until(record)
        )

    def of_table(self, record: Record | None, table: str) -> tuple[Growth, ...]:
        """Return rows, and bytes in the dump, of one table in the same backups."""
        found = []
        for one in self._until(record):
            rows = one.inventory.of("table").get(table, {}).get("rows")
            if rows is not None:
                size = sum(block.raw_length for block in one.dump.blocks if block.table == table)
                found.append(Growth(one.created_at, rows, size))
        return tuple(found)

    def _until(self, record: Record | None) -> list[Record]:
        if record is None or self.directory is None:
            return []
        key = _subject(record)
        if key not in self._records:
            self._records[key] = _records(self.directory, record)
        return [one for one in self._records[key] if one.created_at <= record.created_at]


def _subject(record: Record) -> tuple[str, str, str]:
    """Return what a backup is of: backups of the same can be compared in size."""
    selection = ", ".join(sorted(f"{part.table} {part.where}" for part in record.selection))
    return record.source.server, record.source.database, selection


def _records(directory: Path, record: Record) -> list[Record]:
    """Return the newest records of the same; one that is damaged tells nothing."""
    found: list[Record] = []
    try:
        listed = entries(directory)
    except DbsnapError:
        return []
    for entry in reversed(listed):
        summary = entry.summary
        if summary is None or (summary.server, summary.database) != _subject(record)[:2]:
            continue
        if {part.table for part in summary.parts} != {part.table for part in record.selection}:
            continue
        try:
            one = read_record(directory / (entry.id + RECORD_SUFFIX))
        except DbsnapError:
            continue
        if _subject(one) == _subject(record):
            found.append(one)
        if len(found) == RECORDS_READ:
            break
    return found[::-1]


def drilled_tables(opened: OpenedBackup, history: History) -> tuple[DrilledTable, ...]:
    """Return the tables that have rows of their own, the largest first."""
    sizes: dict[str, int] = {}
    for block in opened.contents.copy_blocks:
        sizes[block.table] = sizes.get(block.table, 0) + block.end - block.offset
    tables = [
        DrilledTable(
            short_name(name),
            facts["rows"],
            sizes.get(name, 0),
            history.of_table(opened.record, name),
        )
        for name, facts in opened.expected.of("table").items()
        if facts.get("rows") is not None
    ]
    return tuple(sorted(tables, key=lambda table: (-table.bytes, -table.rows, table.name)))


def as_it_says(known: Drill, opened: OpenedBackup, history: History) -> Drill:
    """Return what is known of a drill, with what its backup and those before it say of themselves."""
    record = opened.record
    return replace(
        known,
        backup=opened.id,
        database=record.source.database if record else "",
        taken_at=record.created_at if record else "",
        source=f"PostgreSQL {opened.contents.server_version}".rstrip(),
        rows=opened.expected.total_rows(),
        bytes=opened.dump.file_bytes,
        raw_bytes=opened.raw_bytes,
        tables=drilled_tables(opened, history),
        growth=history.of_database(record),
    )
