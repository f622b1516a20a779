"""pg_dump, started on a snapshot and read as a stream."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dbsnap.postgres.client import client_environment
from dbsnap.postgres.snapshot import LOCK_WAIT_SECONDS
from dbsnap.postgres.tables.patterns import quoted_pattern
from dbsnap.postgres.tools import channel, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

LOOK_SECONDS = 0.5
"""How often whoever waits for a dump looks whether it is still worth it."""

PINNED_ENVIRONMENT = {
    "PGTZ": "UTC",
    "PGDATESTYLE": "ISO, MDY",
}
"""pg_dump pins its own output settings but takes the time zone from PGTZ (libpq environment)."""

BYTES_AS_HEX = "-c bytea_output=hex"
"""The one output setting that pg_dump leaves to the role and the database."""


def dump_encoding(database_encoding: str) -> str:
    """Return the encoding of a dump's text: UTF-8, but SQL_ASCII data can only stay as it is."""
    return "SQL_ASCII" if database_encoding == "SQL_ASCII" else "UTF8"


def whole_database_arguments(
    snapshot: str, encoding: str, *, lock_wait_seconds: int = LOCK_WAIT_SECONDS
) -> list[str]:
    """Return pg_dump's arguments for a dump of everything as plain SQL."""
    return [
        "--format=plain",
        f"--snapshot={snapshot}",
        f"--encoding={encoding}",
        f"--lock-wait-timeout={lock_wait_seconds}s",
        "--no-password",
    ]


def without_rows_of(arguments: Sequence[str], tables: Sequence[tuple[str, str]]) -> list[str]:
    """Return the arguments for a dump without the rows of these tables (schema and name)."""
    patterns = (f"{quoted_pattern(schema)}.{quoted_pattern(name)}" for schema, name in tables)
    return [*arguments, *(f"--exclude-table-data={pattern}" for pattern in patterns)]


@contextmanager
def dump_stream(
    program: Program,
    database: Database,
    arguments: Sequence[str],
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[Callable[[int], bytes]]:
    """Run pg_dump and give a function that reads its output.

    At the end of the block pg_dump must have succeeded: otherwise ToolFailed is raised, whatever the
    block made of its output. When the block raises, pg_dump is stopped. ``meanwhile`` is called every
    ``LOOK_SECONDS`` by who reads, be there something to read or not; what it raises goes through.
    """
    ours, theirs = channel()
    try:
        process = start(
            program.path,
            arguments,
            environment=_environment(database),
            stdout=theirs.fileno(),
            bulk=True,
        )
    finally:
        theirs.close()
    with ours:
        ended_well = False
        try:
            yield _reading(ours, meanwhile)
            ended_well = True
        finally:
            if not ended_well:
                _hang_up(ours)
                process.stop()
        process.wait()


def _reading(end: socket.socket, meanwhile: Callable[[], None]) -> Callable[[int], bytes]:
    end.settimeout(LOOK_SECONDS)
    looked = time.monotonic()

    def read(size: int) -> bytes:
        nonlocal looked
        while True:
            if time.monotonic() > looked + LOOK_SECONDS:
                meanwhile()
                looked = time.monotonic()
            with suppress(TimeoutError):
                return end.recv(size)

    return read


def _environment(database: Database) -> dict[str, str]:
    return {
        **client_environment(database, application="dbsnap pg_dump", options=BYTES_AS_HEX),
        **PINNED_ENVIRONMENT,
    }


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
