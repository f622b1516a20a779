"""What a database holds, read as an Inventory with a fixed number of queries.

Every question is asked through ``Ask``, so that the same queries serve a connection of dbsnap's own
and a psql that holds an uncommitted restore (``postgres.verified_commit``).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from dbsnap.inventory import (
    ALL_LARGE_OBJECTS,
    KINDS_IN_DUMPS,
    NAMED_NOT_NULL_SINCE,
    PLAIN_NAME,
    Facts,
    Inventory,
    Objects,
    object_name,
    split_name,
)
from dbsnap.postgres.asking import Ask, CopiedRows, Name, in_batches
from dbsnap.postgres.quoting import quote_literal, quote_name
from dbsnap.postgres.row_counts import add_row_counts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from importlib.resources.abc import Traversable

KINDS = (*KINDS_IN_DUMPS, "other", "comment", "privilege")
"""The kinds with a query of their own, ``catalog_queries/<kind>.sql``."""

QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"')

MIGRATIONS_TABLE = "_prisma_migrations"

LARGE_OBJECTS_CONTENT = """
SELECT to_jsonb(md5(string_agg(oid::text || ':' || md5(pg_catalog.lo_get(oid)), ',' ORDER BY oid)))
FROM pg_catalog.pg_largeobject_metadata
HAVING count(*) > 0
"""

READABLE_VIEWS = """
SELECT jsonb_build_array(nspname, relname)
FROM pg_catalog.pg_class AS view
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relnamespace
WHERE relkind = 'm' AND relispopulated
    AND has_schema_privilege(schema.oid, 'USAGE') AND has_table_privilege(view.oid, 'SELECT')
"""

VIEW_CONTENT = """
    coalesce(sum(('x' || left(encode(sha256(CASE
        WHEN current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII')
        THEN decode(replace(ROW(r.*)::text, chr(92), repeat(chr(92), 2)), 'escape')
        ELSE convert_to(ROW(r.*)::text, 'UTF8') END), 'hex'), 16))::bit(64)::bigint), 0)::text
"""
"""The sum over a view's rows of 64 bits of each row's sha256: it depends on no order.

md5 would be missing where OpenSSL is held to FIPS; the hash functions of the server differ between
processors.
"""

RELATIONS_OF_TABLES = """
WITH relation AS (
    SELECT found.oid
    FROM jsonb_array_elements({tables}::jsonb) AS wanted
    JOIN pg_catalog.pg_namespace AS schema ON nspname = wanted ->> 0
    JOIN pg_catalog.pg_class AS found ON relnamespace = schema.oid AND relname = wanted ->> 1
)
SELECT to_jsonb(oid::int8) FROM relation
UNION ALL
SELECT to_jsonb(objid::int8)
FROM pg_catalog.pg_depend
JOIN relation ON relation.oid = refobjid
JOIN pg_catalog.pg_sequence ON seqrelid = objid
WHERE classid = 'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_class'::regclass
    AND deptype IN ('a', 'i')
"""

TABLES_WITH_ROWS = """
SELECT nspname, relname FROM user_relation WHERE relkind IN ('r', 'p')
UNION ALL
SELECT schema.nspname, relation.relname
FROM pg_catalog.pg_extension
CROSS JOIN LATERAL unnest(extconfig) AS config(oid)
JOIN pg_catalog.pg_class AS relation ON relation.oid = config.oid AND relation.relkind = 'r'
JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
"""
"""The tables whose rows, or whose parts' rows, a whole-database dump carries."""

ANY_RELATION = "/* of these relations only */ true"
"""What stands in the queries where they can be narrowed."""


def read_inventory(
    ask: Ask,
    server_version: int,
    *,
    copied_rows: CopiedRows | None = None,
    content: bool = True,
    relations: Collection[int] | None = None,
) -> Inventory:
    """Return everything a database holds, with exact row counts, as this session sees it.

    The session must have the pinned settings and, for a consistent answer, one snapshot. The number of
    queries depends on the number of tables only by ``asking.RELATIONS_PER_QUERY``. Fingerprints of
    tables are not read here (``postgres.content``); those of large objects and materialized views are,
    where ``content`` is wanted. ``copied_rows``, where the session has it, makes it quicker to count the
    rows of very many tables. With ``relations`` (object ids) only those are read, and counted, as in
    ``read_definitions``; what belongs to no relation comes along.
    """
    kinds = KINDS if relations is None else [kind for kind in KINDS if kind != "large objects"]
    objects, names = read_definitions(ask, server_version, kinds=kinds, relations=relations)
    add_row_counts(ask, copied_rows, objects["table"], names)
    _add_sequence_values(ask, objects["sequence"], names)
    _add_view_rows(ask, objects["materialized view"], names, content=content)
    if content and "large objects" in objects:
        for digest in ask(LARGE_OBJECTS_CONTENT):  # no row where there are none
            objects["large objects"][ALL_LARGE_OBJECTS]["content"] = digest
    objects["migration"] = _read_migrations(ask, names, objects["table"])
    return Inventory(server_version, objects)


