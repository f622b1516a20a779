"""backup: dump a database in a snapshot, prove the dump against the same snapshot, publish it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import publish, staging
from dbsnap.archive.record import Record, Source
from dbsnap.archive.storage import RECORD_SUFFIX
from dbsnap.archive.summaries import Summaries
from dbsnap.dumpfile.defining.definitions import stated_in_dump
from dbsnap.inventory import compare
from dbsnap.operations.comparing import proof
from dbsnap.operations.dumping.dump import ONE_JOB, Dumping, DumpOptions, DumpSource
from dbsnap.operations.dumping.inventory_reading import InventoryReading
from dbsnap.operations.migrations import HISTORY_ALONE, demand, report_migrations
from dbsnap.operations.recording import (
    Backup,
    dump_of,
    keep_privileges,
    keep_restore_script,
    keep_written,
    refuse_differences,
    source_of,
    with_dumped_content,
)
from dbsnap.operations.table_backup.exclusions import not_applied
from dbsnap.postgres.connection import server_version
from dbsnap.postgres.discovery import choose, look_for
from dbsnap.postgres.dump import dump_encoding
from dbsnap.postgres.snapshot import hold_snapshot
from dbsnap.progress import NoProgress
from dbsnap.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import MigrationReport, ProjectMigrations
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.snapshot import Snapshot
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

NO_BACKUP = "no backup was taken"


def backup(
    database: Database,
    *,
    target: str,
    directory: Path,
    compression: Compression = "none",
    reason: str = "",
    migrations: ProjectMigrations = HISTORY_ALONE,
    standing_exclusions: Mapping[str, Sequence[str]] = MappingProxyType({}),
    options: DumpOptions = ONE_JOB,
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Backup:
    """Back up one whole database into ``directory`` and return what was published.

    The inventory is read in the very snapshot that pg_dump dumps, and compared with the bytes that were
    written. Raises VerificationFailed when they differ, or when ``migrations`` must be in order and are
    not, CannotRun when there is no connection or no suitable pg_dump, OperationFailed when something
    broke on the way. On every failure nothing is published and nothing half-done stays. Of
    ``standing_exclusions`` it is only said that they are not applied.
    """
    progress = progress or NoProgress()
    started = time.monotonic()
    programs = look_for("pg_dump", pg_bin=pg_bin, ask_for_tls=database.needs_tls)
    with hold_snapshot(database) as snapshot:
        source = source_of(snapshot.connection, database, target)
        dumped = _dump_source(snapshot, database, source, pg_bin, programs)
        before = snapshot.sequence_values()
        with (
            Dumping(dumped, options) as dumping,
            InventoryReading(snapshot) as reading,
            staging(directory, database.name, clock()) as stage,
        ):
            progress.phase(
                f"dumping {source.database} with pg_dump {dumped.pg_dump.version_text}",
                total_bytes=dumping.stored_bytes,
            )
            if migrations.required:  # or it would be said after hours
                demand(_migrations(reading, database, migrations), migrations, NO_BACKUP)
            write = partial(dumping.write, watch=reading.check)
            written = keep_written(stage, write, compression, progress)
            found = _migrations(reading, database, migrations)
            notes = [*proof.without_invalid_indexes(reading.result())[1], *found.findings]
            notes += not_applied(standing_exclusions)
            expected = _prove(reading.result(), written, before)
            companion = keep_privileges(stage, written.privileges, dumped.encoding)
            snapshot.check()
            record = Record(
                id=stage.id,
                created_at=f"{clock():%Y-%m-%dT%H:%M:%SZ}",
                reason=reason,
                dbsnap_version=VERSION,
                source=source,
                dump=dump_of(stage, written, dumped.pg_dump),
                privileges=companion,
                restore_script=keep_restore_script(stage, source, written, expected),
                duration_seconds=round(time.monotonic() - started, 3),
                inventory=expected,
                notes=tuple(note.message for note in notes),
            )
            sha256 = stage.write_json(RECORD_SUFFIX, record.as_json())
            publish(stage, directory)  # the record last: with it the backup exists
    summaries = Summaries(directory)
    summaries.know(directory / (record.id + RECORD_SUFFIX), record, sha256)
    rebuild_manifest(directory, summaries)
    progress.done()
    return Backup(record, directory / record.dump.file, tuple(notes), found)


def _migrations(
    reading: InventoryReading, database: Database, migrations: ProjectMigrations
) -> MigrationReport:
    return report_migrations(reading.result(), database.schema, migrations, "backup")


def _dump_source(
    snapshot: Snapshot,
    database: Database,
    source: Source,
    pg_bin: Sequence[Path],
    programs: Callable[[], list[Program]],
) -> DumpSource:
    version = server_version(snapshot.connection)
    pg_dump = choose("pg_dump", version, needs_tls=database.needs_tls, found=programs)
    return DumpSource(database, snapshot, pg_dump, pg_bin, dump_encoding(source.encoding))


def _prove(expected: Inventory, written: WrittenDump, before: Mapping[str, int]) -> Inventory:
    """Compare what was written with what the snapshot holds; return what the record will promise."""
    dumped = written.contents.inventory
    roots = proof.loaded_through_root(expected, (b.table for b in written.contents.copy_blocks))
    expected = proof.with_partitions_folded(expected, roots)
    expected, findings = proof.with_dumped_sequences(expected, dumped, before)
    findings += compare(stated_in_dump(expected), dumped, require=proof.COUNTED)
    refuse_differences(written, findings)
    return with_dumped_content(expected, written)
