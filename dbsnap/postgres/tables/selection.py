"""The tables that a table backup is asked for: patterns and names in, exact tables out.

pg_dump is never asked to match anything: what a pattern means is settled here, on the server, so that
the record can name exact tables. A partitioned table stands for all its partitions, and a table that
others inherit from brings those along, because a script that changes it changes them.
"""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.errors import InvalidRegularExpression

from dbsnap.errors import UsageError
from dbsnap.inventory import object_name, short_name
from dbsnap.postgres.connection import execute, fetch, fetch_value
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.tables.patterns import table_pattern
from dbsnap.prisma.models import model_named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.patterns import TablePattern
    from dbsnap.postgres.url import Database
    from dbsnap.prisma.models import PrismaModel

RELATIONS_QUERY = """
SELECT relation.oid, nspname::text, relname::text,
    pg_catalog.format('%%I.%%I', nspname, relname), relkind::text, relispartition,
    relnamespace = (
        SELECT seen.relnamespace FROM unnest(%s::text[]) WITH ORDINALITY AS path(schema, place)
        JOIN pg_catalog.pg_namespace AS in_path ON in_path.nspname = path.schema
        JOIN pg_catalog.pg_class AS seen
            ON seen.relnamespace = in_path.oid AND seen.relname = relation.relname
        ORDER BY place LIMIT 1),
    extname::text,
    ARRAY(SELECT inhparent FROM pg_catalog.pg_inherits WHERE inhrelid = relation.oid
          ORDER BY inhseqno)
FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relnamespace
LEFT JOIN pg_catalog.pg_depend ON classid = 'pg_catalog.pg_class'::regclass
    AND objid = relation.oid AND deptype = 'e'
LEFT JOIN pg_catalog.pg_extension AS extension ON extension.oid = refobjid
WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname
"""
"""Visible is what ``pg_table_is_visible`` says; here no name is looked up on the user's search path."""

MATCHES_QUERY = """
SELECT relation.oid FROM pg_catalog.pg_class AS relation
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relnamespace
WHERE relname OPERATOR(pg_catalog.~) %s COLLATE pg_catalog.default
    AND nspname OPERATOR(pg_catalog.~) %s COLLATE pg_catalog.default
"""

NEAREST_NAMES = 3

