"""The side database that a restore fills, the swap that puts it in place, and the swap back.

Everything here runs on a maintenance connection (to ``postgres`` or ``template1``), because a database
cannot be renamed from within. A session-level advisory lock on that connection keeps two restores into
one database apart, and tells a side database in use from one left behind by a killed dbsnap.
"""

from __future__ import annotations

import re
import threading
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.errors import ConnectionFailed, OperationFailed, RightMissing, ServerFailed
from dbsnap.postgres.catalog import quote_name
from dbsnap.postgres.connection import connect, execute, fetch, fetch_value, server_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.properties import DatabaseProperties
    from dbsnap.postgres.url import Database

MAINTENANCE_DATABASES = ("postgres", "template1")

NAME_BYTES = 63
"""NAMEDATALEN - 1: the server silently cuts longer names."""

STAMP = r"\d{8}_\d{6}"
LOCK_CLASS = 0x6462736E
"""The first key of the advisory locks: ``dbsn``."""

SWAP_ATTEMPTS = 4
TERMINATE_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance connection and how to open another."""

    connection: Connection
    address: Database


@contextmanager
def maintain(target: Database) -> Iterator[Maintenance]:
    """Connect to a database of the target's server other than the target itself.

    Raises ConnectionFailed when none of them lets this role in.
    """
    problem = None
    for name in MAINTENANCE_DATABASES:
        address = target.with_name(name)
        if address.name == target.name:
            continue
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(connect(address, purpose="dbsnap restore"))
            except ConnectionFailed as error:
                problem = problem or error
                continue
            yield Maintenance(connection, address)
            return
    raise ConnectionFailed(
        f"no maintenance database can be reached: {problem}",
        hint="a restore needs to connect to the database 'postgres' or 'template1' as well",
    )


def database_exists(maintenance: Maintenance, name: str) -> bool:
    """Return whether the server has a database of this name."""
    query = "SELECT count(*) FROM pg_catalog.pg_database WHERE datname = %s"
    return bool(fetch_value(maintenance.connection, query, [name]))


def lock_restores_into(maintenance: Maintenance, name: str) -> None:
    """Take the lock that only one restore into ``name`` can hold; it ends with the connection."""
    query = "SELECT pg_try_advisory_lock(%s, %s)"
    key = zlib.crc32(name.encode()) - (1 << 31)
    if not fetch_value(maintenance.connection, query, [LOCK_CLASS, key]):
        raise OperationFailed(
            f"another dbsnap is restoring into {name}; nothing was changed",
            hint="wait until it has finished",
        )


def side_name(name: str, now: datetime) -> str:
    """Return the name of the side database for a restore into ``name`` at ``now`` (UTC)."""
    return _stamped(name, "restore", now)


def kept_name(name: str, now: datetime) -> str:
    """Return the name under which a replaced database is kept."""
    return _stamped(name, "before", now)


def kept_databases(maintenance: Maintenance, name: str) -> list[str]:
    """Return the databases that restores into ``name`` replaced, oldest first."""
    return _stamped_databases(maintenance, name, "before")


def create_side_database(
    maintenance: Maintenance, name: str, properties: DatabaseProperties
) -> None:
    """Create an empty database from template0 with this encoding, locale and owner.

    Raises RightMissing naming the right to create databases, or to give one to its owner.
    """
    try:
        with server_errors(f"creating the database {name}"):
            execute(maintenance.connection, properties.create_statement(name))
    except RightMissing as error:
        raise RightMissing(
            str(error),
            hint="the role needs CREATEDB, and membership in the role that owns the database",
        ) from None


def drop_database(maintenance: Maintenance, name: str) -> None:
    """Drop a database that dbsnap made, with whatever still connects to it."""
    with server_errors(f"dropping the database {name}"):
        _end_connections(maintenance.connection, name)
        execute(maintenance.connection, f"DROP DATABASE IF EXISTS {quote_name(name)}")


def drop_abandoned_side_databases(maintenance: Maintenance, name: str) -> list[str]:
    """Drop the side databases left behind by killed restores into ``name``; return their names.

    The caller holds the lock of ``lock_restores_into``, so none of them is in use.
    """
    abandoned = _stamped_databases(maintenance, name, "restore")
    for leftover in abandoned:
        drop_database(maintenance, leftover)
    return abandoned


def swap(maintenance: Maintenance, renames: list[tuple[str, str]]) -> None:
    """Rename databases in one transaction: all of them or, on any failure, none.

    The first RENAME locks the live database's name, so that new connections wait at the door, and
    then waits five seconds for the sessions inside (``CountOtherDBBackends``); those are ended from a
    second connection meanwhile. Raises ServerFailed when sessions stay that may not be ended.
    """
    with connect(maintenance.address, purpose="dbsnap swap") as second:
        for attempt in range(1, SWAP_ATTEMPTS + 1):
            try:
                _rename_all(maintenance.connection, second, renames)
            except postgres_errors.ObjectInUse as error:
                if attempt == SWAP_ATTEMPTS:
                    raise ServerFailed(
                        f"{renames[0][0]} is still in use ({error.diag.message_detail or error}); "
                        "nothing was changed",
                        hint="end the sessions and prepared transactions in it, and try again",
                    ) from None
            else:
                return


def _rename_all(first: Connection, second: Connection, renames: list[tuple[str, str]]) -> None:
    statements = [
        f"ALTER DATABASE {quote_name(old)} RENAME TO {quote_name(new)}" for old, new in renames
    ]
    stop = threading.Event()
    names = [old for old, _ in renames]
    ender = threading.Thread(
        target=_keep_ending_connections, args=(second, names, stop), daemon=True
    )
    execute(first, "BEGIN")
    try:
        ender.start()
        for statement in statements:
            execute(first, statement)
        execute(first, "COMMIT")
    except BaseException:
        if not first.closed:
            execute(first, "ROLLBACK")
        raise
    finally:
        stop.set()
        ender.join()


def _keep_ending_connections(
    connection: Connection, names: list[str], stop: threading.Event
) -> None:
    while not stop.is_set():
        for name in names:
            # A session that may not be ended stays, and RENAME itself then says so.
            with suppress(psycopg.Error):
                _end_connections(connection, name)
        stop.wait(TERMINATE_EVERY_SECONDS)


def _end_connections(connection: Connection, name: str) -> None:
    fetch(
        connection,
        "SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()",
        [name],
    )


def _stamped(name: str, what: str, now: datetime) -> str:
    suffix = f"_{what}_{now:%Y%m%d_%H%M%S}"
    return _cut(name, NAME_BYTES - len(suffix)) + suffix


def _stamped_databases(maintenance: Maintenance, name: str, what: str) -> list[str]:
    room = NAME_BYTES - len(f"_{what}_YYYYMMDD_HHMMSS")
    pattern = re.compile(rf"{re.escape(_cut(name, room))}_{what}_{STAMP}\Z")
    rows = fetch(maintenance.connection, "SELECT datname FROM pg_catalog.pg_database ORDER BY 1")
    return sorted(row[0] for row in rows if pattern.match(row[0]))


def _cut(name: str, length: int) -> str:
    return name.encode()[:length].decode("utf-8", "ignore")
