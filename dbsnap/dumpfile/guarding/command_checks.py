"""What to look at in the statements of a dump that define nothing: rows, settings and rights.

Each check returns the rule that the statement breaks, or "". ``statement_rules`` says which check is
for which form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding.reaching import is_reaching
from dbsnap.dumpfile.guarding.system_names import may_be_systems_own
from dbsnap.dumpfile.lexing.tokens import Cursor

if TYPE_CHECKING:
    from dbsnap.dumpfile.guarding.statement_checks import StatementReading
    from dbsnap.dumpfile.lexing.tokens import Token

SETTINGS = frozenset(
    {"check_function_bodies", "client_encoding", "client_min_messages", "default_tablespace"}
    | {"default_table_access_method", "default_with_oids", "escape_string_warning"}
    | {"idle_in_transaction_session_timeout", "lock_timeout", "row_security", "search_path"}
    | {"standard_conforming_strings", "statement_timeout", "transaction_timeout", "xmloption"}
)
"""What pg_dump sets (``_doSetFixedOutputState`` and others in ``pg_backup_archiver.c``)."""

LARGE_OBJECT_FUNCTIONS = frozenset({"lo_create", "lo_open", "lowrite", "lo_close", "lo_unlink"})
_SELECTED = LARGE_OBJECT_FUNCTIONS | {"set_config", "setval"}
_SELECTED_FROM = frozenset(
    {"pg_restore_relation_stats", "pg_restore_attribute_stats", "pg_restore_extended_stats"}
)
_PLAIN_TYPES = frozenset(
    {"bigint", "boolean", "integer", "name", "oid", "real", "regclass", "smallint", "text"}
)

_LOWRITE = re.compile(rb"SELECT pg_catalog\.lowrite\(0, '\\x[0-9a-f]*+'\);")
_UNLINK = re.compile(
    rb"SELECT pg_catalog\.lo_unlink\(oid\) FROM pg_catalog\.pg_largeobject_metadata "
    rb"WHERE oid = '[0-9]+';"
)


def copy(reading: StatementReading) -> str:
    """Look at where COPY reads or writes; pg_dump's is FROM stdin without options."""
    cursor = reading.cursor
    name: tuple[str, ...] = ()
    if not cursor.skip_parentheses():
        name = cursor.name()
        cursor.skip_parentheses()
    cursor.accept("with", "oids")
    direction = cursor.accept_any("from", "to")
    if direction and cursor.sees("program"):
        return "server-program"
    if direction and cursor.peek().kind == "string":
        return "server-file"
    if direction == "from" and cursor.accept_any("stdin", "stdout") and cursor.at_end():
        return _rows_of_system(name)
    return "foreign-statement"


def insert(reading: StatementReading) -> str:
    """Look at the rows of INSERT: pg_dump --inserts writes nothing but constants."""
    cursor = reading.cursor
    if rule := _rows_of_system(cursor.name()):
        return rule
    cursor.skip_parentheses()
    cursor.accept("overriding", "system", "value")
    cursor.accept("default")
    if not cursor.accept("values"):
        return "query"
    while cursor.sees("("):
        if not _is_constant(_parenthesis(cursor)):
            return "query"
        cursor.accept(",")
    cursor.accept("on", "conflict", "do", "nothing")
    return "" if cursor.at_end() else "query"


def _rows_of_system(name: tuple[str, ...]) -> str:
    return "system-catalog" if may_be_systems_own(name) else ""


def select(reading: StatementReading) -> str:
    """Look for a function of pg_dump's own, applied to constants."""
    if _LOWRITE.fullmatch(reading.text) or _UNLINK.fullmatch(reading.text):
        return ""
    cursor = reading.cursor
    allowed = _SELECTED_FROM if cursor.accept("*", "from") else _SELECTED
    schema, *functions = cursor.name() or ("",)
    function = functions[0] if len(functions) == 1 else ""
    if schema != "pg_catalog" or function not in allowed or not cursor.sees("("):
        return "query"
    arguments = _parenthesis(cursor)
    if not arguments or not _is_constant(arguments) or not cursor.at_end():
        return "query"
    return _setting(arguments[0].value.lower()) if function == "set_config" else ""


def set_(reading: StatementReading) -> str:
    """Look at which setting is changed."""
    cursor = reading.cursor
    if cursor.accept("session", "authorization"):
        # pg_dump --disable-triggers writes DEFAULT: the role that the session began with.
        return "" if cursor.accept("default") and cursor.at_end() else "set-role"
    if cursor.sees("role"):
        return "set-role"
    return _setting(".".join(cursor.name()))


def _setting(name: str) -> str:
    if name in ("role", "session_authorization"):
        return "set-role"
    if name == "session_replication_role":
        return "replication-role"
    return "" if name in SETTINGS else "setting"


def reset(reading: StatementReading) -> str:
    """Look at what is set back."""
    return "set-role" if reading.cursor.accept_any("role", "session") else "setting"


def grant(reading: StatementReading) -> str:
    """Look at what is granted or revoked: rights on objects of this database only."""
    cursor = reading.cursor
    while not cursor.at_end() and not cursor.accept("on"):
        if not cursor.skip_parentheses():
            cursor.next()
    if cursor.at_end() or cursor.sees("parameter"):
        return "role-grant"
    if kind := cursor.accept_any("database", "tablespace"):
        return kind
    while not cursor.at_end() and not cursor.accept_any("to", "from"):
        if cursor.skip_parentheses():
            continue
        name = cursor.name() or (cursor.next().value,)
        if may_be_systems_own(name):
            return "system-catalog"
        if is_reaching(name[-1]):
            return "server-access"
    return ""


def alter_role(reading: StatementReading) -> str:
    """Look whether it is the settings of a role in one database, which pg_dump --create writes."""
    cursor = reading.cursor
    cursor.next()  # its name, or ALL
    return "database" if cursor.sees("in", "database") else "role"


def _parenthesis(cursor: Cursor) -> list[Token]:
    """Step over a parenthesis and return the tokens in it."""
    start = cursor.position
    cursor.skip_parentheses()
    return cursor.tokens[start + 1 : cursor.position - 1]


def _is_constant(tokens: list[Token]) -> bool:
    """Whether a list of values calls and reads nothing: literals, at most cast to a plain type."""
    cursor = Cursor(tokens)
    while tokens:
        cursor.accept("-")
        is_word = cursor.accept_any("null", "default", "true", "false")
        if not is_word and cursor.next().kind not in ("string", "number"):
            return False
        while cursor.accept("::"):
            *schema, type_name = cursor.name() or ("",)
            if schema not in ([], ["pg_catalog"]) or type_name not in _PLAIN_TYPES:
                return False
            cursor.accept("[", "]")
        if cursor.position == len(tokens):
            break
        if not cursor.accept(","):  # a string and another behind it are one
            return False
    return True
