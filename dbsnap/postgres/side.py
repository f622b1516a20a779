"""The side database that a restore fills, the swap that puts it in place, and the swap back.

Everything here runs on a maintenance connection (to ``postgres`` or ``template1``), because a database
cannot be renamed from within. A session-level advisory lock on that connection keeps two restores into
one database apart, and tells a side database in use from one left behind by a killed dbsnap.
"""

from __future__ import annotations

import re
import threading
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors
from psycopg.pq import TransactionStatus

from dbsnap.errors import ConnectionFailed, OperationFailed, RightMissing, ServerFailed
from dbsnap.postgres.catalog import quote_name
from dbsnap.postgres.connection import connect, execute, fetch, fetch_value, server_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.properties import DatabaseProperties
    from dbsnap.postgres.url import Database

MAINTENANCE_DATABASES = ("postgres", "template1")

NAME_BYTES = 63
"""NAMEDATALEN - 1: the server silently cuts longer names."""

STAMP = r"\d{8}_\d{6}"
LOCK_CLASS = 0x6462736E
"""The first key of the advisory locks: ``dbsn``."""

LOCK_PATIENCE_SECONDS = 3.0
"""How long the lock of another restore is waited for: its dbsnap may just have been killed."""

SWAP_ATTEMPTS = 4
TERMINATE_EVERY_SECONDS = 0.05
END_MILLISECONDS = 10_000
"""How long the session of an interrupted restore may take to end."""

NOTICE_OUR_DEATH = """
SELECT set_config(name, '200ms', false)
FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval'
"""
"""Without it a server whose dbsnap was killed in a RENAME goes on to wait, and live stays locked."""

UNENDABLE_QUERY = """
SELECT format('prepared transaction %%L', gid) FROM pg_catalog.pg_prepared_xacts
WHERE database = ANY(%(names)s)
UNION ALL
SELECT format('session %%s of %%s', pid, usename) FROM pg_catalog.pg_stat_activity
JOIN pg_catalog.pg_roles AS theirs ON theirs.oid = usesysid
JOIN pg_catalog.pg_roles AS ours ON ours.rolname = current_user
WHERE datname = ANY(%(names)s) AND pid <> pg_backend_pid() AND NOT ours.rolsuper
    AND (theirs.rolsuper OR NOT pg_has_role(theirs.oid, 'USAGE')
                            AND NOT pg_has_role('pg_signal_backend', 'USAGE'))
"""
"""Who holds a database that dbsnap cannot free (``pg_signal_backend`` in signalfuncs.c)."""


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
                with suppress(psycopg.Error):  # not on every platform
                    execute(connection, NOTICE_OUR_DEATH)
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
    """Take the lock that only one restore into ``name`` can hold; it ends with the connection.

    Raises OperationFailed when another holds it for longer than ``LOCK_PATIENCE_SECONDS``.
    """
    query = "SELECT pg_try_advisory_lock(%s, %s)"
    key = zlib.crc32(name.encode()) - (1 << 31)
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while not fetch_value(maintenance.connection, query, [LOCK_CLASS, key]):
        if time.monotonic() > deadline:
            raise OperationFailed(
                f"another dbsnap is restoring into {name}; nothing was changed",
                hint="wait until it has finished",
            )
        time.sleep(TERMINATE_EVERY_SECONDS)


def refuse_if_replaced_since(maintenance: Maintenance, name: str, kept: list[str]) -> None:
    """Raise OperationFailed if ``kept`` is no longer what restores into ``name`` replaced.

    To be asked under the lock: a plan made before it may have been overtaken by another restore.
    """
    if kept_databases(maintenance, name) != kept:
        raise OperationFailed(
            f"{name} was restored or rolled back by another dbsnap meanwhile; nothing was changed",
            hint="look at the plan again",
        )


