"""What a statement of a dump is to a load by several sessions: when it may run beside others.

pg_dump writes every name in full (since 10.3), and one object's definition a statement. What is none of
the forms here is an ``Other``: it waits for all before it, and all behind it wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.lexing.tokens import Cursor, tokenize
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbsnap.dumpfile.lexing.events import Statement

_LARGE_OBJECT_CALLS = ("lo_close", "lo_create", "lo_open", "lowrite", "loread")
_NOT_OF_THE_SESSION = frozenset({"local", "constraints", "transaction"})
_OF_ALL_THAT_FOLLOWS = frozenset({"role", "session", "authorization"})


@dataclass(frozen=True, slots=True)
class Setting:
    """Sets ``name`` for the statements behind it, in the session that runs them."""

    name: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Belongs to the data, but to no table: the value of a sequence, a large object."""


@dataclass(frozen=True, slots=True)
class Build:
    """Builds an index of ``table``; an ``exclusive`` one, of a key, keeps all others off the table."""

    table: str
    exclusive: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Adds a foreign key to ``table``.

    ``deferred`` adds it as NOT VALID, and ``validation`` is the statement that then reads the rows; both
    are empty where that would not end in the same constraint.
    """

    table: str
    deferred: bytes = b""
    validation: bytes = b""


@dataclass(frozen=True, slots=True)
class Finish:
    """Belongs to an index or constraint before it, and nothing that is built after it needs it."""


@dataclass(frozen=True, slots=True)
class ChangeOfRole:
    """Changes who runs what follows: such a dump is no work for several sessions."""


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else."""


StatementKind = Setting | Aside | Build | ForeignKey | Finish | ChangeOfRole | Other


def kind_of(statement: Statement, related: Collection[str]) -> StatementKind:
    """Say what a statement is; ``related`` are the tables with partitions, parents or children."""
    text = statement.text
    if text in (
        b"BEGIN;",
        b"COMMIT;",
    ):  # the guard lets pg_dump's own through, around large objects
        return Aside()
    cursor = Cursor(tokenize(text, standard_strings=statement.standard_strings))
    match cursor.next().value:
        case "set" | "reset":
            return _setting(cursor)
        case "select":
            return _select(cursor)
        case "create":
            return _create(cursor)
        case "alter":
            return _alter(text, cursor, related)
        case "comment" if cursor.accept("on"):
            if cursor.accept("large", "object"):
                return Aside()
            return Finish() if cursor.accept_any("index", "constraint") else Other()
    return Other()


def _setting(cursor: Cursor) -> StatementKind:
    name = cursor.next().value
    if name in _OF_ALL_THAT_FOLLOWS:
        return ChangeOfRole()
    return Other() if name in _NOT_OF_THE_SESSION else Setting(name)


def _select(cursor: Cursor) -> StatementKind:
    cursor.accept("pg_catalog", ".")
    if cursor.accept("set_config", "("):
        return Setting(cursor.next().value)
    is_aside = cursor.accept_any("setval", *_LARGE_OBJECT_CALLS)
    return Aside() if is_aside and cursor.sees("(") else Other()


def _create(cursor: Cursor) -> StatementKind:
    cursor.accept("unique")
    if not cursor.accept("index"):
        return Other()
    cursor.name()
    if not cursor.accept("on"):
        return Other()
    # On a partitioned table alone: those of its partitions are attached to it afterwards.
    if cursor.accept("only"):
        return Finish()
    table = cursor.name()
    return Build(object_name(*table), exclusive=False) if len(table) > 1 else Other()


def _alter(text: bytes, cursor: Cursor, related: Collection[str]) -> StatementKind:
    if cursor.accept("large", "object"):
        return Aside()
    if cursor.accept("index"):
        return Finish()
    if not cursor.accept("table"):
        return Other()
    cursor.accept("only")
    start = cursor.peek().start
    name = cursor.name()
    if len(name) < 2:
        return Other()
    table, written = object_name(*name), text[start : cursor.tokens[cursor.position - 1].end]
    if cursor.sees("cluster", "on") or cursor.sees("replica", "identity", "using", "index"):
        return Finish()
    if not cursor.accept("add", "constraint"):
        return Other()
    constraint = cursor.next()
    if cursor.accept_any("primary", "unique"):
        # A key of a parent looks at its children: not beside what happens to them.
        return Finish() if table in related else Build(table, exclusive=True)
    if not cursor.accept("foreign", "key"):
        return Other()
    own_name = text[constraint.start : constraint.end]
    if not _can_be_deferred(cursor, table, related):
        return ForeignKey(table)
    return ForeignKey(
        table,
        deferred=text.removesuffix(b";") + b" NOT VALID;",
        validation=b"ALTER TABLE ONLY " + written + b" VALIDATE CONSTRAINT " + own_name + b";",
    )


def _can_be_deferred(cursor: Cursor, table: str, related: Collection[str]) -> bool:
    """Whether a foreign key added as NOT VALID and then validated is the one that was dumped.

    Partitioned tables refuse NOT VALID up to 17, and their partitions have parts of it of their own
    (``ATAddForeignKeyConstraint`` in ``src/backend/commands/tablecmds.c``). One that was NOT VALID or
    NOT ENFORCED must stay so.
    """
    if any(token.kind == "word" and token.value == "not" for token in cursor.rest()):
        return False
    cursor.skip_parentheses()
    if not cursor.accept("references"):
        return False
    referenced = object_name(*cursor.name())
    return table not in related and referenced not in related and cursor.tokens[-1].value == ";"
