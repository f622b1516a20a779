"""list and show: looking at backups through their records alone."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import entries_and_manifest
from dbsnap.archive.storage import find_dump, find_record
from dbsnap.errors import UsageError
from dbsnap.inventory import short_name
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.archive.storage import Entry


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which backups to list: those that fit all that is given.

    ``table`` and ``database`` are names or patterns with ``*`` and ``?``, a table's with or without its
    schema; ``table`` finds backups of tables only. ``since`` is in UTC.
    """

    table: str = ""
    database: str = ""
    statuses: Sequence[str] = ()
    since: datetime | None = None

    def fits(self, entry: Entry) -> bool:
        """Return whether an entry is wanted; where its record is damaged, its status alone is known."""
        if self.statuses and entry.status not in self.statuses:
            return False
        summary, taken_at = entry.summary, entry.taken_at
        if self.database and not (summary and fnmatchcase(summary.database, self.database)):
            return False
        if self.since is not None and (taken_at is None or taken_at < self.since):
            return False
        return not self.table or any(
            fnmatchcase(name, self.table)
            for part in (summary.parts if summary else ())
            for name in (part.table, short_name(part.table))
        )


ALL = Wanted()


def list_backups(directory: Path, wanted: Wanted = ALL) -> tuple[list[Entry], list[Finding]]:
    """Return the backups of a directory that are wanted, oldest first, and what is wrong with them.

    There are none where there is no such directory. A manifest that does not say what the records say is
    written anew; where that cannot be done, a finding tells.
    """
    found, trouble = entries_and_manifest(directory)
    shown = [entry for entry in found if wanted.fits(entry)]
    findings = [
        Finding("damaged", f"backup {entry.id}", entry.problem)
        for entry in shown
        if entry.status != "verified"
    ]
    if trouble:
        findings.append(Finding("advice", "manifest", trouble, "warning"))
    return shown, findings


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
