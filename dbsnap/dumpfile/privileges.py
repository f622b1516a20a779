"""Owners and grants, picked out of what pg_dump writes, and picked over again when they are applied."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import MetaCommand, Statement, lex
from dbsnap.dumpfile.lexing.tokens import Cursor, decode, tokenize
from dbsnap.dumpfile.patterns import compiled
from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from dbsnap.dumpfile.lexing.tokens import Token

HEADER = """\
--
-- Owners and privileges of {id}, kept apart so that the dump itself is portable.
-- Apply after the dump, as a superuser or as a member of every role named here:
--   psql -X -v ON_ERROR_STOP=1 -1 -f THIS_FILE
--

SET client_encoding TO '{encoding}';
SET search_path TO '';

"""

SET_AUTHORIZATION = b"SET SESSION AUTHORIZATION "
RESET_AUTHORIZATION = b"RESET SESSION AUTHORIZATION;"

NO_ROLES = frozenset({"public", "session_user", "current_user"})
"""Words that stand where a role's name does, and are none unless they are quoted."""

_PERHAPS = re.compile(
    rb"(?is)(?:GRANT|REVOKE|SET|RESET)\b|ALTER(?:\s+DEFAULT\b|\s*(?:--|/\*)|\b.*?OWNER)"
)
"""How every statement begins that is about privileges: the others need no closer look."""

_NAME = rb'(?:"[^"]++"|[a-z_][a-z0-9_]*+)'
_PLAIN_OWNER = compiled(
    rb'ALTER (?:[A-Z]++ )++%s\.%s OWNER TO (?:"(?P<quoted>[^"]++)"|(?P<plain>[a-z_][a-z0-9_]*+));'
    % (_NAME, _NAME)
)
"""Nine of ten of them; the others are read by their tokens."""

HARMLESS_COMMANDS = (b"\\restrict ", b"\\unrestrict ")
CREATE_COMMANDS = (b"\\connect ", b"\\encoding ")


@dataclass(frozen=True, slots=True)
class PrivilegeStatement:
    """One statement about owners or privileges, and the roles that must exist for it.

    ``span`` is where it stands in the text it was read from, in bytes.
    """

    text: bytes
    roles: frozenset[str]
    span: tuple[int, int] = field(compare=False)


def privilege_statements(
    read: Callable[[int], bytes], *, whole_dump: bool = False
) -> list[PrivilegeStatement]:
    r"""Return the statements about owners and privileges, in their order; all others are dropped.

    pg_dump writes ``ALTER … OWNER TO``, ``GRANT``, ``REVOKE``, ``ALTER DEFAULT PRIVILEGES`` and, around
    grants by others than the owner, ``SET SESSION AUTHORIZATION`` (``dumputils.c``,
    ``buildACLCommands``). Raises DumpRefused when the text ends in the middle of something, or holds a
    psql command other than those of pg_dump, whose ``--create`` writes more of them in a ``whole_dump``.
    """
    found = []
    commands = HARMLESS_COMMANDS + CREATE_COMMANDS if whole_dump else HARMLESS_COMMANDS
    for event in lex(read):
        if isinstance(event, MetaCommand) and not event.text.startswith(commands):
            raise DumpRefused(
                f"line {event.line}: a psql command among the privileges",
                rule="psql-command",
                offset=event.offset,
                line=event.line,
                hint="pg_dump writes no such thing; do not load this file",
            )
        if isinstance(event, Statement) and (statement := privilege_statement(event)):
            found.append(statement)
    return found


def privilege_statement(statement: Statement) -> PrivilegeStatement | None:
    """Return a statement about owners or privileges; None if it is about something else."""
    if not _PERHAPS.match(statement.text):
        return None
    roles = _roles_named(statement.text)
    if roles is None:
        return None
    span = (statement.offset, statement.end)
    return PrivilegeStatement(statement.text, frozenset(roles), span)