def read_definitions(
    ask: Ask,
    server_version: int,
    *,
    kinds: Sequence[str] = KINDS,
    relations: Collection[int] | None = None,
) -> tuple[Objects, dict[str, Name]]:
    """Return what defines every object; schema and name of each table, sequence, materialized view.

    Nothing is read of the tables and sequences themselves, so no right on them is needed, but the
    server locks a table to word what belongs to it. With ``relations`` (object ids) only those, their
    indexes, and what belongs to no relation are looked at.
    """
    objects: Objects = {}
    names: dict[str, Name] = {}
    table_of = cache(object_name)  # one name for all that belongs to a table, not a copy for each
    for kind in kinds:
        if kind == "not-null constraint" and server_version < NAMED_NOT_NULL_SINCE:
            continue
        objects[kind] = {}
        for path, suffix, table_path, facts in ask(_query(kind, relations)):
            name = object_name(*path) + (settled_identity(suffix) if suffix else "")
            if table_path:
                facts["table"] = table_of(*table_path)
            if "parents" in facts:
                facts["parents"] = [plain_quotes(parent) for parent in facts["parents"]]
            if kind in {"table", "sequence", "materialized view"}:
                names[name] = (path[0], path[1])
            objects[kind][name] = facts
    return objects, names


def list_tables(ask: Ask) -> list[Name]:
    """Return schema and name of every table whose rows a whole-database dump carries."""
    common = (_queries() / "_common.sql").read_text()
    found = ask(
        f"SELECT jsonb_build_array(nspname, relname) FROM (\n{common}{TABLES_WITH_ROWS}) AS found"
    )
    return [(schema, name) for schema, name in found]


def relations_of(ask: Ask, tables: Iterable[str]) -> list[int]:
    """Return the object ids of these tables (an inventory's names) and of the sequences they own.

    Those that are not there are left out.
    """
    named = json.dumps([split_name(table) for table in tables], ensure_ascii=False)
    return list(ask(RELATIONS_OF_TABLES.format(tables=quote_literal(named))))


def settled_identity(identity: str) -> str:
    """Return what ``pg_identify_object`` says in the words that all majors could have used."""
    return plain_quotes(identity).replace(" on language ", " language ")


def plain_quotes(identity: str) -> str:
    """Remove quotes that a server put around a plain name because its major calls it a keyword."""
    return QUOTED_NAME.sub(
        lambda quoted: quoted[1] if PLAIN_NAME.match(quoted[1]) else quoted[0], identity
    )


def _queries() -> Traversable:
    return resources.files("dbsnap.postgres") / "catalog_queries"


def _query(kind: str, relations: Collection[int] | None = None) -> str:
    folder = _queries()
    common = (folder / "_common.sql").read_text()
    if relations is not None:
        oids = f"ARRAY[{', '.join(map(str, relations))}]::oid[]"
        own = f"relation.oid = ANY ({oids})"
        indexes = f"SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = ANY ({oids})"
        common = common.replace(ANY_RELATION, f"{own} OR relation.oid IN ({indexes})")
    own = (folder / (re.sub(r"[ -]", "_", kind) + ".sql")).read_text()
    return (
        "SELECT json_build_array(path, suffix, table_path, jsonb_strip_nulls(facts)) FROM (\n"
        f"{common}{own}) AS object(path, suffix, table_path, facts)"
    )


def _add_sequence_values(ask: Ask, sequences: dict[str, Facts], names: dict[str, Name]) -> None:
    for batch in in_batches(list(sequences)):
        selects = [
            f"SELECT jsonb_build_array({index}, last_value, is_called) "
            f"FROM {quote_name(*names[name])}"
            for index, name in enumerate(batch)
        ]
        for index, last_value, is_called in ask("\nUNION ALL ".join(selects)):
            sequences[batch[index]].update(last_value=last_value, is_called=is_called)


def _add_view_rows(
    ask: Ask, views: dict[str, Facts], names: dict[str, Name], *, content: bool
) -> None:
    """Add how many rows each materialized view has, and their fingerprint where it is wanted.

    Left as they are: views that are not populated, and those that this role may not read.
    """
    readable = {(schema, name) for schema, name in ask(READABLE_VIEWS)} if views else set()
    wanted = [name for name in views if names[name] in readable]
    digest = VIEW_CONTENT if content else "NULL"
    for batch in in_batches(wanted):
        selects = [
            f"SELECT jsonb_build_array({index}, count(*), {digest}) "
            f"FROM ONLY {quote_name(*names[name])} AS r"
            for index, name in enumerate(batch)
        ]
        for index, rows, total in ask("\nUNION ALL ".join(selects)):
            views[batch[index]] |= {"rows": rows, **({"content": total} if total else {})}


def _read_migrations(
    ask: Ask, names: dict[str, Name], tables: dict[str, Facts]
) -> dict[str, Facts]:
    """Read Prisma's history tables row by row (schema-engine, ``_prisma_migrations``).

    ``finished_at`` is set on success only; with both it and ``rolled_back_at`` NULL a migration failed
    or still runs. One migration can stand there several times, so names are numbered by time.
    """
    migrations: dict[str, Facts] = {}
    for name, (schema, relation) in names.items():
        if relation != MIGRATIONS_TABLE or tables.get(name, {}).get("form") != "table":
            continue
        query = f"SELECT to_jsonb(m) - 'logs' FROM ONLY {quote_name(schema, relation)} AS m"
        rows = sorted(ask(query), key=lambda row: (str(row.get("started_at")), str(row.get("id"))))
        for row in rows:
            own_name = str(row.get("migration_name"))
            title = own_name if schema == "public" else f"{schema}: {own_name}"
            unique, number = title, 2
            while unique in migrations:
                unique, number = f"{title} (entry {number})", number + 1
            migrations[unique] = {**row, "table": name, "state": _migration_state(row)}
    return migrations


def _migration_state(row: Facts) -> str:
    if row.get("rolled_back_at") is not None:
        return "rolled back"
    return "applied" if row.get("finished_at") is not None else "failed"
