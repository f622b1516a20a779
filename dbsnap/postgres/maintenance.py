"""The connection from which databases are made, renamed and dropped: to ``postgres`` or ``template1``.

A database cannot be renamed from within, nor while anybody is connected to it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.errors import ConnectionFailed
from dbsnap.postgres.connection import connect, execute, fetch, server_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

MAINTENANCE_DATABASES = ("postgres", "template1")

END_MILLISECONDS = 10_000
"""How long the session of an interrupted restore may take to end."""

NOTICE_OUR_DEATH = """
SELECT set_config(name, '200ms', false)
FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval'
"""
"""Without it a server whose dbsnap was killed in a RENAME goes on to wait, and live stays locked."""


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


def end_session(maintenance: Maintenance, pid: int) -> None:
    """End another session of our own role, and wait until the server has undone its statement."""
    with server_errors("ending an interrupted session"):
        fetch(
            maintenance.connection, "SELECT pg_terminate_backend(%s, %s)", [pid, END_MILLISECONDS]
        )


def end_connections(connection: Connection, name: str) -> None:
    """End all sessions in a database that the role may end, and wait for none of them."""
    query = (
        "SELECT pid FROM pg_catalog.pg_stat_activity "
        "WHERE datname = %s AND usesysid IS NOT NULL AND pid <> pg_backend_pid()"
    )
    for (pid,) in fetch(connection, query, [name]):
        # One that may not be ended must not keep the others; RENAME or DROP itself then says so.
        with suppress(postgres_errors.InsufficientPrivilege):
            fetch(connection, "SELECT pg_terminate_backend(%s)", [pid])
