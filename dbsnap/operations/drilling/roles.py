"""The roles that a backup names, made on a server of the drill's own so that the proof is whole.

Nobody can log in as one of them, and they are gone with the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.privileges import NO_ROLES, privilege_statements
from dbsnap.operations.restoring.privileges import read_privileges
from dbsnap.postgres.connection import execute, fetch
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection

RESERVED = "pg_"
"""Roles of this kind are the server's own; it has them, or nobody can make them."""

NAMES_ROLES = (b"CREATE POLICY ", b"CREATE USER MAPPING ")
OF_SUPERUSERS = (b"ALTER EVENT TRIGGER ", b"ALTER FOREIGN DATA WRAPPER ", b"ALTER PUBLICATION ")
"""Only superusers own such things (``superuser_arg`` in event_trigger.c, foreigncmds.c, …)."""


def missing_roles(
    opened: OpenedBackup, connection: Connection, *, privileges: bool
) -> tuple[list[str], list[str]]:
    """Return which roles that a backup names the server lacks, and which of them are to be superusers.

    Without ``privileges`` those alone that the dump itself cannot be loaded without. Raises DumpRefused
    when the file of privileges is gone or was changed.
    """
    statements = []
    if privileges:
        statements = (
            read_privileges(opened)
            if opened.record is not None
            else privilege_statements(opened.dump.raw(), whole_dump=True)
        )
    named = {role for statement in statements for role in statement.roles}
    named.update(_roles_in_definitions(opened))
    superusers = {
        role
        for statement in statements
        if statement.text.startswith(OF_SUPERUSERS)
        for role in statement.roles
    }
    there = {row[0] for row in fetch(connection, "SELECT rolname FROM pg_catalog.pg_roles")}
    missing = {role for role in named - there if not role.startswith(RESERVED)}
    return sorted(missing), sorted(missing & superusers)


def make_roles(connection: Connection, roles: list[str], superusers: list[str]) -> None:
    """Make roles that nobody can log in as."""
    for role in roles:
        kind = "SUPERUSER" if role in superusers else "NOSUPERUSER"
        execute(connection, f"CREATE ROLE {quote_name(role)} NOLOGIN {kind}")


def _roles_in_definitions(opened: OpenedBackup) -> Iterator[str]:
    if not _may_name_roles(opened):
        return
    for event in lex(opened.dump.raw()):
        if isinstance(event, Statement) and event.text.startswith(NAMES_ROLES):
            cursor = Cursor(tokenize(event.text, standard_strings=event.standard_strings))
            while not cursor.at_end() and not cursor.accept_any("to", "for"):
                cursor.next()
                if cursor.sees("for") and event.text.startswith(NAMES_ROLES[0]):
                    cursor.next()  # FOR SELECT, and so on: TO comes behind it
            yield from _names(cursor)


def _may_name_roles(opened: OpenedBackup) -> bool:
    """Whether there can be such definitions: reading a large dump once more takes its time."""
    if opened.record is None or opened.contents.inventory.of("policy"):
        return True
    return any(name.startswith("user mapping ") for name in opened.expected.of("other"))


def _names(cursor: Cursor) -> Iterator[str]:
    while cursor.peek().is_name:
        token = cursor.next()
        if token.kind == "quoted" or token.value not in NO_ROLES:
            yield token.value
        if not cursor.accept(","):
            break