def moment_after(kept: Sequence[str], now: datetime) -> datetime:
    """Return ``now``, or if need be the second after the newest of these kept databases' names.

    So names are never taken twice, and sort as the databases were replaced, under any clock.
    """
    stamps = [
        datetime.strptime(name[-len("YYYYMMDD_HHMMSS") :], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
        for name in kept
    ]
    return max([now, *(stamp + timedelta(seconds=1) for stamp in stamps)])


def side_name(name: str, now: datetime) -> str:
    """Return the name of the side database for a restore into ``name`` at ``now`` (UTC)."""
    return _stamped(name, "restore", now)


def kept_name(name: str, now: datetime) -> str:
    """Return the name under which a replaced database is kept."""
    return _stamped(name, "before", now)


def discarded_name(name: str, now: datetime) -> str:
    """Return the name a replaced database has until it is dropped, which is at once."""
    return _stamped(name, "discard", now)


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


def give_to(maintenance: Maintenance, name: str, owner: str | None) -> None:
    """Give a database another owner; None is the role of this connection."""
    role = quote_name(owner) if owner else "CURRENT_USER"
    with server_errors(f"giving the database {name} to {role}"):
        execute(maintenance.connection, f"ALTER DATABASE {quote_name(name)} OWNER TO {role}")


def drop_database(maintenance: Maintenance, name: str) -> None:
    """Drop a database that dbsnap made, with whatever still connects to it; no error if it is gone."""
    query = "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = %s"
    with server_errors(f"dropping the database {name}"):
        for (is_template,) in fetch(maintenance.connection, query, [name]):
            if is_template:  # a property of the live database that was given to it
                execute(
                    maintenance.connection, f"ALTER DATABASE {quote_name(name)} IS_TEMPLATE false"
                )
        _end_connections(maintenance.connection, name)
        execute(maintenance.connection, f"DROP DATABASE IF EXISTS {quote_name(name)}")


def end_session(maintenance: Maintenance, pid: int) -> None:
    """End another session of our own role, and wait until the server has undone its statement."""
    with server_errors("ending an interrupted session"):
        fetch(
            maintenance.connection, "SELECT pg_terminate_backend(%s, %s)", [pid, END_MILLISECONDS]
        )


def drop_abandoned_side_databases(
    maintenance: Maintenance, name: str
) -> tuple[list[str], list[str]]:
    """Drop what killed restores into ``name`` left behind; return which were dropped, and which not.

    The caller holds the lock of ``lock_restores_into``, so none of them is in use. Those of other roles
    stay: they are in nobody's way.
    """
    abandoned = _stamped_databases(maintenance, name, "restore")
    abandoned += _stamped_databases(maintenance, name, "discard")
    dropped, kept = [], []
    for leftover in abandoned:
        try:
            drop_database(maintenance, leftover)
        except RightMissing:
            kept.append(leftover)
        else:
            dropped.append(leftover)
    return dropped, kept


def swap(
    maintenance: Maintenance,
    renames: list[tuple[str, str]],
    *,
    on_commit: Callable[[], None] = lambda: None,
) -> None:
    """Rename databases in one transaction: all of them or, on any failure, none.

    ``on_commit`` is called as soon as they are renamed, before anything else is waited for.

    The first RENAME locks the live database's name, so that new connections wait at the door, and
    then waits five seconds for the sessions inside (``CountOtherDBBackends``); those are ended from a
    second connection meanwhile. Raises ServerFailed when sessions or prepared transactions stay that
    may not be ended.
    """
    names = [old for old, _ in renames]
    with connect(maintenance.address, purpose="dbsnap swap") as second:
        for attempt in range(1, SWAP_ATTEMPTS + 1):
            _refuse_unendable(second, names)
            try:
                _rename_all(maintenance.connection, second, renames, on_commit)
            except postgres_errors.ObjectInUse as error:
                if attempt == SWAP_ATTEMPTS:
                    raise ServerFailed(
                        f"{renames[0][0]} is still in use ({error.diag.message_detail or error}); "
                        "nothing was changed",
                        hint="end the sessions and prepared transactions in it, and try again",
                    ) from None
            else:
                return


def _refuse_unendable(connection: Connection, names: list[str]) -> None:
    found = [row[0] for row in connection.execute(UNENDABLE_QUERY.encode(), {"names": names})]
    if found:
        raise ServerFailed(
            f"{names[0]} is in use by {', '.join(found)}, which the role may not end; "
            "nothing was changed",
            hint="end it (ROLLBACK PREPARED, or pg_terminate_backend as a superuser), and try again",
        )


def _rename_all(
    first: Connection,
    second: Connection,
    renames: list[tuple[str, str]],
    on_commit: Callable[[], None],
) -> None:
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
        on_commit()
    except BaseException:
        _roll_back(first)
        raise
    finally:
        stop.set()
        ender.join()


def _roll_back(connection: Connection) -> None:
    if connection.info.transaction_status is TransactionStatus.ACTIVE:
        connection.close()  # interrupted within a statement: the server rolls back what it began
    with suppress(psycopg.Error):
        execute(connection, "ROLLBACK")


def _keep_ending_connections(
    connection: Connection, names: list[str], stop: threading.Event
) -> None:
    while not stop.is_set():
        for name in names:
            with suppress(psycopg.Error):
                _end_connections(connection, name)
        stop.wait(TERMINATE_EVERY_SECONDS)


def _end_connections(connection: Connection, name: str) -> None:
    query = (
        "SELECT pid FROM pg_catalog.pg_stat_activity "
        "WHERE datname = %s AND usesysid IS NOT NULL AND pid <> pg_backend_pid()"
    )
    for (pid,) in fetch(connection, query, [name]):
        # One that may not be ended must not keep the others; RENAME or DROP itself then says so.
        with suppress(postgres_errors.InsufficientPrivilege):
            fetch(connection, "SELECT pg_terminate_backend(%s)", [pid])


def _stamped(name: str, what: str, now: datetime) -> str:
    suffix = f"_{what}_{now:%Y%m%d_%H%M%S}"
    return _shortened(name, NAME_BYTES - len(suffix)) + suffix


def _stamped_databases(maintenance: Maintenance, name: str, what: str) -> list[str]:
    room = NAME_BYTES - len(f"_{what}_YYYYMMDD_HHMMSS")
    pattern = re.compile(rf"{re.escape(_shortened(name, room))}_{what}_{STAMP}\Z")
    rows = fetch(maintenance.connection, "SELECT datname FROM pg_catalog.pg_database ORDER BY 1")
    return sorted(row[0] for row in rows if pattern.match(row[0]))


def _shortened(name: str, length: int) -> str:
    """Return a name that fits, and that no other database's name is shortened to."""
    encoded = name.encode()
    if len(encoded) <= length:
        return name
    mark = f"_{zlib.crc32(encoded):08x}"
    return encoded[: length - len(mark)].decode("utf-8", "ignore") + mark
