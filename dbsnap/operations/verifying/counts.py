"""A backup compared with the live database by counts and definitions: no row is read on either side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.storage import find_record
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.reading import live_inventory
from dbsnap.operations.opened import ANY_RULE, opened_backup
from dbsnap.operations.verifying.some_tables import only_tables
from dbsnap.operations.verifying.table_backups import read_live_part
from dbsnap.postgres.connection import connect, execute
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.inventory import Inventory
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

NOT_READ = Finding(
    "advice",
    "content",
    "content was not compared: --level counts looks at numbers of rows, and at definitions",
    severity="note",
)


@dataclass(frozen=True, slots=True)
class CountedBackup:
    """What a backup promises, as far as its record tells; ``dumped`` are the tables with rows."""

    id: str
    record: Record | None
    expected: Inventory
    dumped: tuple[str, ...]


def counted_backup(dump: Path, *, progress: Progress) -> CountedBackup:
    """Return what a backup's record promises; of a dump without one, what the guard finds in it.

    Raises DumpRefused where the record is damaged, or the dump that has to be read instead.
    """
    if record := find_record(dump):
        dumped = tuple(block.table for block in record.dump.blocks)
        return CountedBackup(record.id, record, record.inventory, dumped)
    with opened_backup(dump, progress=progress, allowed=ANY_RULE) as opened:
        dumped = tuple(opened.contents.tables_with_rows)
        return CountedBackup(opened.id, None, opened.expected, dumped)


def read_live_counts(
    database: Database,
    backup: CountedBackup,
    *,
    only: Collection[str] | None = None,
    progress: Progress,
) -> tuple[Inventory, list[Finding]]:
    """Read what the backup is to be compared with, in one snapshot, and count its rows.

    Also gives what of a table backup's tables stayed in the record and is otherwise now.
    """
    record = backup.record
    if record is not None and record.selection:
        selection = [table for table in record.selection if only is None or table.table in only]
        with read_live_part(database, selection, record.inventory, progress=progress) as live:
            found = live.inventory if only is None else only_tables(live.inventory, only)
            return found, live.findings
    with connect(database, purpose="dbsnap verify") as connection:
        execute(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        progress.phase(f"counting what {database.label} holds")
        inventory = live_inventory(connection, only, content=False)
        execute(connection, "ROLLBACK")
    roots = proof.loaded_through_root(backup.expected, backup.dumped)
    return proof.with_partitions_folded(inventory, roots), []
