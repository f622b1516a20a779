"""Owners and grants, put back after a restore where the roles exist."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbsnap.dumpfile.privileges import applicable, privilege_statements
from dbsnap.errors import CannotRun, DumpRefused, ToolFailed
from dbsnap.postgres.connection import connect, fetch
from dbsnap.postgres.load import psql
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.dumpfile.privileges import PrivilegeStatement
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restore_plan import PrivilegesMode
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

QUIET_SESSION = """\
SET client_encoding TO 'UTF8';
SET search_path TO '';
SELECT set_config('session_replication_role', 'replica', false)
FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper;
"""
"""The restored database's own event triggers must not fire for what restores it."""

ONE_TRANSACTION = ("-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-")


def apply_privileges(
    opened: OpenedBackup, program: Program, database: Database, mode: PrivilegesMode
) -> list[Finding]:
    """Apply the backup's owners and privileges to a loaded database, in one transaction.

    ``none`` applies nothing. ``auto`` applies what can be applied: it returns a warning that names the
    roles that are missing here, or why nothing could be applied. ``require`` raises CannotRun instead.
    """
    if mode == "none" or opened.record is None:
        return []
    statements = read_privileges(opened)
    with connect(database) as connection:
        roles = {row[0] for row in fetch(connection, "SELECT rolname FROM pg_catalog.pg_roles")}
    kept, missing = applicable(statements, roles)
    findings = []
    if missing:
        findings.append(_warning(f"these roles do not exist here: {', '.join(missing)}"))
    if missing and mode == "require":
        raise CannotRun(findings[0].message, hint="create the roles, or use --privileges auto")
    try:
        with psql(program, database, arguments=ONE_TRANSACTION) as target:
            target.send(QUIET_SESSION.encode())
            for statement in kept:
                target.send(statement.text + b"\n")
            target.finish()
    except ToolFailed as error:
        if mode == "require":
            raise CannotRun(
                f"owners and privileges cannot be applied: {error}",
                hint="restore as a superuser, or use --privileges auto",
            ) from None
        return [*findings, _warning(str(error))]
    return findings


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