NOT_TABLES = {
    "v": ("a view", "back up the tables it reads"),
    "m": ("a materialized view", "its rows are computed: back up the tables it reads"),
    "f": ("a foreign table", "its rows are another server's: back them up there"),
    "S": ("a sequence", "it comes along with the table that uses it"),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a database: ``kind`` is its ``pg_class.relkind``, ``parents`` are object ids.

    ``sql_name`` is the full name as the server quotes it.
    """

    oid: int
    schema: str
    name: str
    sql_name: str
    kind: str
    is_partition: bool
    visible: bool
    extension: str
    parents: tuple[int, ...]

    @property
    def title(self) -> str:
        """Return the full name, as an inventory has it."""
        return object_name(self.schema, self.name)

    @property
    def shown(self) -> str:
        """Return the name as people know it."""
        return short_name(self.title)

    @property
    def is_table(self) -> bool:
        """Whether it is a table whose definition and rows are the user's own."""
        return self.kind in "rp" and not self.extension


@dataclass(frozen=True, slots=True)
class Relations:
    """All relations of a database but the system's own, by object id, and who inherits from whom."""

    by_oid: Mapping[int, Relation]
    children: Mapping[int, Sequence[Relation]]

    def descendants(self, oid: int) -> list[Relation]:
        """Return partitions and inheriting tables of a table, theirs too, in the order of names."""
        found = {child.oid: child for child in self.children.get(oid, ())}
        for child in list(found.values()):
            found |= {further.oid: further for further in self.descendants(child.oid)}
        return list(found.values())

    def root(self, oid: int) -> Relation:
        """Return the partitioned table that a partition is at last a part of, or the table itself."""
        relation = self.by_oid[oid]
        return self.root(relation.parents[0]) if relation.is_partition else relation


@dataclass(frozen=True, slots=True)
class ChosenTable:
    """A table to back up.

    ``partitions`` are those of a partitioned table, whose rows are dumped as its own. ``asked`` is
    False for a table that only inherits from one that was asked for. ``patterns`` are those that led
    to it, as they were typed.
    """

    relation: Relation
    partitions: tuple[Relation, ...]
    asked: bool
    patterns: tuple[str, ...]

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Return the table and its partitions."""
        return (self.relation, *self.partitions)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the patterns stand for; ``notes`` say what of it has no rows of its own to back up."""

    relations: Relations
    tables: tuple[ChosenTable, ...]
    notes: tuple[str, ...]


def choose_tables(
    connection: Connection,
    patterns: Sequence[str],
    *,
    database: Database,
    models: Sequence[PrismaModel] = (),
) -> Choice:
    """Return the tables that the patterns stand for, in the order in which they were asked for.

    A pattern that matches no table is a name of a Prisma model or its accessor, or a table's name
    exactly as it was typed. Raises UsageError naming every pattern that matches nothing, with the
    nearest names, and where a pattern matches only what has no rows of its own.
    """
    relations = read_relations(connection, database)
    found: dict[int, list[str]] = {}
    problems: list[str] = []
    notes: dict[int, str] = {}
    for text in patterns:
        pattern = table_pattern(text, database=database.name)
        matches = matching(connection, pattern, relations, models=models)
        tables = [relation for relation in matches if relation.is_table]
        others = [relation for relation in matches if not relation.is_table]
        for relation in tables:
            found.setdefault(relation.oid, []).append(text)
        if not matches:
            problems.append(_no_match(text, relations.by_oid.values(), models))
        elif not tables:
            problems.append("; ".join(_why_not(relation) for relation in others[:NEAREST_NAMES]))
        notes |= {r.oid: f"left out: {_why_not(r)}" for r in others if r.kind != "S"}
    if problems:
        raise UsageError(
            "; ".join(problems), hint="names are as in pg_dump: mods, public.*, '\"Weird Name\"'"
        )
    return Choice(relations, tuple(_chosen(relations, found)), tuple(notes.values()))


def matching(
    connection: Connection,
    pattern: TablePattern,
    relations: Relations,
    *,
    models: Sequence[PrismaModel] = (),
) -> list[Relation]:
    """Return the relations that a pattern, a model or an exact name stands for; may be none.

    Raises UsageError where the server does not take the pattern for a regular expression.
    """
    try:
        rows = fetch(connection, MATCHES_QUERY, (pattern.name, pattern.schema or "^"))
        oids = {row[0] for row in rows}
    except InvalidRegularExpression as error:
        reason = error.diag.message_primary
        raise UsageError(
            f"{pattern.text!r} is no pattern: {reason}",
            hint="outside double quotes, | + ( ) [ ] { } ^ "
            "mean what they do in a regular expression",
        ) from None
    matches = [relation for oid, relation in relations.by_oid.items() if oid in oids]
    if matches := [r for r in matches if r.visible or pattern.schema is not None]:
        return matches
    model = model_named(models, pattern.text) if pattern.is_plain else None
    schema, name = (model.schema, model.table) if model else ("", pattern.text)
    return [
        relation
        for relation in relations.by_oid.values()
        if relation.name == name
        and (relation.schema == schema if schema else relation.visible)
        and (model or pattern.is_plain)
    ]


def read_relations(connection: Connection, database: Database) -> Relations:
    """Return the relations of a database; visible are those that its user sees without a schema."""
    with search_path(connection, user_search_path(connection, database)):
        schemas = fetch_value(connection, "SELECT pg_catalog.current_schemas(true)::text[]")
    rows = fetch(connection, RELATIONS_QUERY, [schemas])
    found = [_relation(*row) for row in rows]
    children: dict[int, list[Relation]] = {}
    for relation in found:
        for parent in relation.parents:
            children.setdefault(parent, []).append(relation)
    return Relations({relation.oid: relation for relation in found}, children)


def _relation(*row: Any) -> Relation:
    return replace(Relation(*row), extension=row[-2] or "", parents=tuple(row[-1]))


def user_search_path(connection: Connection, database: Database) -> str:
    """Return the search path that the role has of its own, with Prisma's ``?schema=`` before it."""
    with search_path(connection, None):
        own = str(fetch_value(connection, "SHOW search_path"))
    return f"{quote_name(database.schema)}, {own}" if database.schema else own


@contextmanager
def search_path(connection: Connection, path: str | None) -> Iterator[None]:
    """Set the search path inside the block, None for the role's own; afterwards it is empty again."""
    if path is None:
        execute(connection, "RESET search_path")
    else:
        fetch(connection, "SELECT pg_catalog.set_config('search_path', %s, false)", [path])
    yield
    execute(connection, "SET search_path TO ''")


def _chosen(relations: Relations, found: Mapping[int, list[str]]) -> Iterator[ChosenTable]:
    """Yield the tables, without partitions of tables that are there, and with those that inherit."""
    seen: set[int] = set()
    for oid in found:
        ancestors = _partitioned_ancestors(relations, oid)
        if oid in seen or ancestors & found.keys():
            continue
        tree = [relations.by_oid[oid]]
        if tree[0].kind == "r":
            heirs = [heir for heir in relations.descendants(oid) if heir.is_table]
            tree += [heir for heir in heirs if heir.oid not in found]
        for relation in tree:
            if relation.oid not in seen:
                seen.add(relation.oid)
                patterns = tuple(found.get(relation.oid, found[oid]))
                yield _chosen_table(relations, relation, patterns, asked=relation.oid in found)


def _chosen_table(
    relations: Relations, relation: Relation, patterns: tuple[str, ...], *, asked: bool
) -> ChosenTable:
    partitions = relations.descendants(relation.oid) if relation.kind == "p" else []
    if foreign := next((part for part in (relation, *partitions) if part.kind == "f"), None):
        raise UsageError(
            f"{foreign.shown} is a foreign table, part of what {patterns[0]} stands for",
            hint="its rows are another server's: name the other tables themselves",
        )
    return ChosenTable(relation, tuple(partitions), asked, patterns)


def _partitioned_ancestors(relations: Relations, oid: int) -> set[int]:
    relation = relations.by_oid[oid]
    if not relation.is_partition:
        return set()
    return {relation.parents[0]} | _partitioned_ancestors(relations, relation.parents[0])


def _why_not(relation: Relation) -> str:
    if relation.extension:
        return f"{relation.shown} belongs to the extension {relation.extension}, which creates it"
    what, advice = NOT_TABLES[relation.kind]
    return f"{relation.shown} is {what}, no table ({advice})"


def _no_match(text: str, relations: Collection[Relation], models: Iterable[PrismaModel]) -> str:
    tables = {relation.shown: relation for relation in relations if relation.is_table}
    wanted = text.replace('"', "").lower()
    names = {shown.replace('"', "").lower(): shown for shown in tables}
    names |= {relation.name.lower(): shown for shown, relation in tables.items()}
    names |= {model.name.lower(): model.name for model in models if model.table in names}
    near = difflib.get_close_matches(wanted, list(names), n=NEAREST_NAMES, cutoff=0.5)
    nearest = list(dict.fromkeys(names[name] for name in near))
    if not nearest:
        return f"no table is named {text}" + ("" if tables else ": the database has no tables")
    return f"no table is named {text}; there is {', '.join(nearest)}"
