"""What every backup records, whether of a whole database or of tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbsnap.archive.record import Block, Companion, Dump, Record, Source
from dbsnap.archive.restore_script import render_restore_script
from dbsnap.dumpfile import privileges
from dbsnap.dumpfile.compression import SUFFIXES
from dbsnap.dumpfile.frames import write_dump
from dbsnap.errors import DumpRefused, OperationFailed, VerificationFailed
from dbsnap.operations.comparing import proof
from dbsnap.operations.migrations import NO_MIGRATIONS
from dbsnap.postgres.connection import fetch_value
from dbsnap.postgres.properties import read_properties
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbsnap.archive.publishing import Staging
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.dumpfile.privileges import PrivilegeStatement
    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import MigrationReport
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress
    from dbsnap.report import Finding


@dataclass(frozen=True, slots=True)
class Backup:
    """A published backup; ``findings`` are notes and warnings, never errors."""

    record: Record
    dump: Path
    findings: tuple[Finding, ...]
    migrations: MigrationReport = NO_MIGRATIONS


def keep_dump(
    stage: Staging,
    read: Callable[[int], bytes],
    compression: Compression,
    progress: Progress,
) -> WrittenDump:
    """Write a dump into the staging directory as it is read; raise OperationFailed if it is cut off."""
    return keep_written(stage, partial(write_dump, read), compression, progress)


def keep_written(
    stage: Staging,
    write: Callable[..., WrittenDump],
    compression: Compression,
    progress: Progress,
) -> WrittenDump:
    """Let ``write`` put a dump into the staging directory, as ``frames.write_dump`` does.

    Raises OperationFailed if what it reads is cut off.
    """
    try:
        with stage.create_large(SUFFIXES[compression]) as output:
            return write(
                output=output,
                compression=compression,
                on_progress=lambda count, table: progress.advance(count, current=table),
            )
    except DumpRefused as error:
        # A stream that ends early is pg_dump's failure, which its own exit status did not tell.
        raise OperationFailed(f"pg_dump's output is not whole: {error}") from None


def refuse_differences(written: WrittenDump, findings: Sequence[Finding]) -> None:
    """Raise VerificationFailed where the bytes that were written are not what the snapshot holds.

    Raises OperationFailed where the dump has no end; pg_dump itself may have had more to say.
    """
    if not written.contents.complete:
        raise OperationFailed("pg_dump's output has no trailer: it did not finish")
    if errors_in(findings):
        raise VerificationFailed(
            f"the dump is not what the database holds: {proof.messages(findings)}",
            findings,
            hint="nothing was kept; look at the rights of the role and try again",
        )


def with_dumped_content(expected: Inventory, written: WrittenDump) -> Inventory:
    """Return the inventory with the fingerprint of each table's rows in the dump."""
    tables = written.contents.inventory.of("table")
    content = {name: facts["content"] for name, facts in tables.items() if facts.get("content")}
    return proof.with_content(expected, content)


def keep_privileges(
    stage: Staging, statements: Sequence[PrivilegeStatement], encoding: str
) -> Companion:
    """Write owners and grants into a file of their own."""
    text = privileges.render(statements, backup_id=stage.id, encoding=encoding)
    return _companion(stage, "_privileges.sql", text, mode=0o600)


def keep_restore_script(
    stage: Staging, source: Source, written: WrittenDump, expected: Inventory
) -> Companion:
    """Write the script that restores the dump without dbsnap."""
    text = render_restore_script(
        backup_id=stage.id,
        dump_file=stage.id + SUFFIXES[written.compression],
        dump_sha256=written.sha256,
        compression=written.compression,
        source=source,
        inventory=expected,
    )
    return keep_script(stage, text)


def keep_script(stage: Staging, text: str) -> Companion:
    """Write a restore script; its owner may run it."""
    return _companion(stage, "_restore.sh", text.encode(), mode=0o700)


def _companion(stage: Staging, suffix: str, content: bytes, *, mode: int) -> Companion:
    stage.write(suffix, content, mode=mode)
    return Companion(stage.id + suffix, len(content), hashlib.sha256(content).hexdigest())


def source_of(connection: Connection, database: Database, target: str) -> Source:
    """Return where a backup is taken; raise OperationFailed where the server denies the database."""
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


def dump_of(stage: Staging, written: WrittenDump, pg_dump: Program) -> Dump:
    """Return what a record says of the dump file."""
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
        rules=written.rules,
    )
