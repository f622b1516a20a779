r"""What backslashes mean in plain strings, as the statements of a dump so far leave it.

It is the setting ``standard_conforming_strings`` that decides; psql asks the server for it before each
line (``standard_strings()`` in ``src/bin/psql/common.c``). A statement that sets it plainly is followed.
One that sets it for a time, or that a ROLLBACK takes back, is refused. One that runs code, which may
set it unseen, leaves it uncertain: from there on a statement is refused unless it reads the same
either way. Not followed is what the dump's own functions do while rows are loaded into its tables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from dbsnap.dumpfile.lexing.source import HINT, refuse
from dbsnap.dumpfile.lexing.statements import reads_alike
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.dumpfile.patterns import compiled

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.events import Statement
    from dbsnap.dumpfile.lexing.tokens import Token

SETTING = "standard_conforming_strings"

_UNSAFE_ENCODINGS = frozenset(
    {"big5", "gb18030", "gbk", "johab", "mskanji", "shiftjis", "shiftjis2004", "sjis", "uhc"}
    | {"win932", "win936", "win949", "win950"}
    | {"windows932", "windows936", "windows949", "windows950"}
)
"""Encodings in which a byte of a longer character can be an ASCII one, say a backslash
(``pg_valid_server_encoding_id`` in ``src/common/encnames.c``)."""

_MEANINGS = {True: ("on", "true", "yes", "1"), False: ("off", "false", "no", "0")}
"""Words for the two values; all but ``o`` may be cut short (``parse_bool`` in ``bool.c``)."""

_WITHOUT_CODE = frozenset(
    {"alter", "analyze", "close", "cluster", "comment", "deallocate", "drop", "grant", "listen"}
    | {"lock", "notify", "prepare", "reassign", "refresh", "reindex", "release", "revoke"}
    | {"savepoint", "security", "truncate", "unlisten", "vacuum", ";"}
)
"""Statements that run no query of their own, by their first word."""

_CONSTANTS = frozenset({"null", "default", "true", "false"})
_VALUES = rb"""(?:[a-z0-9:\[\] \n\t,-]|'[^']*+'(?<!\\'))*+"""
_USUAL_SELECT = compiled(
    rb"""
    SELECT\ (?:\*\ FROM\ )?pg_catalog\.(?:setval|lo_[a-z]+|lowrite|pg_restore_[a-z_]+)
        (?:\(oid\)\ FROM\ pg_catalog\.pg_largeobject_metadata\ WHERE\ oid\ =\ '[0-9]+' | \(%s\));
    """
    % _VALUES,
    re.VERBOSE,
)
"""The functions that pg_dump calls, with constants; none of them runs code that a dump brings."""

_CONNECT = compiled(rb"\\c(?:onnect)?(?![^\s\\])")
_LOCAL_COMMAND = compiled(rb"\\(?:restrict|unrestrict|echo|qecho|warn|pset|timing|cd|!)[^\\]*+\Z")
"""Meta-commands that send nothing to the server."""


class Quoting:
    """Follows the setting; ``standard`` is what it is after the statements so far, if ``certain``."""

    def __init__(self) -> None:
        self.standard = True
        self.certain = True
        self._in_transaction = False
        self._changed_here = False
        self._sessions_differ = False

    def command(self, text: bytes) -> None:
        """Follow a meta-command."""
        if is_connect(text):
            self.standard, self.certain = True, not self._sessions_differ
            self._in_transaction = self._changed_here = False
        elif not _LOCAL_COMMAND.match(text):
            self.certain = False

    def check(self, statement: Statement) -> None:
        """Raise DumpRefused if it is not certain how a statement is to be read."""
        if not self.certain and b"\\" in statement.text and not reads_alike(statement.text):
            self._refuse(statement)

    def changes_with(self, statement: Statement) -> bool:
        """Follow a statement; return whether strings mean something else behind it.

        Raises DumpRefused by the rules ``unstable-quoting`` and ``unsafe-encoding``.
        """
        if _USUAL_SELECT.fullmatch(statement.text):
            return False
        tokens = tokenize(statement.text, standard_strings=self.standard)
        cursor = Cursor(tokens)
        match cursor.next().value:
            case "set" | "reset" if _has_unread_name(tokens):
                self._refuse(statement)
            case "set":
                return self._set(statement, cursor)
            case "select":
                return self._select(statement, cursor)
            case "reset" | "discard":
                self._reset(statement, cursor)
            case word if not self._is_transaction(statement, word, cursor):
                if word == "alter" and cursor.accept_any("database", "role", "user", "system"):
                    names = {token.value.lower() for token in tokens if token.is_name}
                    self._sessions_differ |= SETTING in names or _has_unread_name(tokens)
                if _runs_code(word, cursor):
                    self._run_code(statement, cursor)
        return False

    def _set(self, statement: Statement, cursor: Cursor) -> bool:
        lasting = cursor.accept_any("session", "local") != "local"
        if cursor.accept("names"):
            name = "client_encoding"
        else:
            name = ".".join(cursor.name()).lower()
            cursor.accept_any("to", "=")
        value = cursor.next().value
        return self._assign(statement, name, value, lasting=lasting and cursor.at_end())

    def _reset(self, statement: Statement, cursor: Cursor) -> None:
        name = ".".join(cursor.name()).lower()
        if name == SETTING or (name == "all" and not (self.standard and self.certain)):
            self._refuse(statement)

    def _select(self, statement: Statement, cursor: Cursor) -> bool:
        """Follow pg_dump's call of set_config; what another query does is not known."""
        if not _calls_set_config(cursor):
            if not _is_constant(cursor):
                self._run_code(statement, cursor)
            return False
        cursor.accept("pg_catalog", ".")
        if not cursor.accept("set_config", "("):
            self._refuse(statement)
        name, comma, value, another, local = (cursor.next() for _ in range(5))
        is_plain = (name.kind, value.kind) == ("string", "string")
        is_plain &= comma.value == another.value == "," and local.kind == "word"
        if not is_plain or not cursor.accept(")") or not cursor.at_end():
            self._refuse(statement)
        lasting = local.value == "false"
        return self._assign(statement, name.value.lower(), value.value, lasting=lasting)

    def _assign(self, statement: Statement, name: str, value: str, *, lasting: bool) -> bool:
        value = value.lower()
        if name == "client_encoding" and re.sub("[^a-z0-9]", "", value) in _UNSAFE_ENCODINGS:
            message = f"in client_encoding {value} a quote or backslash can be part of a character"
            hint = "use pg_dump --encoding=UTF8"
            refuse("unsafe-encoding", message, statement.offset, statement.line, hint=hint)
        if name != SETTING:
            return False
        for meaning, words in _MEANINGS.items():
            if value not in ("", "o") and any(word.startswith(value) for word in words):
                changes = meaning is not self.standard or not self.certain
                if not lasting or (changes and self._in_transaction):
                    self._refuse(statement)
                self.standard, self.certain = meaning, True
                self._changed_here |= changes
                return changes
        return self._refuse(statement)

    def _is_transaction(self, statement: Statement, word: str, cursor: Cursor) -> bool:
        """Follow a statement that begins or ends a transaction; return whether it is one."""
        match word:
            case "begin" | "start":
                self._in_transaction = True
            case "commit" | "end":
                self._in_transaction = "chain" in {token.value for token in cursor.rest()}
            case "prepare" if cursor.sees("transaction"):
                self._in_transaction = False
            case "rollback" | "abort" if not cursor.sees("prepared"):
                if self._changed_here:
                    self._refuse(statement)
            case _:
                return False
        return True

    def _run_code(self, statement: Statement, cursor: Cursor) -> None:
        """Know nothing for certain behind a statement that can do anything."""
        text = statement.text.lower()
        if b"client_encoding" in text and not text.startswith(b"insert"):
            message = "it may choose an encoding in which a backslash can be part of a character"
            refuse("unsafe-encoding", message, statement.offset, statement.line)
        if _calls_set_config(cursor):
            self._refuse(statement)
        self.certain = False

    def _refuse(self, statement: Statement) -> NoReturn:
        message = "the meaning of backslashes in strings is not foreseeable"
        refuse("unstable-quoting", message, statement.offset, statement.line, hint=HINT)


