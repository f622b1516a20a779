"""The types of columns, as a dump's statements declare them, and how a type is named.

A type's canonical name is the one that ``format_type`` gives with an empty search path, without
modifiers: ``integer``, ``timestamp with time zone``, ``public.mood``; an array of any dimensions is its
element with ``[]`` behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.definitions import Definitions
from dbsnap.dumpfile.defining.table_definitions import TABLE_CONSTRAINTS, elements
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.lexing.events import CopyStart, Statement
from dbsnap.dumpfile.lexing.tokens import Cursor, encode, tokenize
from dbsnap.inventory import object_name, split_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.inventory import Inventory

ARRAY = "[]"

_SECOND_WORDS = {
    "double": ("precision",),
    "character": ("varying",),
    "bit": ("varying",),
}
_TIMES = frozenset({"time", "timestamp"})
_INTERVAL_FIELDS = ("year", "month", "day", "hour", "minute", "second", "to")
_RELEVANT = re.compile(
    rb"(?is)CREATE\s+(?:(?:UNLOGGED|FOREIGN)\s+)?(?:TABLE|DOMAIN|TYPE)\b|ALTER\s+TABLE\b.*\bATTACH\b"
    rb"|SET\s+search_path\b|SELECT\b.*\bset_config\b"
)

Columns = dict[str, str]


def canonical_type(written: str) -> str:
    """Return the canonical name of a type that is written in full, as ``format_type`` does."""
    return _read_type(Cursor(tokenize(encode(written))))


class DeclaredTypes:
    """What the statements of a dump, taken in order, say about types.

    ``columns``: table → column → type, in the table's order. ``domains``: domain → base type.
    ``parents``: partition → partitioned table. All names are an inventory's, all types canonical.
    """

    def __init__(self) -> None:
        self.columns: dict[str, Columns] = {}
        self.domains: dict[str, str] = {}
        self._definitions = Definitions()

    @property
    def parents(self) -> dict[str, str]:
        """Return the partitioned table of each partition."""
        return self._definitions.parents

    def take(self, text: bytes, *, standard_strings: bool = True) -> None:
        """Learn from a statement, in UTF-8; what declares no type changes nothing."""
        if not _RELEVANT.match(text):
            return
        tokens = tokenize(text, standard_strings=standard_strings)
        self._definitions.take(Cursor(tokens), text)
        cursor = Cursor(tokens)
        if not cursor.accept("create"):
            return
        cursor.accept_any("unlogged", "foreign")
        if cursor.accept("table"):
            cursor.accept("if", "not", "exists")
            self._take_table(cursor)
        elif cursor.accept("domain"):
            name = self._name(cursor)
            cursor.accept("as")
            self.domains[name] = _read_type(cursor)
        elif cursor.accept("type"):
            name = self._name(cursor)
            if cursor.accept("as", "("):
                self.columns[name] = _read_columns(cursor)

    def _take_table(self, cursor: Cursor) -> None:
        table = self._name(cursor)
        columns: Columns = {}
        if cursor.accept("partition", "of") or cursor.accept("of"):
            columns.update(self.columns.get(self._name(cursor), {}))
        if cursor.accept("("):
            for column, declared in _read_columns(cursor).items():
                columns.setdefault(column, declared)  # a typed table only adds to its type's
        if cursor.accept("inherits", "("):
            inherited: Columns = {}
            while not cursor.at_end() and not cursor.accept(")"):
                inherited |= self.columns.get(self._name(cursor), {})
                cursor.accept(",")
            columns = inherited | columns
        self.columns[table] = columns

    def _name(self, cursor: Cursor) -> str:
        return self._definitions.qualified(cursor.name() or (cursor.next().value,))


def read_declared_types(
    read: Callable[[int], bytes], *, blocks: int, codec: str | None
) -> DeclaredTypes:
    """Return what a dump declares before its COPY block number ``blocks``, counted from 0.

    ``codec`` is Python's name of the dump's encoding, None for UTF-8.
    """
    declared = DeclaredTypes()
    for event in lex(read):
        if isinstance(event, Statement):
            text = event.text.decode(codec, "replace").encode() if codec else event.text
            declared.take(text, standard_strings=event.standard_strings)
        elif isinstance(event, CopyStart):
            if blocks == 0:
                break
            blocks -= 1
    return declared


def column_types(inventory: Inventory, table: str) -> Columns:
    """Return the canonical types of a table's columns as a whole inventory knows them."""
    columns: Columns = {}
    for name, facts in inventory.of("column").items():
        if facts.get("table") == table and "type" in facts:
            columns[split_name(name)[-1]] = canonical_type(facts["type"])
    return columns


def domain_types(inventory: Inventory) -> dict[str, str]:
    """Return the base type of each domain in a whole inventory; an extension's are not listed there."""
    return {
        name: canonical_type(facts["definition"])
        for name, facts in inventory.of("type").items()
        if facts.get("form") == "domain" and "definition" in facts
    }


def _read_columns(cursor: Cursor) -> Columns:
    """Read the elements up to the closing parenthesis; return the columns among them."""
    columns: Columns = {}
    for element in elements(cursor):
        own = Cursor(element)
        first = own.next()
        is_constraint = first.kind == "word" and first.value in TABLE_CONSTRAINTS
        if first.is_name and not is_constraint and not own.accept("with", "options"):
            columns[first.value] = _read_type(own)
    return columns


def _read_type(cursor: Cursor) -> str:
    """Read a type (``Typename`` in ``src/backend/parser/gram.y``); return its canonical name."""
    parts = cursor.name()
    if len(parts) > 1 and parts[0] == "pg_catalog":
        parts = parts[1:]
    name = object_name(*parts)
    if second := cursor.accept_any(*_SECOND_WORDS.get(name, ())):
        name = f"{name} {second}"
    if name == "interval":
        while cursor.accept_any(*_INTERVAL_FIELDS):
            pass
    cursor.skip_parentheses()
    if name in _TIMES:
        zone = cursor.accept_any("with", "without")
        cursor.accept("time", "zone")
        name = f"{name} {zone or 'without'} time zone"
    is_array = cursor.accept("array")
    while cursor.accept("["):
        is_array = True
        while not cursor.at_end() and not cursor.accept("]"):
            cursor.next()
    return name + ARRAY if is_array else name
