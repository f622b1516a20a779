"""A backup, opened and guarded: the first step of everything that uses one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.storage import backup_id, find_record
from dbsnap.dumpfile.guard import guard
from dbsnap.dumpfile.stored import open_dump
from dbsnap.postgres.content import TableContent
from dbsnap.postgres.dump import dump_encoding
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.dumpfile.contents import DumpContents
    from dbsnap.dumpfile.stored import StoredDump
    from dbsnap.inventory import Inventory
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A dump that passed the guard, with its record where there is one.

    ``expected`` is what must be found after a restore: the record's inventory, or what the dump itself
    states. Everything that is read later comes from the descriptor that was guarded.
    """

    dump: StoredDump
    record: Record | None
    contents: DumpContents
    expected: Inventory
    raw_bytes: int
    sha256: str

    @property
    def copy_bytes(self) -> int:
        """Return the size of all rows in the dump, in bytes."""
        return sum(block.end - block.offset for block in self.contents.copy_blocks)

    @property
    def id(self) -> str:
        """Return the backup's id, or the dump's file name without suffix."""
        return self.record.id if self.record else backup_id(self.dump.path)

    @property
    def encoding(self) -> str:
        """Return the encoding of the dump's text."""
        if self.record is not None:
            return dump_encoding(self.record.source.encoding)
        return self.contents.encoding or "UTF8"

    @property
    def source_version(self) -> int:
        """Return ``server_version_num`` of the server the dump was taken from, 0 if unknown."""
        return self.expected.server_version

    def table_contents(self) -> list[TableContent]:
        """Return what to read of a live database to compare its rows with the dump's."""
        tables: dict[str, TableContent] = {}
        for block in self.contents.copy_blocks:
            facts = self.expected.of("table").get(block.table, {})
            tables.setdefault(
                block.table,
                TableContent(
                    block.table,
                    block.columns,
                    condition=facts.get("condition", ""),
                    partitioned=facts.get("form") == "partitioned table",
                ),
            )
        return list(tables.values())


@contextmanager
def opened_backup(path: Path, *, progress: Progress) -> Iterator[OpenedBackup]:
    """Open a dump file, and let it through the guard against its record.

    Raises DumpRefused when dump or record is damaged or they do not belong together.
    """
    record = find_record(path)
    with open_dump(path) as dump:
        progress.phase(
            f"checking {path.name}",
            total_bytes=record.dump.raw_bytes if record else dump.file_bytes,
        )
        guarded = guard(
            dump,
            expected=record.inventory if record else None,
            sha256=record.dump.sha256 if record else None,
            on_progress=progress.advance,
        )
        yield OpenedBackup(
            dump=dump,
            record=record,
            contents=guarded.contents,
            expected=record.inventory if record else guarded.contents.inventory,
            raw_bytes=guarded.raw_bytes,
            sha256=guarded.sha256,
        )


def content_not_compared(opened: OpenedBackup) -> list[Finding]:
    """Say where content cannot be compared because the dump does not hold it as COPY blocks."""
    blocks = {block.table for block in opened.contents.copy_blocks}
    bare = [
        name
        for name, facts in opened.expected.of("table").items()
        if facts.get("rows") and name not in blocks
    ]
    if not bare:
        return []
    message = (
        f"rows dumped as INSERT statements ({len(bare):,} of the tables) are counted, "
        "but their content is not compared"
    )
    return [Finding("not-compared", "content", message, severity="warning")]
