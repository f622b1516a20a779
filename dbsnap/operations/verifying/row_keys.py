"""By which columns the rows of a table are told apart. Pure: inventories in, columns out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.tokens import Cursor, encode, tokenize
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.inventory import Inventory


def row_key(
    expected: Inventory, actual: Inventory, table: str, columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns that tell the rows of a table apart on both sides; empty if none do.

    That is the primary key, or else a unique key that is never NULL; it must be there in both
    inventories, and all its columns must be among ``columns``. An inventory read out of a dump does not
    say of which columns a key is: then it is the live one.
    """
    live = list(_unique_keys(actual, table))
    keys = live if expected.partial else [k for k in _unique_keys(expected, table) if k in live]
    return next((key for key in keys if set(key) <= set(columns)), ())


def _unique_keys(inventory: Inventory, table: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys that no two rows share, the primary key first."""
    constraints = [f for f in inventory.of("constraint").values() if f.get("table") == table]
    definitions = [f.get("definition", "") for f in constraints if f.get("type") == "primary key"]
    for definition in definitions:
        if key := _listed_columns(definition):
            yield key
    definitions = [
        f.get("definition", "") for f in constraints if f.get("type") == "unique constraint"
    ]
    definitions += [
        facts.get("definition", "")
        for facts in inventory.of("index").values()
        if facts.get("table") == table and facts.get("valid", True)
    ]
    for definition in sorted(definitions):
        key = _listed_columns(definition)
        if key and not any(_nullable(inventory, table, column) for column in key):
            yield key


def _listed_columns(definition: str) -> tuple[str, ...]:
    """Return the columns of ``UNIQUE (a, b)`` or of a whole unique index; empty for any other."""
    cursor = Cursor(tokenize(encode(definition)))
    is_index = cursor.accept("create")
    if is_index and not cursor.accept("unique"):
        return ()
    while not cursor.at_end() and not cursor.sees("("):
        cursor.next()
    cursor.next()
    columns = []
    while not cursor.at_end():
        name = cursor.name()
        if len(name) != 1 or cursor.sees("("):
            return ()  # an expression
        columns.append(name[0])
        while not cursor.at_end() and not cursor.accept(","):
            if cursor.accept(")"):
                partial = any(token.value == "where" for token in cursor.rest())
                return () if partial else tuple(columns)
            if cursor.sees("(") or not cursor.peek().is_name:
                return ()
            cursor.next()
    return ()


def _nullable(inventory: Inventory, table: str, column: str) -> bool:
    facts = inventory.of("column").get(f"{table}.{object_name(column)}", {})
    return facts.get("nullable") is not False
