"""verify: compare a backup with the live database, and name every difference."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbsnap.errors import UsageError
from dbsnap.inventory import short_name
from dbsnap.operations.comparing import proof
from dbsnap.operations.comparing.reading import expected_content, read_live
from dbsnap.operations.migrations import NO_MIGRATIONS, live_migrations, report_migrations
from dbsnap.operations.opened import ANY_RULE, content_not_compared, opened_backup
from dbsnap.operations.restoring.plan import PARALLEL_FROM_BYTES
from dbsnap.operations.verifying.choice import chosen_tables
from dbsnap.operations.verifying.counts import NOT_READ, counted_backup, read_live_counts
from dbsnap.operations.verifying.row_changes import row_changes
from dbsnap.operations.verifying.some_tables import only_tables
from dbsnap.operations.verifying.table_backups import read_live_tables
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.progress import NoProgress
from dbsnap.report import errors_in, not_compared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.inventory import Inventory
    from dbsnap.operations.comparing.reading import LiveReading
    from dbsnap.operations.migrations import MigrationReport, ProjectMigrations
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.verifying.row_changes import RowChanges
    from dbsnap.postgres.url import Database
    from dbsnap.prisma.models import PrismaModel
    from dbsnap.progress import Progress
    from dbsnap.report import Finding

Level = Literal["counts", "content"]

COUNTED_ROWS = 2_000_000
"""Of larger tables it is not counted which rows differ, unless they are to be named."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What is compared, and how much is said of it.

    At level ``counts`` no row is read: numbers of rows are compared, and definitions. ``tables`` are
    patterns or names of Prisma ``models``: only these tables, with all that belongs to them. ``rows`` is
    how many differing rows of each kind are named of each table; with 0 they are only counted. ``jobs``
    sessions read the rows of a whole database side by side, where it is worth while.
    """

    level: Level = "content"
    tables: Sequence[str] = ()
    models: Sequence[PrismaModel] = ()
    rows: int = 0
    jobs: int = 1


EVERYTHING = VerifyOptions()


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison found. Only ``ok`` means that everything asked for was compared and agrees.

    ``expected`` is what the backup promises, ``found`` what was read of the database. ``tables`` are
    those it was about, None for the whole backup; ``rows`` how the rows of each table differ, where they
    were to be named.
    """

    backup: str
    database: str
    expected: Inventory
    found: Inventory
    findings: tuple[Finding, ...]
    migrations: MigrationReport = NO_MIGRATIONS
    level: Level = "content"
    tables: tuple[str, ...] | None = None
    rows: tuple[RowChanges, ...] = ()

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
    options: VerifyOptions = EVERYTHING,
    migrations: ProjectMigrations | None = None,
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Verification:
    """Compare a backup with a live database, of tables with these alone, in one snapshot of it.

    Nothing is changed or written on the server. ``migrations`` are those beside the project, which the
    database's history is held against; nothing is said of them where it is None, or only some tables
    are compared. Raises DumpRefused when the backup itself is damaged, CannotRun when the database
    cannot be read, UsageError where a table is named that is on neither side; differences are findings,
    not errors.
    """
    _refuse_contradictions(options, migrations)
    progress = progress or NoProgress()
    compare = _verify_counts if options.level == "counts" else _verify_content
    asked = None if options.tables else migrations  # a history is the whole database's
    verification = compare(dump, database, options, asked, pg_bin, progress)
    progress.done()
    return verification


def _verify_content(
    dump: Path,
    database: Database,
    options: VerifyOptions,
    migrations: ProjectMigrations | None,
    pg_bin: Sequence[Path],
    progress: Progress,
) -> Verification:
    with opened_backup(dump, progress=progress, allowed=ANY_RULE) as whole:
        only = _chosen(database, options, whole.expected, whole.record)
        opened = whole
        if only is not None:
            opened = replace(whole, expected=only_tables(whole.expected, only))
        expected = proof.with_content(opened.expected, expected_content(opened))
        jobs = options.jobs if opened.copy_bytes >= PARALLEL_FROM_BYTES else 1
        with _live(database, opened, only, jobs, pg_bin, progress) as (reading, further):
            findings = proof.live_differences(expected, reading.inventory)
            changes = _row_changes(findings, reading, options.rows, progress)
            findings = [*_with_row_differences(findings, changes), *further]
            found = live_migrations(opened, reading.inventory, database.schema, migrations)
            findings += found.findings
        findings += content_not_compared(opened)
        return Verification(
            backup=opened.id,
            database=database.label,
            expected=expected,
            found=reading.inventory,
            findings=tuple(findings),
            migrations=found,
            tables=None if only is None else tuple(sorted(only)),
            rows=tuple(changes.values()) if options.rows else (),
        )


