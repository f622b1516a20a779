"""Owners and grants, put back after a restore where the roles exist."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbsnap.dumpfile.privileges import applicable, privilege_statements, units
from dbsnap.errors import CannotRun, DumpRefused
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.verified_commit import uncommitted_session
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.dumpfile.privileges import PrivilegeStatement
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restore_plan import PrivilegesMode
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.side import Maintenance
    from dbsnap.postgres.url import Database
    from dbsnap.postgres.verified_commit import UncommittedSession

ROLES = "SELECT to_jsonb(rolname) FROM pg_catalog.pg_roles"

QUIET_SESSION = """\
SET search_path TO '';
SET client_encoding TO '{encoding}';
SELECT set_config('session_replication_role', 'replica', true)
FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;
"""
"""The restored database's own event triggers must not fire for what restores it."""

LOUD_AGAIN = """\
SELECT set_config('session_replication_role', 'origin', true)
FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;
"""


def apply_privileges(
    opened: OpenedBackup, program: Program, database: Database, mode: PrivilegesMode
) -> list[Finding]:
    """Apply the backup's owners and privileges to a loaded database, in one transaction.

    See ``apply_uncommitted``.
    """
    if mode == "none" or opened.record is None:
        return []
    with uncommitted_session(program, database) as session:
        findings = apply_uncommitted(opened, session, mode)
        session.commit()
    return findings


def apply_uncommitted(
    opened: OpenedBackup, session: UncommittedSession, mode: PrivilegesMode
) -> list[Finding]:
    """Apply the backup's owners and privileges inside an open transaction.

    ``none`` applies nothing. ``auto`` applies what can be applied: it returns warnings that name the
    roles that are missing here, and why the server refused something. ``require`` raises CannotRun
    instead. Raises DumpRefused when the file of privileges is gone or was changed.
    """
    if mode == "none" or opened.record is None:
        return []
    statements = read_privileges(opened)
    kept, missing = applicable(statements, set(session.ask(ROLES)))
    findings = []
    if missing:
        _refuse_missing_roles(missing, mode)
        findings.append(_warning(f"these roles do not exist here: {', '.join(missing)}"))
    session.run(QUIET_SESSION.format(encoding=opened.encoding))
    refused = _apply(session, kept)
    session.run(LOUD_AGAIN)
    session.settle()
    if refused and mode == "require":
        raise CannotRun(
            f"owners and privileges cannot be applied: {refused[0]}",
            hint="restore as a superuser, or use --privileges auto",
        )
    if refused:
        findings.append(_warning(f"{len(refused)} of {len(kept)} were refused ({refused[0]})"))
    return findings


def check_privileges(opened: OpenedBackup, maintenance: Maintenance, mode: PrivilegesMode) -> None:
    """Check before anything is changed what ``apply_privileges`` would raise for on its way.

    Raises DumpRefused when the file of privileges is gone or was changed, CannotRun when ``require``
    needs roles that the server lacks.
    """
    if mode == "none" or opened.record is None:
        return
    roles = {
        row[0] for row in fetch(maintenance.connection, "SELECT rolname FROM pg_catalog.pg_roles")
    }
    _refuse_missing_roles(applicable(read_privileges(opened), roles)[1], mode)


def _refuse_missing_roles(missing: list[str], mode: PrivilegesMode) -> None:
    if missing and mode == "require":
        raise CannotRun(
            f"owners and privileges need roles that do not exist here: {', '.join(missing)}",
            hint="create the roles, or use --privileges auto",
        )


def _apply(session: UncommittedSession, statements: list[PrivilegeStatement]) -> list[str]:
    """Apply statements, all at once or else one by one; return why any of them were refused."""
    at_once = b"\n".join(statement.text for statement in statements)
    if session.attempt(at_once.decode("utf-8", "surrogateescape")) is None:
        return []
    attempts = [
        session.attempt(unit.decode("utf-8", "surrogateescape")) for unit in units(statements)
    ]
    return [reason for reason in attempts if reason is not None]


def read_privileges(opened: OpenedBackup) -> list[PrivilegeStatement]:
    """Return the statements of the privileges file; raise DumpRefused if it was changed or is gone."""
    if opened.record is None:
        return []
    companion = opened.record.privileges
    path = opened.dump.path.with_name(companion.file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DumpRefused(
            f"{companion.file} cannot be read: {error.strerror}",
            rule="missing-file",
            hint="bring it back from another copy, or use --privileges none",
        ) from None
    if hashlib.sha256(content).hexdigest() != companion.sha256:
        raise DumpRefused(
            f"{companion.file} was changed since the backup was taken",
            rule="changed-bytes",
            hint="take another copy of it, or use --privileges none",
        )
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = content[position : position + size]
        position += len(piece)
        return piece

    return privilege_statements(read)


def _warning(what: str) -> Finding:
    return Finding(
        "advice", "privileges", f"owners and privileges are not all restored: {what}", "warning"
    )
