"""A filter of rows: one SQL condition, as a person types it, that can be nothing but a condition.

Whatever stands in it, it stays between the parentheses that it is put into: its own are balanced, no
quote or comment is left open, and no semicolon ends it. That it is a condition on its table is for the
server to say, in a read-only transaction, before anything is written or changed.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as postgres_errors

from dbsnap.dumpfile.guarding.reaching import calls_reaching
from dbsnap.dumpfile.lexing.tokens import encode, tokenize
from dbsnap.errors import UsageError
from dbsnap.inventory import short_name, split_name
from dbsnap.postgres.connection import execute
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.dumpfile.lexing.tokens import Token
    from dbsnap.postgres.connection import Connection

CHECK_SECONDS = 10
"""How long the server may think about a filter before it is to run."""

SESSION_SETTINGS = "SET standard_conforming_strings TO on;\n"
"""What a session must have set where a filter is used: it was read with these strings in mind."""

CONTEXT_CHARACTERS = 60

HERE = "HERE>> "


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A condition that was found to be self-contained. Make one with ``row_filter``."""

    expression: str

    def condition(self) -> str:
        """Return it in parentheses; the line end is for a comment at its end."""
        return f"({self.expression}\n)"

    def words(self) -> list[str]:
        """Return what tells it apart in a file's name: its texts, or else its names and numbers."""
        tokens = _tokens(self.expression)
        texts = [token.value for token in tokens if token.kind == "string"]
        return texts or [t.value for t in tokens if t.is_name or t.kind == "number"]


def row_filter(text: str) -> RowFilter:
    """Return a filter; raise UsageError where it is empty or could be more than one condition."""
    expression = text.strip()
    problem = _problem(expression)
    if problem:
        raise UsageError(
            f"the filter {text!r} is no condition: {problem}",
            hint="write in SQL what follows WHERE, for example: \"createdAt\" < '2026-01-01'",
        )
    return RowFilter(expression)


def source_sql(table: str, condition: RowFilter | None, *, partitioned: bool) -> str:
    """Return ``FROM … WHERE …`` of a table's own rows (with its partitions, where it has some).

    In the filter the table goes by its own name, without a schema.
    """
    parts = split_name(table)
    only = "" if partitioned else "ONLY "
    source = f"FROM {only}{quote_name(*parts)} AS {quote_name(parts[-1])}"
    return f"{source} WHERE {condition.condition()}" if condition else source


def check_filter(
    connection: Connection, table: str, condition: RowFilter, *, partitioned: bool
) -> None:
    """Have the server read a filter, without running it; the search path is the caller's to set.

    The connection must be in autocommit mode. Raises UsageError with the server's words and the place
    in the filter where it stopped.
    """
    source = source_sql(table, condition, partitioned=partitioned)
    execute(connection, "BEGIN READ ONLY")
    execute(connection, f"SET LOCAL statement_timeout TO '{CHECK_SECONDS}s'")
    execute(connection, SESSION_SETTINGS)
    with filter_errors(table, condition, "EXPLAIN SELECT " + source):
        # A binary result makes it the extended protocol, which takes one statement and no more.
        connection.execute(f"EXPLAIN SELECT {source}".encode(), binary=True)
    execute(connection, "ROLLBACK")


@contextmanager
def filter_errors(table: str, condition: RowFilter, statement: str) -> Iterator[None]:
    """Turn the server's complaints about a statement with a filter into UsageError."""
    offset = statement.index(condition.condition()) + 1
    try:
        yield
    except (psycopg.OperationalError, postgres_errors.InsufficientPrivilege):
        raise
    except psycopg.Error as error:
        position = int(error.diag.statement_position or 0) - 1 - offset
        what = f"{error.diag.message_primary}{_place(condition.expression, position)}"
        raise UsageError(
            f"the filter of {short_name(table)} is refused: {what}",
            hint=error.diag.message_hint or _hint(error),
        ) from None


def _hint(error: psycopg.Error) -> str:
    match error:
        case postgres_errors.UndefinedColumn() | postgres_errors.UndefinedTable():
            return "in SQL, names with capital letters need double quotes, and texts single ones"
        case postgres_errors.ReadOnlySqlTransaction():
            return "a filter may only read"
    return "try it in psql: SELECT count(*) FROM the table WHERE the filter"


def _place(expression: str, position: int) -> str:
    if not 0 <= position <= len(expression):
        return ""
    before = expression[:position][-CONTEXT_CHARACTERS:]
    after = expression[position:][:CONTEXT_CHARACTERS]
    return f", at character {position + 1}: {before}{HERE}{after}"


def _problem(expression: str) -> str:
    if not expression:
        return "it is empty"
    if "\x00" in expression or encode(expression).decode("utf-8", "replace") != expression:
        return "it is no UTF-8 text"
    tokens = _tokens(expression)
    if calls_reaching(tokens):  # a filter may come out of a record from anywhere
        return "it calls a function that reaches beyond the database, or changes settings"
    depth = 0
    for token in tokens:
        if problem := _problem_of(token):
            return problem
        if token.kind == "punctuation":
            depth += {"(": 1, ")": -1}.get(token.value, 0)
        if depth < 0:
            return "it closes a parenthesis that it did not open"
    return "it does not close a parenthesis" if depth else ""


def _problem_of(token: Token) -> str:
    match token.kind, token.value:
        case "unterminated", _:
            return "a quote or comment in it does not end"
        case "punctuation", ";":
            return "it holds a semicolon"
        case "operator", "\\":
            return "it holds a backslash"
        case "parameter", _:
            return "it holds a parameter, for which there is no value"
    return ""


def _tokens(expression: str) -> list[Token]:
    return tokenize(encode(expression))
