"""verify: compare a backup with the live database, and name every difference."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbsnap.inventory import short_name
from dbsnap.operations import proof
from dbsnap.operations.migrations import NO_MIGRATIONS, live_migrations
from dbsnap.operations.opened import ANY_RULE, content_not_compared, opened_backup
from dbsnap.operations.reading import expected_content, read_live
from dbsnap.operations.verify_tables import read_live_tables
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.progress import NoProgress
from dbsnap.report import errors_in, not_compared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import MigrationReport, ProjectMigrations
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.reading import LiveReading
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress
    from dbsnap.report import Finding


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison found. Only ``ok`` means that everything was compared and agrees."""

    backup: str
    database: str
    expected: Inventory
    findings: tuple[Finding, ...]
    migrations: MigrationReport = NO_MIGRATIONS

    @property
    def verdict(self) -> Literal["ok", "different", "not-run"]:
        """Return ``not-run`` where nothing differs but something could not be compared."""
        if errors_in(self.findings):
            return "different"
        return "not-run" if not_compared(self.findings) else "ok"


def verify(
    dump: Path,
    database: Database,
    *,
    migrations: ProjectMigrations | None = None,
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Verification:
    """Compare a backup with a live database, of tables with these alone, in one snapshot of it.

    Nothing is changed. ``migrations`` are those beside the project, which the database's history is
    held against; where it is None, nothing is said of them. Raises DumpRefused when the backup itself
    is damaged, CannotRun when the database cannot be read; differences are findings, not errors.
    """
    progress = progress or NoProgress()
    with opened_backup(dump, progress=progress, allowed=ANY_RULE) as opened:
        expected = proof.with_content(opened.expected, expected_content(opened))
        with _live(database, opened, pg_bin, progress) as (reading, further):
            findings = proof.live_differences(expected, reading.inventory)
            findings = [*_with_row_differences(findings, reading), *further]
            found = live_migrations(opened, reading.inventory, database.schema, migrations)
            findings += found.findings
        findings += content_not_compared(opened)
        progress.done()
        return Verification(
            backup=opened.id,
            database=database.label,
            expected=expected,
            findings=tuple(findings),
            migrations=found,
        )


@contextmanager
def _live(
    database: Database, opened: OpenedBackup, pg_bin: Sequence[Path], progress: Progress
) -> Iterator[tuple[LiveReading, list[Finding]]]:
    """Read what the backup is to be compared with: the whole database, or a table backup's part."""
    if opened.record is not None and opened.record.selection:
        selection = opened.record.selection
        with read_live_tables(database, opened, selection, progress=progress) as read:
            yield read
        return
    with connect(database) as connection:
        psql = choose(
            "psql", server_version(connection), pg_bin=pg_bin, needs_tls=database.needs_tls
        )
    with read_live(database, opened, psql=psql, progress=progress) as reading:
        yield reading, []


def _with_row_differences(findings: list[Finding], reading: LiveReading) -> list[Finding]:
    """Say of each table whose rows differ how many of them are missing, added or changed."""
    detailed = []
    for finding in findings:
        kind, _, table = finding.object.partition(" ")
        if kind == "table" and finding.fact in {"rows", "content"}:
            difference = reading.row_difference(table)
            if difference is not None:
                message = f"{short_name(table)}: {difference}"
                detailed.append(replace(finding, message=message))
                continue
        detailed.append(finding)
    return detailed
