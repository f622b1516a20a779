"""The swap that puts a filled database in the place of the live one, and the swap back."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors
from psycopg.pq import TransactionStatus

from dbsnap.errors import ServerFailed
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.maintenance import end_connections
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.maintenance import Maintenance

SWAP_ATTEMPTS = 4
TERMINATE_EVERY_SECONDS = 0.05

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
                end_connections(connection, name)
        stop.wait(TERMINATE_EVERY_SECONDS)
