"""backup -t: dump tables, or some of their rows and columns, in one snapshot, prove it, publish it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import publish, staging
from dbsnap.archive.record import Record
from dbsnap.archive.storage import RECORD_SUFFIX
from dbsnap.dumpfile.compression import SUFFIXES
from dbsnap.dumpfile.defining.definitions import stated_in_dump
from dbsnap.dumpfile.guard import Promise, guard
from dbsnap.dumpfile.privileges import privilege_statements
from dbsnap.dumpfile.stored import open_dump
from dbsnap.dumpfile.table_dump import parted, reader_of, sequence_statement
from dbsnap.errors import OperationFailed, ServerFailed
from dbsnap.inventory import KINDS_IN_DUMPS, compare
from dbsnap.operations.comparing import proof
from dbsnap.operations.recording import (
    Backup,
    dump_of,
    keep_dump,
    keep_privileges,
    refuse_differences,
    source_of,
    with_dumped_content,
)
from dbsnap.operations.table_backup.definitions import define
from dbsnap.operations.table_backup.inventory import PartOfInventory
from dbsnap.operations.table_backup.record import (
    NAMES_IN_FILE_NAME,
    Gathered,
    file_name_of,
    notes_on,
    restore_script_of,
    selection_of,
)
from dbsnap.operations.table_backup.request import settle
from dbsnap.operations.table_backup.rows import announce, check_filters, count_tables, row_pieces
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_definitions
from dbsnap.postgres.connection import connect, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.quoting import quote_literal
from dbsnap.postgres.snapshot import LOCK_WAIT_SECONDS, hold_snapshot, limit_waits
from dbsnap.postgres.tables.definitions_archive import (
    DefinitionsArchive,
    chosen_entries,
    write_archive,
)
from dbsnap.postgres.tables.dependencies import PG_CLASS
from dbsnap.postgres.tables.rows import copied_as, sequence_values
from dbsnap.progress import NoProgress
from dbsnap.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from dbsnap.archive.publishing import Staging
    from dbsnap.archive.record import Companion
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.inventory import Inventory
    from dbsnap.operations.table_backup.plan import TablePlan, TableRequest
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.snapshot import Snapshot
    from dbsnap.postgres.tables.definitions_archive import Entry
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class Chosen:
    """The archive of definitions, and its entries that belong into the dump."""

    archive: DefinitionsArchive
    entries: tuple[Entry, ...]
    pg_dump: Program


def backup_tables(
    database: Database,
    request: TableRequest,
    *,
    target: str,
    directory: Path,
    compression: Compression = "none",
    reason: str = "",
    undoes: str = "",
    pg_bin: Sequence[Path] = (),
    lock_wait_seconds: int = LOCK_WAIT_SECONDS,
    progress: Progress | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Backup:
    """Back up chosen tables into ``directory`` and return what was published.

    The dump restores into an empty database: it holds all that the tables need to be created, and
    leaves out what needs tables or values that it does not hold (``Record.selection`` says what).
    ``undoes`` is for the backup that a restore takes of what it is about to change. Rows
    are counted in the snapshot, in what the server sends, and in the file, which is read again before
    it is published. Raises UsageError where the request does not fit the database, and what
    ``backup.backup`` raises. On every failure nothing is published and nothing half-done stays.
    """
    progress = progress or NoProgress()
    started = time.monotonic()
    plan = _plan(database, request, lock_wait_seconds, progress)
    with hold_snapshot(
        database,
        lock_wait_seconds=lock_wait_seconds,
        tables_to_lock=lambda _: plan.names_to_lock(),
    ) as snapshot:
        limit_waits(snapshot.connection, lock_wait_seconds)
        progress.phase("counting rows")
        gathered = _gather(snapshot, database, request, plan, target)
        findings = [*plan.findings, *announce(gathered.counted, progress)]
        with staging(directory, file_name_of(plan, undoes), clock()) as stage:
            chosen = _choose_definitions(
                stage, database, gathered, pg_bin, lock_wait_seconds, progress
            )
            written = _dump(stage, gathered, chosen, compression, progress)
            expected = _prove(gathered, written)
            _read_again(stage, written, expected, progress)
            findings += notes_on(gathered, expected)
            record = Record(
                id=stage.id,
                created_at=f"{clock():%Y-%m-%dT%H:%M:%SZ}",
                reason=reason,
                dbsnap_version=VERSION,
                source=gathered.source,
                dump=dump_of(stage, written, chosen.pg_dump),
                privileges=_privileges(stage, chosen, gathered.encoding),
                restore_script=restore_script_of(stage, gathered, written, expected),
                duration_seconds=round(time.monotonic() - started, 3),
                inventory=expected,
                notes=tuple(finding.message for finding in findings),
                selection=selection_of(gathered),
                undoes=undoes,
            )
            stage.write_json(RECORD_SUFFIX, record.as_json())
            publish(stage, directory)  # the record last: with it the backup exists
    rebuild_manifest(directory)
    progress.done()
    return Backup(record, directory / record.dump.file, tuple(findings))


def _plan(
    database: Database, request: TableRequest, lock_wait_seconds: int, progress: Progress
) -> TablePlan:
    progress.phase(f"looking for the tables in {database.label}")
    with connect(database) as connection:
        limit_waits(connection, lock_wait_seconds)
        plan = settle(connection, database, request)
        check_filters(connection, database, plan)
    return plan


def _gather(
    snapshot: Snapshot, database: Database, request: TableRequest, plan: TablePlan, target: str
) -> Gathered:
    connection = snapshot.connection
    if settle(connection, database, request) != plan:
        raise ServerFailed(
            "the tables were changed while they were being looked at",
            hint="try again when no migration is running",
        )
    definitions = define(connection, plan.relations, plan.tables)
    sequences = [relation for relation in definitions.relations if relation.kind == "S"]
    values = sequence_values(connection, [relation.sql_name for relation in sequences])
    return Gathered(
        snapshot=snapshot,
        source=source_of(connection, database, target),
        plan=plan,
        counted=tuple(count_tables(connection, database, definitions.tables)),
        definitions=definitions,
        sequences={relation.title: values[relation.sql_name] for relation in sequences},
    )


def _choose_definitions(
    stage: Staging,
    database: Database,
    gathered: Gathered,
    pg_bin: Sequence[Path],
    lock_wait_seconds: int,
    progress: Progress,
) -> Chosen:
    """Have pg_dump write all definitions but those of other tables, and choose what is needed."""
    version = server_version(gathered.snapshot.connection)
    pg_dump = choose("pg_dump", version, pg_bin=pg_bin, needs_tls=database.needs_tls)
    # An older pg_restore does not read the archive of a newer pg_dump.
    pg_restore = choose("pg_restore", max(version, pg_dump.major * 10000), pg_bin=pg_bin)
    progress.phase(f"reading definitions with pg_dump {pg_dump.version_text}")
    wanted = gathered.definitions.wanted
    others = [
        (relation.schema, relation.name)
        for oid, relation in gathered.plan.relations.by_oid.items()
        if (PG_CLASS, oid) not in wanted
    ]
    archive = DefinitionsArchive(stage.directory / "definitions", pg_restore)
    write_archive(
        pg_dump,
        database,
        archive.path,
        snapshot=gathered.snapshot.identifier,
        encoding=gathered.encoding,
        left_out=others,
        lock_wait_seconds=lock_wait_seconds,
    )
    entries = tuple(chosen_entries(archive.entries(), wanted))
    found = {entry.address for entry in entries}
    for relation in gathered.definitions.relations:
        if (PG_CLASS, relation.oid) not in found and not relation.extension:
            raise OperationFailed(f"pg_dump did not write the definition of {relation.shown}")
    return Chosen(archive, entries, pg_dump)


def _dump(
    stage: Staging,
    gathered: Gathered,
    chosen: Chosen,
    compression: Compression,
    progress: Progress,
) -> WrittenDump:
    total = sum(counted.estimated_bytes for counted in gathered.counted)
    progress.phase(f"dumping {_shown_names(gathered.plan)}", total_bytes=total)
    with closing(_pieces(gathered, chosen)) as pieces:
        return keep_dump(stage, reader_of(pieces), compression, progress)


def _pieces(gathered: Gathered, chosen: Chosen) -> Generator[bytes]:
    """Yield the dump: what comes before the rows, rows, values of sequences, what comes after."""
    definitions = chosen.archive.text(chosen.entries)
    before_rows = chosen.archive.text(chosen.entries, "--section=pre-data")
    before, after = parted(definitions, before_rows, gathered.definitions.loosenings)
    yield before
    with copied_as(gathered.snapshot.connection, gathered.encoding):
        yield from row_pieces(gathered.snapshot.connection, gathered.counted)
    for relation in gathered.definitions.relations:
        if relation.kind == "S":
            last_value, is_called = gathered.sequences[relation.title]
            literal = quote_literal(relation.sql_name)
            yield sequence_statement(
                relation.schema, relation.name, literal, last_value, is_called=is_called
            )
    yield after


def _prove(gathered: Gathered, written: WrittenDump) -> Inventory:
    """Compare what was written with what the snapshot holds; return what the record will promise."""
    version = server_version(gathered.snapshot.connection)
    objects, _ = read_definitions(
        ask_connection(gathered.snapshot.connection),
        version,
        kinds=KINDS_IN_DUMPS,
        relations=[relation.oid for relation in gathered.definitions.relations],
    )
    stated = written.contents.inventory
    expected = PartOfInventory(objects, gathered.definitions).inventory(
        version,
        stated,
        rows={counted.table.title: counted.count for counted in gathered.counted},
        sequences=gathered.sequences,
    )
    findings = compare(stated_in_dump(expected), stated, require=proof.COUNTED)
    refuse_differences(written, findings)
    return with_dumped_content(expected, written)


def _read_again(
    stage: Staging, written: WrittenDump, expected: Inventory, progress: Progress
) -> None:
    """Read the file as everybody will who restores it; raise DumpRefused if it would be refused."""
    path = stage.path(SUFFIXES[written.compression])
    progress.phase(f"reading {path.name} again", total_bytes=written.raw_bytes)
    with open_dump(path) as dump:
        guard(
            dump,
            promise=Promise(expected, written.sha256, written.file_bytes, written.rules),
            on_progress=progress.advance,
        )


def _privileges(stage: Staging, chosen: Chosen, encoding: str) -> Companion:
    text = chosen.archive.text_with_owners(chosen.entries)
    statements = privilege_statements(reader_of(iter([text])))
    companion = keep_privileges(stage, statements, encoding)
    chosen.archive.path.unlink()
    return companion


def _shown_names(plan: TablePlan) -> str:
    names = [table.relation.shown for table in plan.tables]
    more = f" and {len(names) - NAMES_IN_FILE_NAME} more" if names[NAMES_IN_FILE_NAME:] else ""
    return ", ".join(names[:NAMES_IN_FILE_NAME]) + more
