"""What pg_dump alters: the actions that may follow ALTER and the name of something.

Another one could give what was looked at before another name, or put it into a schema of the system's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.tokens import Cursor

_OWNED = """
    aggregate, collation, conversion, domain, foreign table, function, index, language, large object,
    materialized view, operator, operator class, operator family, procedural language, procedure,
    publication, schema, sequence, statistics, table, text search configuration,
    text search dictionary, type, view
"""
_OF_TABLES = """
    add constraint, alter column, attach partition, cluster on, disable row, disable rule,
    disable trigger, drop constraint, enable always, enable replica, enable row, enable rule,
    enable trigger, force row, replica identity
"""
_OTHERS = {
    "domain": "add constraint, drop constraint",
    "foreign table": _OF_TABLES,
    "function": "depends on",
    "index": "alter column, attach partition, depends on",
    "materialized view": "alter column, cluster on, depends on",
    "operator family": "add function, add operator",
    "procedure": "depends on",
    "publication": "add table, add tables",
    "sequence": "owned by, set logged, set unlogged",
    "statistics": "set statistics",
    "table": _OF_TABLES,
    "text search configuration": "add mapping",
    "trigger": "depends on",
    "view": "alter column",
}


def _actions() -> dict[str, frozenset[tuple[str, ...]]]:
    owned = _listed(_OWNED)
    return {
        kind: frozenset(
            tuple(action.split())
            for action in ([*_listed(_OTHERS.get(kind, "")), *(["owner to"] * (kind in owned))])
        )
        for kind in {*owned, *_OTHERS}
    }


def _listed(text: str) -> list[str]:
    return [" ".join(form.split()) for form in text.split(",") if form.strip()]


ACTIONS = _actions()
"""The first two words of each action, by the kind of what is altered (``pg_dump.c``)."""


WITHOUT_SCHEMA = frozenset({"language", "large object", "procedural language", "publication"})
"""Kinds whose names are looked for among themselves alone."""


def skip_altered(cursor: Cursor) -> tuple[str, ...]:
    """Step over what stands for one object behind ALTER and its kind; return the name in it."""
    for words in (("if", "exists"), ("only",)):
        cursor.accept(*words)
    name = cursor.name()
    if not name or cursor.accept("."):  # a number, or an operator
        name = (*name, cursor.next().value)
    cursor.skip_parentheses()
    if cursor.accept("using") or cursor.accept("on"):
        cursor.name()
    return name


def is_usual(kind: str, cursor: Cursor) -> bool:
    """Return whether pg_dump writes the action that comes next, of what is of this kind."""
    return (cursor.peek().value, cursor.peek(1).value) in ACTIONS[kind] and (
        cursor.peek().kind == cursor.peek(1).kind == "word"
    )
