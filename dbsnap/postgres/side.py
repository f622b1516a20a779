"""The side database that a restore fills: made, named, found again, dropped.

A session-level advisory lock on the maintenance connection keeps two restores into one database apart,
and tells a side database in use from one left behind by a killed dbsnap.
"""

from __future__ import annotations

import re
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dbsnap.errors import OperationFailed, RightMissing
from dbsnap.postgres.connection import execute, fetch, fetch_value, server_errors
from dbsnap.postgres.maintenance import end_connections
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.properties import DatabaseProperties

NAME_BYTES = 63
"""NAMEDATALEN - 1: the server silently cuts longer names."""

STAMP = r"\d{8}_\d{6}"
LOCK_CLASS = 0x6462736E
"""The first key of the advisory locks: ``dbsn``."""

LOCK_EVERY_SECONDS = 0.05
LOCK_PATIENCE_SECONDS = 3.0
"""How long the lock of another restore is waited for: its dbsnap may just have been killed."""


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
        time.sleep(LOCK_EVERY_SECONDS)


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
        end_connections(maintenance.connection, name)
        execute(maintenance.connection, f"DROP DATABASE IF EXISTS {quote_name(name)}")


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
