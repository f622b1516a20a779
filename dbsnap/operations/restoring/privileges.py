"""Owners and grants, put back after a restore where the roles exist."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.dumpfile.guarding.statement_rules import broken_rule
from dbsnap.dumpfile.privileges import applicable, privilege_statements, units
from dbsnap.errors import CannotRun, DumpRefused
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.verified_commit import uncommitted_session
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.dumpfile.privileges import PrivilegeStatement
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import PrivilegesMode, RestoreOptions
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database
    from dbsnap.postgres.verified_commit import UncommittedSession

ROLES_WHOSE_OBJECTS_WE_MAY_MAKE = (
    "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, 'MEMBER')"
)
ROLES = "SELECT to_jsonb(rolname) FROM pg_catalog.pg_roles"

PRIVILEGE_RULES = frozenset({"set-role", "system-catalog"})
"""Grants by other roles than the owner, and those on the system's own functions."""

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


def privileges_left_out(
    opened: OpenedBackup, connection: Connection, options: RestoreOptions
) -> tuple[list[tuple[int, int]], list[Finding]]:
    """Return which parts of a dump without a record to leave out, because of the roles they name.

    A backup of dbsnap's has its owners and grants in a file of their own; ``pg_dump`` writes them into
    the dump. Left out is what names a role that does not exist here, and, unless it is a superuser who
    loads, whatever gives an object to another role. Raises CannotRun where ``require`` forbids that.
    """
    if opened.record is not None:
        return [], []
    statements = privilege_statements(opened.dump.raw(), whole_dump=True)
    if options.privileges == "none" or options.as_role is not None:
        return [statement.span for statement in statements], []
    roles = {row[0] for row in fetch(connection, "SELECT rolname FROM pg_catalog.pg_roles")}
    kept, missing = applicable(statements, roles)
    owners = {row[0] for row in fetch(connection, ROLES_WHOSE_OBJECTS_WE_MAY_MAKE)}
    spans = {s.span for s in kept if b" OWNER TO " not in s.text or s.roles <= owners}
    _refuse_missing_roles(missing, options.privileges)
    findings = []
    if missing:
        findings.append(_warning(f"these roles do not exist here: {', '.join(missing)}"))
    return [s.span for s in statements if s.span not in spans], findings


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
    allowed = {*opened.rules, *(PRIVILEGE_RULES if opened.trusted else ())}
    statements = privilege_statements(io.BytesIO(content).read)
    for statement in statements:
        rule = broken_rule(statement.text)
        if rule and rule not in allowed:
            raise DumpRefused(
                f"{companion.file}: byte {statement.span[0]:,}: it {RULES[rule]} ({rule})",
                rule=rule,
                offset=statement.span[0],
                hint="use --privileges none",
            )
    return statements


def _warning(what: str) -> Finding:
    return Finding(
        "advice", "privileges", f"owners and privileges are not all restored: {what}", "warning"
    )