def render(statements: Iterable[PrivilegeStatement], *, backup_id: str, encoding: str) -> bytes:
    """Return the privileges file: plain SQL for psql."""
    header = HEADER.format(id=backup_id, encoding=encoding).encode()
    return header + b"".join(statement.text + b"\n" for statement in statements)


def applicable(
    statements: Iterable[PrivilegeStatement], existing_roles: Collection[str]
) -> tuple[list[PrivilegeStatement], list[str]]:
    """Split statements into those whose roles all exist and the names of the roles that are missing.

    A pair of SET and RESET SESSION AUTHORIZATION stays or goes together, so that no grant ever runs as
    another role than intended.
    """
    kept: list[PrivilegeStatement] = []
    missing: set[str] = set()
    as_other_role = skipping = False
    for statement in statements:
        absent = statement.roles - set(existing_roles)
        missing |= absent
        if statement.text.startswith(SET_AUTHORIZATION):
            as_other_role, skipping = True, bool(absent)
        if statement.text == RESET_AUTHORIZATION and as_other_role:
            if not skipping:
                kept.append(statement)
            as_other_role = skipping = False
        elif not absent and not skipping:
            kept.append(statement)
    return kept, sorted(missing)


def units(statements: Iterable[PrivilegeStatement]) -> Iterator[bytes]:
    """Yield what can be applied on its own, in order: each grant by another role is in its own pair."""
    setting = b""
    for statement in statements:
        if statement.text.startswith(SET_AUTHORIZATION):
            setting = statement.text
        elif statement.text == RESET_AUTHORIZATION:
            setting = b""
        elif setting:
            yield b"\n".join([setting, statement.text, RESET_AUTHORIZATION])
        else:
            yield statement.text


def _roles_named(text: bytes) -> set[str] | None:
    """Return the roles that a statement about privileges names; None if it is about something else."""
    if plain := _PLAIN_OWNER.fullmatch(text):
        quoted, role = plain["quoted"], decode(plain["quoted"] or plain["plain"])
        return {role} if quoted or role not in NO_ROLES else set()
    tokens = tokenize(text)
    return _roles(tokens) if _is_about_privileges(tokens) else None


def _is_about_privileges(tokens: list[Token]) -> bool:
    words = [token.value if token.kind == "word" else "" for token in tokens]
    match words[:3]:
        case ["grant" | "revoke", *_]:
            return "on" in words  # membership in a role is nothing of a database's
        case ["set" | "reset", "session", "authorization"]:
            return True
        case ["alter", "default", "privileges"]:
            return True
        case ["alter", *_]:
            # Behind a comma ALTER TABLE can do anything else as well.
            return words[-4:-2] == ["owner", "to"] and not _has_outer_comma(tokens)
        case _:
            return False


def _has_outer_comma(tokens: list[Token]) -> bool:
    cursor = Cursor(tokens)
    while not cursor.at_end():
        if cursor.sees(","):
            return True
        if not cursor.skip_parentheses():
            cursor.next()
    return False


def _roles(tokens: list[Token]) -> set[str]:
    """Return the roles a statement names: what follows TO, FROM, ROLE or AUTHORIZATION."""
    roles: set[str] = set()
    depth = 0
    for index, token in enumerate(tokens[:-1]):
        depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "punctuation" else 0
        if token.kind == "word" and depth == 0 and _introduces_role(tokens, index):
            roles.update(_name_list(tokens, index + 1))
    return roles


def _introduces_role(tokens: list[Token], index: int) -> bool:
    word = tokens[index].value
    if word in {"to", "from", "authorization"}:
        return True
    return word == "role" and tokens[index - 1].value == "for"


def _name_list(tokens: list[Token], start: int) -> list[str]:
    names = []
    index = start
    while index < len(tokens) and tokens[index].kind in {"word", "quoted"}:
        if tokens[index].kind == "quoted" or tokens[index].value not in NO_ROLES:
            names.append(tokens[index].value)
        if index + 1 >= len(tokens) or tokens[index + 1].value != ",":
            break
        index += 2
    return names
