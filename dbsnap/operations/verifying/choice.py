"""Which tables a ``verify`` is about: patterns in, tables of the backup and of the database out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.errors import InvalidRegularExpression

from dbsnap.errors import UsageError
from dbsnap.inventory import object_name, split_name
from dbsnap.operations.table_names import nearest
from dbsnap.postgres.connection import fetch, fetch_value
from dbsnap.postgres.tables.patterns import table_pattern
from dbsnap.postgres.tables.selection import read_relations, search_path, user_search_path
from dbsnap.prisma.models import model_named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from dbsnap.inventory import Inventory
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.tables.patterns import TablePattern
    from dbsnap.postgres.url import Database
    from dbsnap.prisma.models import PrismaModel

MATCHES_QUERY = """
SELECT title FROM unnest(%s::text[], %s::text[], %s::text[]) AS known(title, schema, name)
WHERE name OPERATOR(pg_catalog.~) %s COLLATE pg_catalog.default
    AND schema OPERATOR(pg_catalog.~) %s COLLATE pg_catalog.default
"""

_ONE_OF_SEVERAL = re.compile(r'(?:"(?:[^"]|"")*"|\([^)]*\)|\[[^]]*\]|\{[^}]*\}|[^,])+')


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A table of the backup or of the database; ``visible`` says that its name needs no schema."""

    title: str
    visible: bool


def chosen_tables(
    connection: Connection,
    database: Database,
    patterns: Sequence[str],
    expected: Inventory,
    *,
    models: Sequence[PrismaModel] = (),
    of_tables: bool = False,
) -> frozenset[str]:
    """Return the tables that the patterns stand for, in the backup or in the database, by full name.

    A pattern is what ``backup -t`` takes, several with commas between them, or the name of a Prisma
    model. Partitions come with their table, and with a partition whose rows were dumped as those of its
    table comes that table. A backup ``of_tables`` knows of no others. Raises UsageError for a name that
    matches nothing.
    """
    known, parents = _known(connection, database, expected, of_tables=of_tables)
    chosen: set[str] = set()
    for text in (part for each in patterns for part in names_in(each)):
        found = _matching(connection, table_pattern(text, database=database.name), known, models)
        if not found:
            where = "the backup has no table" if of_tables else "no table on either side is named"
            raise UsageError(f"{where} {text}", hint=nearest(text, known))
        chosen |= found
    tables = expected.of("table")
    counted_with = {
        parent
        for title in chosen
        if tables.get(title, {}).get("form") == "table" and "rows" not in tables[title]
        for parent in _ancestors(title, parents)
    }
    chosen |= counted_with
    return frozenset(chosen | {t for t in known if chosen & _ancestors(t, parents)})


def names_in(text: str) -> list[str]:
    """Return the names in a list with commas: not those within quotes or an expression's brackets."""
    return [name.strip() for name in _ONE_OF_SEVERAL.findall(text) if name.strip()] or [text]


def _known(
    connection: Connection, database: Database, expected: Inventory, *, of_tables: bool
) -> tuple[dict[str, KnownTable], dict[str, Collection[str]]]:
    """Return the tables of both sides by name, and what each is a partition or an heir of."""
    with search_path(connection, user_search_path(connection, database)):
        path = fetch_value(connection, "SELECT pg_catalog.current_schemas(true)::text[]")
    recorded = expected.of("table")
    known = {title: KnownTable(title, split_name(title)[0] in path) for title in recorded}
    parents: dict[str, Collection[str]] = {
        title: facts.get("parents") or () for title, facts in recorded.items()
    }
    relations = read_relations(connection, database)
    for relation in relations.by_oid.values():
        if relation.kind in "rpf" and (relation.title in recorded or not of_tables):
            known[relation.title] = KnownTable(relation.title, relation.visible)
            above = [relations.by_oid[oid].title for oid in relation.parents]
            parents[relation.title] = {*parents.get(relation.title, ()), *above}
    return known, parents


def _matching(
    connection: Connection,
    pattern: TablePattern,
    known: Mapping[str, KnownTable],
    models: Iterable[PrismaModel],
) -> set[str]:
    names = [split_name(title) for title in known]
    columns = [list(known), [name[0] for name in names], [name[-1] for name in names]]
    try:
        rows = fetch(connection, MATCHES_QUERY, [*columns, pattern.name, pattern.schema or "^"])
    except InvalidRegularExpression as error:
        raise UsageError(
            f"{pattern.text!r} is no pattern: {error.diag.message_primary}",
            hint="put a name with unusual characters into double quotes",
        ) from None
    found = {row[0] for row in rows if pattern.schema is not None or known[row[0]].visible}
    if found or not pattern.is_plain:
        return found
    if model := model_named(list(models), pattern.text):
        return {object_name(model.schema or "public", model.table)} & known.keys()
    return {t for t in known if known[t].visible and split_name(t)[-1] == pattern.text}


def _ancestors(title: str, parents: Mapping[str, Collection[str]]) -> set[str]:
    above = set(parents.get(title, ()))
    return above.union(*(_ancestors(parent, parents) for parent in above))
