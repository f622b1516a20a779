"""CREATE TABLE statements of pg_dump without constraints that columns left out could not meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.tokens import Cursor, Token, tokenize
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Loosening:
    """What to take out of one table: NOT NULL of these columns, and these named CHECKs."""

    nullable: frozenset[str]
    checks: frozenset[str]


def loosened(statement: bytes, loosenings: Mapping[str, Loosening]) -> bytes:
    """Return a statement without what is to be taken out of the table that it creates.

    ``loosenings`` are by the table's full name. Every other statement, and every other byte, stays.
    """
    cursor = Cursor(tokenize(statement))
    if not cursor.accept("create"):
        return statement
    cursor.accept("unlogged")
    if not cursor.accept("table"):
        return statement
    loosening = loosenings.get(object_name(*cursor.name()))
    while loosening and not cursor.at_end() and not cursor.sees("("):
        cursor.next()
    if loosening is None or not cursor.accept("("):
        return statement
    elements = [element for element in _elements(cursor) if element]
    if not elements:
        return statement
    kept = [_kept(element, loosening, statement) for element in elements]
    body = b",\n    ".join(text for text in kept if text)
    return statement[: elements[0][0].start] + body + statement[elements[-1][-1].end :]


def _elements(cursor: Cursor) -> Iterator[list[Token]]:
    """Read the elements between commas up to the closing parenthesis, each as its tokens."""
    element: list[Token] = []
    while not cursor.at_end() and not cursor.sees(")"):
        start = cursor.position
        if cursor.accept(","):
            yield element
            element = []
        else:
            if not cursor.skip_parentheses():
                cursor.next()
            element += cursor.tokens[start : cursor.position]
    yield element


def _kept(element: list[Token], loosening: Loosening, statement: bytes) -> bytes:
    """Return what stays of a column's or constraint's definition; nothing if all of it goes."""
    cursor = Cursor(element)
    start, end = element[0].start, element[-1].end
    if cursor.accept("constraint"):
        name = cursor.next().value
        is_not_null = cursor.accept("not", "null") and cursor.peek().value in loosening.nullable
        goes = is_not_null or (cursor.sees("check") and name in loosening.checks)
        return b"" if goes else statement[start:end]
    if cursor.next().value not in loosening.nullable:
        return statement[start:end]
    first, last = _not_null(element)
    return statement[start:first].rstrip() + statement[last:end]


def _not_null(element: list[Token]) -> tuple[int, int]:
    """Return where NOT NULL stands in a column's definition, with its name; an empty span if nowhere.

    pg_dump writes it behind everything else (``dumpTableSchema`` in pg_dump.c), and an expression that
    holds the same words stands in parentheses.
    """
    span = (element[-1].end, element[-1].end)
    cursor = Cursor(element, 1)
    while not cursor.at_end():
        position = cursor.position
        if cursor.accept("constraint"):
            cursor.next()
        if cursor.accept("not", "null"):
            cursor.accept("no", "inherit")
            span = (element[position].start, element[cursor.position - 1].end)
        elif cursor.position == position and not cursor.skip_parentheses():
            cursor.next()
    return span
