"""What to look at in each definition that pg_dump writes, as far as it could do harm.

Each check returns the rule that the statement breaks, or "". ``statement_rules`` says which check is
for which form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.guarding import alterations
from dbsnap.dumpfile.guarding.reaching import (
    calls_reaching,
    is_made_of_reaching,
    is_reaching,
    may_reach_out,
)
from dbsnap.dumpfile.guarding.rules import NATIVE_LANGUAGES, TRUSTED_EXTENSIONS, TRUSTED_LANGUAGES
from dbsnap.dumpfile.guarding.system_names import is_in_system_schema, may_be_systems_own
from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.lexing.tokens import Token

_SYSTEM_NAMES = (b"pg_", b"information_schema", b"u&")
_AS = re.compile(rb"as(?<![a-z0-9_$\x80-\xff]as)(?![a-z0-9_$\x80-\xff])")
"""The word AS in lower case: beginning with what stands there, it is looked for by memchr."""


class StatementReading:
    """One statement as far as it was looked at: its bytes, and its tokens once they are asked for."""

    def __init__(self, text: bytes, *, standard_strings: bool) -> None:
        self.text = text
        self.words = 0
        """How many words the form that was recognised begins with."""
        self._standard_strings = standard_strings
        self._tokens: list[Token] | None = None

    @property
    def tokens(self) -> list[Token]:
        """Return all tokens."""
        if self._tokens is None:
            self._tokens = tokenize(self.text, standard_strings=self._standard_strings)
        return self._tokens

    @property
    def cursor(self) -> Cursor:
        """Return a cursor behind the words of the form."""
        return Cursor(self.tokens, self.words)


def harmless(_: StatementReading) -> str:
    """Find nothing: the form alone says enough."""
    return ""


def names_system_object(reading: StatementReading) -> str:
    """Look at the name of what is made or changed: it must not be one of the system's own."""
    lowered = reading.text.lower()
    if not any(hint in lowered for hint in _SYSTEM_NAMES):
        return ""
    cursor = reading.cursor
    for words in (("if", "exists"), ("if", "not", "exists"), ("only",)):
        cursor.accept(*words)
    name = cursor.name()
    if cursor.sees("."):
        name = (*name, "")  # an operator is no name
    return "system-catalog" if is_in_system_schema(name) else ""


def computes(reading: StatementReading) -> str:
    """Look at a definition with expressions that are computed while the dump is loaded."""
    return names_system_object(reading) or reaches_out(reading)


def reaches_out(reading: StatementReading) -> str:
    """Look for calls of functions that reach beyond the database."""
    reaches = may_reach_out(reading.text) and calls_reaching(reading.tokens)
    return "server-access" if reaches else ""


def made_of_functions(reading: StatementReading) -> str:
    """Look at what is made of functions that are only named: an operator, an aggregate, a cast."""
    reaches = may_reach_out(reading.text) and is_made_of_reaching(reading.tokens)
    return names_system_object(reading) or ("server-access" if reaches else "")


def alter(kind: str) -> Callable[[StatementReading], str]:
    """Return what looks at ALTER of one kind: whose it is, and that pg_dump writes the action."""

    def check(reading: StatementReading) -> str:
        cursor = reading.cursor
        name = alterations.skip_altered(cursor)
        if may_be_systems_own(name) and kind not in alterations.WITHOUT_SCHEMA:
            return "system-catalog"
        if kind in ("function", "procedure") and is_reaching(name[-1]):
            return "server-access"
        if not alterations.is_usual(kind, cursor):
            return "foreign-statement"
        return reaches_out(reading)

    return check


def create_rule(reading: StatementReading) -> str:
    """Look at what a rule does: it does that as its owner, whoever sets it off."""
    cursor = reading.cursor
    while cursor.position < len(
        cursor.tokens
    ):  # a rule can hold several statements, with semicolons between them
        writes = cursor.accept("into") or cursor.accept("update") or cursor.accept("delete", "from")
        cursor.accept("only")
        if writes and may_be_systems_own(cursor.name()):
            return "system-catalog"
        if not writes:
            cursor.next()
    return reaches_out(reading)


def create_schema(reading: StatementReading) -> str:
    """Look for what CREATE SCHEMA can make along with the schema."""
    cursor = reading.cursor
    cursor.accept("if", "not", "exists")
    cursor.accept("authorization")
    cursor.name()
    if cursor.accept("authorization"):
        cursor.name()
    return "" if cursor.at_end() else "foreign-statement"


def create_table(reading: StatementReading) -> str:
    """Look at a table: CREATE TABLE … AS would be a query."""
    if _AS.search(reading.text.lower()):
        depth = 0
        for token in reading.tokens[reading.words + 1 :]:
            if token.kind == "punctuation" and token.value in "()":
                depth += 1 if token.value == "(" else -1
            elif depth == 0 and token.kind == "word" and token.value == "as":
                return "query"
    return computes(reading)


def create_function(reading: StatementReading) -> str:
    """Look at the language of a function or procedure; its body is not run by loading it."""
    if rule := names_system_object(reading):
        return rule
    languages = set(_languages(reading.cursor))
    if languages & NATIVE_LANGUAGES:
        return "native-function"
    return "" if languages <= TRUSTED_LANGUAGES else "untrusted-language"


def _languages(cursor: Cursor) -> Iterator[str]:
    """Yield every language that a CREATE FUNCTION or PROCEDURE names outside a body of plain SQL."""
    while not cursor.at_end():
        if cursor.skip_parentheses():
            continue
        if cursor.accept("begin", "atomic"):
            return  # only SQL has such a body; the server refuses any other language with it
        if cursor.accept("language"):
            following = cursor.peek()
            if following.is_name or following.kind == "string":
                yield following.value.lower() if following.kind == "string" else following.value
        else:
            cursor.next()


def create_type(reading: StatementReading) -> str:
    """Look for a base type: all others have an AS behind their name, a shell has nothing."""
    cursor = reading.cursor
    cursor.name()
    return "base-type" if cursor.sees("(") else made_of_functions(reading)


def create_cast(reading: StatementReading) -> str:
    """Look for a cast that only calls one type's memory another's."""
    cursor = reading.cursor
    cursor.skip_parentheses()
    return "binary-cast" if cursor.sees("without", "function") else made_of_functions(reading)


def create_extension(reading: StatementReading) -> str:
    """Look up the extension."""
    cursor = reading.cursor
    cursor.accept("if", "not", "exists")
    name = cursor.name()
    if len(name) != 1 or name[0] not in TRUSTED_EXTENSIONS:
        return "extension"
    cursor.accept("with")
    if cursor.accept("schema"):
        cursor.name()
    return "" if cursor.at_end() else "foreign-statement"