def _verify_counts(
    dump: Path,
    database: Database,
    options: VerifyOptions,
    migrations: ProjectMigrations | None,
    _pg_bin: Sequence[Path],
    progress: Progress,
) -> Verification:
    backup = counted_backup(dump, progress=progress)
    only = _chosen(database, options, backup.expected, backup.record)
    expected = proof.without_content(backup.expected)
    if only is not None:
        expected = only_tables(expected, only)
    live, findings = read_live_counts(database, backup, only=only, progress=progress)
    findings = [*proof.live_differences(expected, live, required=proof.COUNTED), *findings]
    found = NO_MIGRATIONS
    if migrations is not None and not (backup.record and backup.record.selection):
        found = report_migrations(live, database.schema, migrations, "verify", recorded=expected)
    return Verification(
        backup=backup.id,
        database=database.label,
        expected=expected,
        found=live,
        findings=(*findings, *found.findings, NOT_READ),
        migrations=found,
        level="counts",
        tables=None if only is None else tuple(sorted(only)),
    )


def _refuse_contradictions(options: VerifyOptions, migrations: ProjectMigrations | None) -> None:
    if options.rows and options.level == "counts":
        raise UsageError(
            "--level counts reads no rows, and so cannot name any",
            hint="leave it out, or leave --rows out",
        )
    if options.tables and migrations is not None and migrations.required:
        raise UsageError(
            "--require-migrations is about the whole database, not about some of its tables",
            hint="leave --tables out",
        )


def _chosen(
    database: Database, options: VerifyOptions, expected: Inventory, record: Record | None
) -> frozenset[str] | None:
    if not options.tables:
        return None
    with connect(database) as connection:
        return chosen_tables(
            connection,
            database,
            options.tables,
            expected,
            models=options.models,
            of_tables=record is not None and bool(record.selection),
        )


@contextmanager
def _live(
    database: Database,
    opened: OpenedBackup,
    only: Collection[str] | None,
    jobs: int,
    pg_bin: Sequence[Path],
    progress: Progress,
) -> Iterator[tuple[LiveReading, list[Finding]]]:
    """Read what the backup is to be compared with: the whole database, or a table backup's part."""
    if opened.record is not None and opened.record.selection:
        selection = [t for t in opened.record.selection if only is None or t.table in only]
        with read_live_tables(database, opened, selection, progress=progress) as (whole, further):
            part = whole.inventory if only is None else only_tables(whole.inventory, only)
            yield replace(whole, inventory=part), further
        return
    with connect(database) as connection:
        psql = choose(
            "psql", server_version(connection), pg_bin=pg_bin, needs_tls=database.needs_tls
        )
    with read_live(database, opened, psql=psql, progress=progress, only=only, jobs=jobs) as reading:
        yield reading, []


def _row_changes(
    findings: Sequence[Finding], reading: LiveReading, limit: int, progress: Progress
) -> dict[str, RowChanges]:
    """Compare, row by row, the tables of which something of the rows was found to differ."""
    changes = {}
    for finding in findings:
        kind, _, table = finding.object.partition(" ")
        if kind != "table" or finding.fact not in proof.ROWS or table in changes:
            continue
        sides = (reading.opened.expected, reading.inventory)
        rows = [side.of("table").get(table, {}).get("rows") or 0 for side in sides]
        if not limit and max(rows) > COUNTED_ROWS:
            continue
        progress.phase(f"comparing the rows of {short_name(table)}")
        if found := row_changes(reading, table, limit=limit):
            changes[table] = found
    return changes


def _with_row_differences(
    findings: Sequence[Finding], changes: dict[str, RowChanges]
) -> list[Finding]:
    """Say of each table whose rows differ how many of them are missing, added or changed."""
    detailed = []
    for finding in findings:
        kind, _, table = finding.object.partition(" ")
        if kind == "table" and finding.fact in proof.ROWS and table in changes:
            message = f"{short_name(table)}: {changes[table].difference}"
            detailed.append(replace(finding, message=message))
        else:
            detailed.append(finding)
    return detailed
