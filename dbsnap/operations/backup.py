"""backup: dump a database in a snapshot, prove the dump against the same snapshot, publish it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from dbsnap import __version__
from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import publish, staging
from dbsnap.archive.record import Companion, Record, Source
from dbsnap.archive.storage import RECORD_SUFFIX
from dbsnap.dumpfile.defining.definitions import stated_in_dump
from dbsnap.inventory import ALL_LARGE_OBJECTS, compare
from dbsnap.operations import proof
from dbsnap.operations.migrations import HISTORY_ALONE, demand, report_migrations
from dbsnap.operations.recording import (
    Backup,
    dump_of,
    keep_dump,
    keep_privileges,
    keep_restore_script,
    refuse_differences,
    source_of,
    with_dumped_content,
)
from dbsnap.operations.table_backup.exclusions import not_applied
from dbsnap.postgres.catalog import ask_connection, read_inventory
from dbsnap.postgres.connection import fetch_value, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.dump import (
    dump_encoding,
    dump_stream,
    privileges_arguments,
    whole_database_arguments,
)
from dbsnap.postgres.snapshot import hold_snapshot
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dbsnap.archive.publishing import Staging
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import ProjectMigrations
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.snapshot import Snapshot
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

ESTIMATE = (
    "SELECT coalesce(sum(pg_catalog.pg_relation_size(oid)), 0)::bigint FROM pg_catalog.pg_class "
    "WHERE relkind = 'r' AND relnamespace NOT IN "
    "('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
)
"""Bytes of heap: what a bar can be measured against before anything was dumped."""


def backup(
    database: Database,
    *,
    target: str,
    directory: Path,
    compression: Compression = "none",
    reason: str = "",
    migrations: ProjectMigrations = HISTORY_ALONE,
    standing_exclusions: Mapping[str, Sequence[str]] = MappingProxyType({}),
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
    with hold_snapshot(database) as snapshot:
        pg_dump = choose(
            "pg_dump",
            server_version(snapshot.connection),
            pg_bin=pg_bin,
            needs_tls=database.needs_tls,
        )
        progress.phase(f"reading what {database.label} holds")
        expected = read_inventory(
            ask_connection(snapshot.connection), server_version(snapshot.connection)
        )
        source = source_of(snapshot.connection, database, target)
        found = report_migrations(expected, database.schema, migrations, "backup")
        demand(found, migrations, "no backup was taken")
        notes = [*proof.without_invalid_indexes(expected)[1], *found.findings]
        notes += not_applied(standing_exclusions)
        with staging(directory, database.name, clock()) as stage:
            written = _dump(stage, database, snapshot, pg_dump, source, compression, progress)
            expected = _prove(expected, written)
            companion = _dump_privileges(stage, database, snapshot, pg_dump, source, expected)
            record = Record(
                id=stage.id,
                created_at=f"{clock():%Y-%m-%dT%H:%M:%SZ}",
                reason=reason,
                dbsnap_version=__version__,
                source=source,
                dump=dump_of(stage, written, pg_dump),
                privileges=companion,
                restore_script=keep_restore_script(stage, source, written, expected),
                duration_seconds=round(time.monotonic() - started, 3),
                inventory=expected,
                notes=tuple(note.message for note in notes),
            )
            stage.write_json(RECORD_SUFFIX, record.as_json())
            publish(stage, directory)  # the record last: with it the backup exists
    rebuild_manifest(directory)
    progress.done()
    return Backup(record, directory / record.dump.file, tuple(notes), found)


def _dump(
    stage: Staging,
    database: Database,
    snapshot: Snapshot,
    pg_dump: Program,
    source: Source,
    compression: Compression,
    progress: Progress,
) -> WrittenDump:
    progress.phase(
        f"dumping {source.database} with pg_dump {pg_dump.version_text}",
        total_bytes=fetch_value(snapshot.connection, ESTIMATE),
    )
    arguments = whole_database_arguments(snapshot.identifier, dump_encoding(source.encoding))
    with dump_stream(pg_dump, database, arguments) as read:
        return keep_dump(stage, read, compression, progress)


def _prove(expected: Inventory, written: WrittenDump) -> Inventory:
    """Compare what was written with what the snapshot holds; return what the record will promise."""
    dumped = written.contents.inventory
    roots = proof.loaded_through_root(expected, (b.table for b in written.contents.copy_blocks))
    expected = proof.with_partitions_folded(expected, roots)
    expected, findings = proof.with_dumped_sequences(expected, dumped)
    findings += compare(stated_in_dump(expected), dumped, require=proof.COUNTED)
    refuse_differences(written, findings)
    return with_dumped_content(expected, written)


def _dump_privileges(
    stage: Staging,
    database: Database,
    snapshot: Snapshot,
    pg_dump: Program,
    source: Source,
    expected: Inventory,
) -> Companion:
    encoding = dump_encoding(source.encoding)
    arguments = privileges_arguments(
        snapshot.identifier,
        encoding,
        large_objects=bool(expected.of("large objects")[ALL_LARGE_OBJECTS]["count"]),
    )
    with dump_stream(pg_dump, database, arguments) as read:
        return keep_privileges(stage, read, encoding)
