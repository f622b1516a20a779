"""Who loads a dump: the role that restores, or one that may do little (``--as-role``).

A dump from elsewhere can run code of its own while it is loaded. ``SET ROLE`` would not hold that
back, because the same code can set it back: the loading session has to be the other role's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun, ConnectionFailed, UsageError
from dbsnap.postgres.connection import connect, fetch, fetch_value
from dbsnap.postgres.discovery import psql_flaw

if TYPE_CHECKING:
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestoreOptions
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database

CALLS_NAMED = 5
SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s"


def loading_address(
    database: Database, maintenance: Maintenance, options: RestoreOptions
) -> Database:
    """Return how psql is to reach the server when it loads the dump.

    Raises UsageError where the role that was named would hold nothing back, CannotRun where it does
    not exist or cannot connect.
    """
    role = options.as_role
    if role is None:
        return database
    if options.in_place:
        raise UsageError("--as-role and --in-place exclude each other")
    rows = fetch(maintenance.connection, SUPERUSER, [role])
    if not rows:
        raise CannotRun(
            f"the role {role} of --as-role does not exist",
            hint=f"create it: CREATE ROLE {role} LOGIN PASSWORD '…'",
        )
    if rows[0][0]:
        raise UsageError(
            f"the role {role} of --as-role is a superuser, who can do everything",
            hint="name a role that may do little",
        )
    address = database.with_role(role, options.as_role_password)
    try:
        with connect(maintenance.address.with_role(role, options.as_role_password)):
            return address
    except ConnectionFailed as error:
        raise ConnectionFailed(
            f"the role of --as-role cannot connect: {error}",
            hint="give it LOGIN, and its password in DBSNAP_AS_ROLE_PASSWORD or a passfile",
        ) from None


def loading_notes(
    opened: OpenedBackup, maintenance: Maintenance, psql: Program, options: RestoreOptions
) -> list[str]:
    """Say what is to be known about a dump that runs code, and about the psql that loads it."""
    notes = []
    if flaw := psql_flaw(psql):
        notes.append(f"psql {psql.version_text} has {flaw}: update it")
    if opened.trusted:
        return notes
    if opened.rules:
        notes.append(f"allowed to break: {', '.join(opened.rules)}")
    if opened.code:
        notes.append(code_warning(opened))
        role = fetch_value(maintenance.connection, "SELECT current_user")
        if options.as_role is None and fetch(maintenance.connection, SUPERUSER, [role])[0][0]:
            notes.append(
                f"it would run as {role}, a superuser: --as-role ROLE loads it as one who may do little"
            )
    return notes


def code_warning(opened: OpenedBackup) -> str:
    """Return which code of its own the dump runs while it is loaded, as a sentence."""
    calls = [f"{code.place} calls {code.function}" for code in opened.code]
    more = f" and {len(calls) - CALLS_NAMED:,} more" if len(calls) > CALLS_NAMED else ""
    return (
        f"the dump runs code of its own while it is loaded: {'; '.join(calls[:CALLS_NAMED])}{more}"
    )
