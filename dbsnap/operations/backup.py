"""backup: dump a database in a snapshot, prove the dump against the same snapshot, publish it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap import __version__
from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.record import Block, Companion, Dump, Record, Source
from dbsnap.archive.restore_script import render_restore_script
from dbsnap.archive.storage import RECORD_SUFFIX, publish, staging
from dbsnap.dumpfile import privileges
from dbsnap.dumpfile.compression import SUFFIXES
from dbsnap.dumpfile.definitions import stated_in_dump
from dbsnap.dumpfile.frames import write_dump
from dbsnap.errors import DumpRefused, OperationFailed, VerificationFailed
from dbsnap.inventory import ALL_LARGE_OBJECTS, compare
from dbsnap.operations import proof
from dbsnap.postgres.catalog import ask_connection, read_inventory
from dbsnap.postgres.connection import fetch_value, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.dump import (
    dump_encoding,
    dump_stream,
    privileges_arguments,
    whole_database_arguments,
)
from dbsnap.postgres.properties import read_properties
from dbsnap.postgres.snapshot import hold_snapshot
from dbsnap.progress import NoProgress
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbsnap.archive.storage import Staging
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.inventory import Inventory
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.snapshot import Snapshot
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress
    from dbsnap.report import Finding

ESTIMATE = (
    "SELECT coalesce(sum(pg_catalog.pg_relation_size(oid)), 0)::bigint FROM pg_catalog.pg_class "
    "WHERE relkind = 'r' AND relnamespace NOT IN "
    "('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
)
"""Bytes of heap: what a bar can be measured against before anything was dumped."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A published backup; ``findings`` are notes and warnings, never errors."""

    record: Record
    dump: Path
    findings: tuple[Finding, ...]


def backup(
    database: Database,
    *,
    target: str,
    directory: Path,
    compression: Compression = "none",
    reason: str = "",
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Backup:
    """Back up one whole database into ``directory`` and return what was published.

    The inventory is read in the very snapshot that pg_dump dumps, and compared with the bytes that were
    written. Raises VerificationFailed when they differ, CannotRun when there is no connection or no
    suitable pg_dump, OperationFailed when something broke on the way. On every failure nothing is
    published and nothing half-done stays.
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
        source = _source(snapshot.connection, database, target)
        notes = [*proof.without_invalid_indexes(expected)[1], *proof.migration_advice(expected)]
        with staging(directory, database.name, clock()) as stage:
            written = _dump(stage, database, snapshot, pg_dump, source, compression, progress)
            expected = _prove(expected, written)
            companion = _keep_privileges(stage, database, snapshot, pg_dump, source, expected)
            record = Record(
                id=stage.id,
                created_at=f"{clock():%Y-%m-%dT%H:%M:%SZ}",
                reason=reason,
                dbsnap_version=__version__,
                source=source,
                dump=_dump_of(stage, written, pg_dump),
                privileges=companion,
                restore_script=_keep_restore_script(stage, source, written, expected),
                duration_seconds=round(time.monotonic() - started, 3),
                inventory=expected,
                notes=tuple(note.message for note in notes),
            )
            stage.write_json(RECORD_SUFFIX, record.as_json())
            publish(stage, directory)  # the record last: with it the backup exists
    rebuild_manifest(directory)
    progress.done()
    return Backup(record, directory / record.dump.file, tuple(notes))


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
    try:
        with (
            stage.create(SUFFIXES[compression]) as output,
            dump_stream(pg_dump, database, arguments) as read,
        ):
            return write_dump(
                read,
                output,
                compression,
                on_progress=lambda count, table: progress.advance(count, current=table),
            )
    except DumpRefused as error:
        # A stream that ends early is pg_dump's failure, which its own exit status did not tell.
        raise OperationFailed(f"pg_dump's output is not whole: {error}") from None


def _prove(expected: Inventory, written: WrittenDump) -> Inventory:
    """Compare what was written with what the snapshot holds; return what the record will promise."""
    dumped = written.contents.inventory
    roots = proof.loaded_through_root(expected, (b.table for b in written.contents.copy_blocks))
    expected = proof.with_partitions_folded(expected, roots)
    expected, findings = proof.with_dumped_sequences(expected, dumped)
    findings += compare(stated_in_dump(expected), dumped, require=proof.COUNTED)
    if not written.contents.complete:
        raise OperationFailed("pg_dump's output has no trailer: it did not finish")
    if errors_in(findings):
        raise VerificationFailed(
            f"the dump is not what the database holds: {proof.messages(findings)}",
            findings,
            hint="nothing was kept; look at the rights of the role and try again",
        )
    content = {
        name: facts["content"] for name, facts in dumped.of("table").items() if facts.get("content")
    }
    return proof.with_content(expected, content)


def _keep_privileges(
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
        statements = privileges.privilege_statements(read)
    text = privileges.render(statements, backup_id=stage.id, encoding=encoding)
    return _companion(stage, "_privileges.sql", text, mode=0o600)


def _keep_restore_script(
    stage: Staging, source: Source, written: WrittenDump, expected: Inventory
) -> Companion:
    text = render_restore_script(
        backup_id=stage.id,
        dump_file=stage.id + SUFFIXES[written.compression],
        dump_sha256=written.sha256,
        compression=written.compression,
        source=source,
        inventory=expected,
    )
    return _companion(stage, "_restore.sh", text.encode(), mode=0o700)


def _companion(stage: Staging, suffix: str, content: bytes, *, mode: int) -> Companion:
    stage.write(suffix, content, mode=mode)
    return Companion(stage.id + suffix, len(content), hashlib.sha256(content).hexdigest())


def _source(connection: Connection, database: Database, target: str) -> Source:
    properties = read_properties(connection, database.name)
    if properties is None:  # a pooler can show another name for a database than its own
        name = str(fetch_value(connection, "SELECT current_database()"))
        properties = read_properties(connection, name)
    if properties is None:
        raise OperationFailed(f"the server does not list {database.label} among its databases")
    return Source(
        target=target,
        database=database.name,
        server=database.label,
        server_version=connection.info.parameter_status("server_version") or "",
        encoding=properties.encoding,
        collate=properties.collate,
        ctype=properties.ctype,
        properties=properties.as_json(),
    )


def _dump_of(stage: Staging, written: WrittenDump, pg_dump: Program) -> Dump:
    return Dump(
        file=stage.id + SUFFIXES[written.compression],
        compression=written.compression,
        bytes=written.file_bytes,
        raw_bytes=written.raw_bytes,
        sha256=written.sha256,
        pg_dump_version=pg_dump.version_text,
        members=tuple((m.offset, m.length, m.raw_offset, m.raw_length) for m in written.members)
        if written.compression != "none"
        else (),
        blocks=tuple(
            Block(b.table, b.columns, b.offset, b.end - b.offset, b.rows, b.content)
            for b in written.contents.copy_blocks
        ),
    )
