"""list, show and diff: looking at backups through their records alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import entry_status
from dbsnap.archive.storage import entries, find_dump, find_record
from dbsnap.errors import UsageError
from dbsnap.inventory import compare

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.report import Finding


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of ``list``: an id, its record unless that is damaged, and its status."""

    id: str
    record: Record | None
    status: str
    problem: str


def list_backups(directory: Path) -> list[Listed]:
    """Return the backups of a directory, oldest first; none when there is no such directory."""
    return [
        Listed(entry.id, entry.record, entry_status(entry, directory), entry.problem)
        for entry in (entries(directory) if directory.is_dir() else [])
    ]


def show_backup(directory: Path, name: str) -> Record:
    """Return the record of one backup; raise UsageError for a dump that has none."""
    dump = find_dump(directory, name)
    record = find_record(dump)
    if record is None:
        raise UsageError(
            f"{dump.name} has no record: it was not taken by dbsnap",
            hint=f"what it contains is shown by: dbsnap validate {dump}",
        )
    return record


def diff_backups(directory: Path, older: str, newer: str) -> tuple[Record, Record, list[Finding]]:
    """Return two records and what changed from the older to the newer."""
    before, after = show_backup(directory, older), show_backup(directory, newer)
    return before, after, compare(before.inventory, after.inventory)
