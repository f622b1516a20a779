"""The statements of a dump that make one table, and what it needs that is not there. Pure.

pg_dump writes every name in full (since 10.3, with an empty search path), so that what a statement needs
can be told from the names in it, those in string constants (``nextval('public.s'::regclass)``) too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.dumpfile.lexing.tokens import Cursor, Token, encode, tokenize
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_PREREQUISITES = {
    "schema": "schema",
    "type": "type",
    "domain": "type",
    "sequence": "relation",
    "function": "function",
    "procedure": "function",
}
_ON_TABLE = {"index": "on", "trigger": "on", "policy": "on", "rule": "to", "statistics": "from"}
_BEGINNINGS = (b"CREATE", b"ALTER ", b"COMMEN")
_MODIFIERS = ("or", "replace", "unique", "unlogged", "constraint", "foreign")
ATTACHED = "attached"
LONGEST_NAME = 200
"""Longer strings are no names: schema and name have up to 63 bytes each, and quotes."""

_NOT_TAKEN = frozenset({"owner", "cluster"})
"""What ALTER TABLE is not repeated: owners are whoever restores, clustering is no part of a table."""


@dataclass(frozen=True, slots=True)
class TableStatement:
    """A statement, in the dump's own bytes.

    It ``makes`` an object that others need (``kind`` is ``schema``, ``type``, ``relation`` or
    ``function``), or it belongs to a ``table`` (``kind`` ``table`` makes it, ``attached`` makes it a
    partition), or it ``attaches`` a partition's index. ``part`` is the index or constraint that it
    makes, ``references`` the table of a foreign key, ``mentions`` are all names in it.
    """

    text: bytes
    kind: str = ""
    makes: str = ""
    table: str = ""
    part: str = ""
    attaches: str = ""
    references: str = ""
    mentions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Creation:
    """The statements that create ``tables``, in the dump's order, and foreign keys left out of them."""

    tables: frozenset[str]
    statements: tuple[bytes, ...]
    left_out: tuple[TableStatement, ...]


def table_statements(read: Callable[[int], bytes], codec: str | None) -> list[TableStatement]:
    """Return the statements of a dump that make tables or what tables need.

    ``codec`` is Python's name of the dump's encoding, None for UTF-8.
    """
    found = []
    for event in lex(read):
        if isinstance(event, Statement) and event.text[:6].upper() in _BEGINNINGS:
            text = event.text.decode(codec, "replace").encode() if codec else event.text
            if statement := _understood(event.text, tokenize(text)):
                found.append(statement)
    return found


def creation(
    statements: Iterable[TableStatement],
    missing: Collection[str],
    there: Collection[tuple[str, str]],
) -> Creation:
    """Return what creates the ``missing`` tables with all that is theirs; partitions are attached last.

    ``there`` are the objects that exist, as (kind, name); what is needed and does not exist is created
    too. Foreign keys to tables that neither exist nor are created are left out.
    """
    listed = list(statements)
    tables = {name for kind, name in there if kind == "relation"} | {*missing}
    wanted = [s for s in listed if s.table in missing]
    left_out = [s for s in wanted if s.references and s.references not in tables]
    parts = {s.part for s in wanted} - {""}
    chosen = {id(s) for s in wanted} - {id(s) for s in left_out}
    chosen |= {id(s) for s in listed if s.attaches in parts}
    names = {name for s in wanted if id(s) in chosen for name in s.mentions}
    grown = True
    while grown:
        grown = False
        for statement in listed:
            needed = statement.makes in names and (statement.kind, statement.makes) not in there
            if statement.makes and needed and id(statement) not in chosen:
                chosen.add(id(statement))
                names |= statement.mentions
                grown = True
    made = frozenset(s.table for s in wanted if s.kind == "table")
    # A partition that joins a table with keys gets them, unless it has its own already.
    ordered = sorted(
        (s for s in listed if id(s) in chosen),
        key=lambda s: 2 if s.attaches else 1 if s.kind == ATTACHED else 0,
    )
    return Creation(made, tuple(s.text for s in ordered), tuple(left_out))


