"""What CREATE TABLE and ALTER TABLE say about columns, constraints and partitions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.defined_objects import CONSTRAINT_TYPES
from dbsnap.dumpfile.lexing.tokens import Cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from dbsnap.dumpfile.defining.defined_objects import DefinedObjects
    from dbsnap.dumpfile.lexing.tokens import Token

TABLE_CONSTRAINTS = frozenset(
    {"constraint", "primary", "unique", "check", "foreign", "like", "not"}
)
"""Words with which an element of CREATE TABLE begins that is no column."""


def create_table(found: DefinedObjects, cursor: Cursor, modifiers: Collection[str]) -> None:
    """Learn from CREATE TABLE, from behind that word; ``modifiers`` are the words before it."""
    parts = cursor.name()
    table = found.qualified(parts)
    columns: list[str] = []
    is_partition = cursor.accept("partition", "of")
    if is_partition or cursor.accept("of"):
        model = found.qualified(cursor.name())
        columns += found.columns.get(model, [])
        if is_partition:
            found.parents[table] = model
    if cursor.accept("("):
        for element in elements(cursor):
            columns += _learn_element(found, table, parts[-1:], element)
    form = "foreign table" if "foreign" in modifiers else "table"
    while not cursor.at_end():
        if cursor.accept("inherits", "("):
            names = dict.fromkeys(_names(found, cursor))
            inherited = [found.columns.get(name, ()) for name in names]
            columns = list(itertools.chain(*inherited, columns))
        elif cursor.accept("partition", "by"):
            form = "partitioned table"
        elif not cursor.skip_parentheses():
            cursor.next()
    found.add_table(table, columns, form=form, unlogged="unlogged" in modifiers)


def alter_table(found: DefinedObjects, cursor: Cursor) -> None:
    """Learn from ALTER TABLE, from behind these words."""
    cursor.accept("if", "exists")
    cursor.accept("only")
    parts = cursor.name()
    table = found.qualified(parts)
    if cursor.accept("add", "constraint"):
        _learn_constraint(found, table, cursor, _last_not_valid(cursor.tokens))
    elif cursor.accept("alter"):
        while not cursor.at_end() and not cursor.accept("sequence", "name"):
            cursor.next()
        if sequence := cursor.name():
            found.add("sequence", found.qualified(sequence))
    elif cursor.accept("attach", "partition"):
        found.parents[found.qualified(cursor.name())] = table
    elif cursor.sees("enable") or cursor.sees("disable"):
        state = enabled_state(cursor)
        kind = cursor.accept_any("trigger", "rule")
        if kind and cursor.peek().value not in ("all", "user"):
            found.switch(kind, found.qualified(parts, cursor.next().value), state)


def enabled_state(cursor: Cursor) -> str:
    """Read ENABLE or DISABLE; return the state as an inventory words it."""
    if cursor.accept("disable"):
        return "no"
    cursor.accept("enable")
    return cursor.accept_any("always", "replica") or "yes"


def elements(cursor: Cursor) -> Iterator[list[Token]]:
    """Read the elements between commas up to the closing parenthesis, each as its tokens."""
    tokens = cursor.tokens
    start = cursor.position
    depth = brackets = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token.kind != "punctuation":
            continue
        mark = token.value
        if depth == 0 and mark in ");":
            cursor.position = index + (mark == ")")
            break
        depth += (mark == "(") - (mark == ")")
        if depth == 0:
            brackets += (mark == "[") - (mark == "]")
            if mark == "," and not brackets:
                yield tokens[start:index]
                start = index + 1
    else:
        index = cursor.position = len(tokens)
    yield tokens[start:index]


def _learn_element(
    found: DefinedObjects, table: str, own_name: Iterable[str], element: list[Token]
) -> Iterator[str]:
    """Learn the constraints in an element of CREATE TABLE; yield the column's name, if it is one."""
    cursor = Cursor(element)
    column = ""
    if element and not (element[0].kind == "word" and element[0].value in TABLE_CONSTRAINTS):
        column = cursor.next().value
        yield column
    last_not_valid = None
    while cursor.position < len(element):
        word = element[cursor.position].value
        if word == "constraint" and cursor.accept("constraint"):
            if last_not_valid is None:
                last_not_valid = _last_not_valid(element)
            _learn_constraint(found, table, cursor, last_not_valid)
        elif word == "not" and cursor.accept("not", "null"):
            # PostgreSQL 18 names it so itself; otherwise pg_dump states its name.
            names = (*own_name, column or cursor.peek().value, "not_null")
            found.add_not_null(table, "_".join(names))
        elif not (word == "(" and cursor.skip_parentheses()):
            cursor.position += 1


def _learn_constraint(
    found: DefinedObjects, table: str, cursor: Cursor, last_not_valid: int
) -> None:
    """Learn a constraint, from behind that word."""
    own_name = cursor.next().value
    kind = CONSTRAINT_TYPES.get(cursor.next().value, "")
    validated = cursor.position > last_not_valid
    if kind == "not-null constraint":
        found.add_not_null(table, own_name, validated=validated)
        cursor.next()
    elif kind:
        found.add_constraint(table, own_name, kind, validated=validated)


def _last_not_valid(tokens: list[Token]) -> int:
    """Return where NOT VALID or NOT ENFORCED stands last; -1 if nowhere."""
    last = -1
    for position, (token, following) in enumerate(itertools.pairwise(tokens)):
        if token.value == "not" and following.value in ("valid", "enforced"):
            last = position
    return last


def _names(found: DefinedObjects, cursor: Cursor) -> Iterator[str]:
    """Read the names up to the closing parenthesis."""
    while not cursor.at_end() and not cursor.accept(")"):
        yield found.qualified(cursor.name() or (cursor.next().value,))
        cursor.accept(",")