def is_connect(command: bytes) -> bool:
    r"""Return whether a meta-command is ``\connect``: a new session, with settings of its own."""
    return bool(_CONNECT.match(command))


def _has_unread_name(tokens: list[Token]) -> bool:
    """Return whether an escape character is named in a way that ``tokenize`` does not follow."""
    return any(token.value == "uescape" and token.kind == "word" for token in tokens)


def _calls_set_config(cursor: Cursor) -> bool:
    return any(token.is_name and token.value == "set_config" for token in cursor.tokens)


def _runs_code(word: str, cursor: Cursor) -> bool:
    """Return whether a statement with this first word may run functions as it likes."""
    match word:
        case "create":
            return _is_create_table_as(cursor)
        case "insert":
            return not _is_insert_of_constants(cursor)
    return word not in _WITHOUT_CODE


def _is_create_table_as(cursor: Cursor) -> bool:
    cursor.accept_any("local", "global")
    cursor.accept_any("temporary", "temp", "unlogged")
    if not cursor.accept("table"):
        return False
    while not cursor.at_end() and not cursor.sees("as"):
        if not cursor.skip_parentheses():
            cursor.next()
    return cursor.sees("as")


def _is_insert_of_constants(cursor: Cursor) -> bool:
    cursor.accept("into")
    cursor.name()
    cursor.skip_parentheses()
    if cursor.accept("overriding"):
        cursor.accept_any("system", "user")
        cursor.accept("value")
    cursor.accept("default")
    return cursor.accept("values") and _is_constant(cursor)


def _is_constant(cursor: Cursor) -> bool:
    """Return whether nothing but constants and parentheses follow."""
    while not cursor.at_end() and not cursor.accept("on", "conflict", "do", "nothing"):
        token = cursor.next()
        if token.kind == "quoted":  # a column or, before a parenthesis, a function
            return False
        if token.kind not in ("string", "number") and token.value not in (*"(),-", *_CONSTANTS):
            return False
    return cursor.at_end()