def _understood(text: bytes, tokens: list[Token]) -> TableStatement | None:
    cursor = Cursor(tokens)
    mentions = frozenset(_names(tokens))
    match cursor.next().value:
        case "create":
            return _create(text, cursor, mentions)
        case "alter":
            return _alter(text, cursor, mentions)
        case "comment":
            return _comment(text, cursor, mentions)
    return None


def _create(text: bytes, cursor: Cursor, mentions: frozenset[str]) -> TableStatement | None:
    while cursor.accept_any(*_MODIFIERS):
        pass
    kind = cursor.next().value
    if kind == "table":
        return TableStatement(text, "table", table=object_name(*cursor.name()), mentions=mentions)
    if kind in _PREREQUISITES:
        name = cursor.name()
        if kind == "type" and cursor.at_end():  # a shell comes before the type itself
            return None
        made = object_name(*name)
        return TableStatement(text, _PREREQUISITES[kind], made, mentions=mentions)
    if kind not in _ON_TABLE:
        return None
    name = cursor.name()
    while not cursor.at_end() and not cursor.accept(_ON_TABLE[kind]):
        if not cursor.skip_parentheses():
            cursor.next()
    cursor.accept("only")
    table = cursor.name()
    part = object_name(*table[:-1], *name) if kind == "index" else ""
    return TableStatement(text, table=object_name(*table), part=part, mentions=mentions)


def _alter(text: bytes, cursor: Cursor, mentions: frozenset[str]) -> TableStatement | None:
    if cursor.accept("sequence"):
        cursor.name()
        if not cursor.accept("owned", "by"):
            return None
        *owner, _column = cursor.name()
        return TableStatement(text, table=object_name(*owner), mentions=mentions)
    if cursor.accept("index"):
        cursor.name()
        attached = cursor.name() if cursor.accept("attach", "partition") else ()
        return TableStatement(text, attaches=object_name(*attached)) if attached else None
    if not cursor.accept("table"):
        return None
    cursor.accept("only")
    table = cursor.name()
    if cursor.peek().value in _NOT_TAKEN:
        return None
    kind = part = ""
    if cursor.accept("attach", "partition"):
        kind, table = ATTACHED, cursor.name()
    if cursor.accept("add", "constraint"):
        part = object_name(*table[:-1], cursor.next().value)
    references = _referenced(cursor) if cursor.accept("foreign", "key") else ""
    return TableStatement(
        text, kind, table=object_name(*table), part=part, references=references, mentions=mentions
    )


def _referenced(cursor: Cursor) -> str:
    while not cursor.at_end() and not cursor.accept("references"):
        if not cursor.skip_parentheses():
            cursor.next()
    return object_name(*cursor.name())


def _comment(text: bytes, cursor: Cursor, mentions: frozenset[str]) -> TableStatement | None:
    cursor.accept("on")
    kind = cursor.next().value
    if kind == "table":
        return TableStatement(text, table=object_name(*cursor.name()), mentions=mentions)
    if kind == "column":
        *table, _column = cursor.name()
        return TableStatement(text, table=object_name(*table), mentions=mentions)
    if kind in {"constraint", "trigger", "policy", "rule"}:
        cursor.next()
        if cursor.accept("on"):
            return TableStatement(text, table=object_name(*cursor.name()), mentions=mentions)
    return None


def _names(tokens: list[Token]) -> Iterator[str]:
    """Yield the names of two and more parts in a statement, and the schema of each."""
    cursor = Cursor(tokens)
    while cursor.rest():
        token = cursor.peek()
        if token.kind == "string" and len(token.value) <= LONGEST_NAME:
            parts = Cursor(tokenize(encode(token.value))).name()
        else:
            parts = cursor.name()
        if len(parts) > 1:
            yield object_name(*parts[:2])
            yield object_name(parts[0])
        if cursor.peek() is token:
            cursor.next()
