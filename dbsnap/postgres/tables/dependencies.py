"""What tables need before they can be created, and what belongs to them, by the server's own account.

``pg_depend`` says what each object needs (documentation, "pg_depend"); the further edges are those
that it words the other way round or not at all: a composite type's fields, a view's query, a table's
defaults and checks, the operators of an operator class. What the text of a function calls is nowhere
recorded: functions whose names stand in it, followed by a parenthesis, are only guessed at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.postgres.connection import fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from dbsnap.postgres.connection import Connection

Address = tuple[int, int]
"""A catalogue's object id and an object's in it, as ``pg_dump`` puts them into its archives."""

NEEDED_QUERY = """
WITH RECURSIVE needed(root, classid, objid) AS (
    SELECT * FROM unnest(%s::int[], %s::oid[], %s::oid[])
    UNION
    SELECT root, next.classid, next.objid FROM needed CROSS JOIN LATERAL (
        SELECT refclassid, refobjid FROM pg_catalog.pg_depend AS edge
        WHERE edge.classid = needed.classid AND edge.objid = needed.objid
            AND deptype IN ('n', 'a', 'i', 'x', 'e')
            -- What an extension holds comes with the extension and needs nothing else.
            AND (deptype = 'e' OR NOT EXISTS (
                SELECT FROM pg_catalog.pg_depend AS member
                WHERE member.classid = needed.classid AND member.objid = needed.objid
                    AND member.deptype = 'e'))
            -- A partition is a table without its parent, and a sequence one without its owner.
            AND NOT (edge.classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                AND deptype IN ('a', 'i')
                AND EXISTS (SELECT FROM pg_catalog.pg_class AS dependent
                            WHERE dependent.oid = edge.objid AND relkind IN ('r', 'p', 'S')))
        UNION ALL
        SELECT 'pg_class'::regclass, typrelid FROM pg_catalog.pg_type
        WHERE needed.classid = 'pg_type'::regclass AND oid = needed.objid AND typrelid <> 0
        UNION ALL
        SELECT 'pg_constraint'::regclass, oid FROM pg_catalog.pg_constraint
        WHERE (needed.classid = 'pg_type'::regclass AND contypid = needed.objid)
            OR (needed.classid = 'pg_class'::regclass AND conrelid = needed.objid
                AND contype IN ('c', 'n'))
        UNION ALL
        SELECT 'pg_attrdef'::regclass, oid FROM pg_catalog.pg_attrdef
        WHERE needed.classid = 'pg_class'::regclass AND adrelid = needed.objid
        UNION ALL
        SELECT 'pg_rewrite'::regclass, oid FROM pg_catalog.pg_rewrite
        WHERE needed.classid = 'pg_class'::regclass AND ev_class = needed.objid
            AND rulename = '_RETURN'
        UNION ALL
        SELECT part.classid, part.objid FROM pg_catalog.pg_depend AS part
        WHERE part.refclassid = needed.classid AND part.refobjid = needed.objid
            AND needed.classid IN ('pg_opclass'::regclass, 'pg_opfamily'::regclass)
            AND part.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)
    ) AS next(classid, objid)
)
SELECT root, classid::bigint, objid::bigint FROM needed
"""

CALLED_QUERY = """
SELECT DISTINCT callee.oid::bigint FROM pg_catalog.pg_proc AS caller
JOIN pg_catalog.pg_language AS language
    ON language.oid = caller.prolang AND lanname IN ('sql', 'plpgsql')
CROSS JOIN LATERAL pg_catalog.regexp_matches(
    caller.prosrc, '([[:alpha:]_][[:alnum:]_$]*)"?[[:space:]]*[(]', 'g') AS word
JOIN pg_catalog.pg_proc AS callee ON callee.proname IN (word[1], lower(word[1]))
WHERE caller.oid = ANY (%s) AND callee.oid >= 16384
"""

PG_CLASS = 1259
PG_PROC = 1255
"""Object ids of catalogues, the same on every server (``pg_class.h``, ``pg_proc.h``)."""

CALLS_FOLLOWED = 8
"""How many times what a called function calls is looked for, too."""


def needed_by(
    connection: Connection, roots: Sequence[Collection[Address]]
) -> list[frozenset[Address]]:
    """Return for each group of objects all that they need, themselves included."""
    rows = [(number, *address) for number, group in enumerate(roots) for address in group]
    found: list[set[Address]] = [set() for _ in roots]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    for number, catalogue, oid in fetch(connection, NEEDED_QUERY, columns):
        found[number].add((catalogue, oid))
    return [frozenset(group) for group in found]


def functions_called(
    connection: Connection, known: Iterable[Address]
) -> dict[int, frozenset[Address]]:
    """Return the functions that the texts of known ones seem to call, each with all that it needs.

    A name in a text may mean nothing, or another function of that name: nothing depends on these.
    """
    seen = {oid for catalogue, oid in known if catalogue == PG_PROC}
    found: dict[int, frozenset[Address]] = {}
    callers = set(seen)
    for _ in range(CALLS_FOLLOWED):
        called = {row[0] for row in fetch(connection, CALLED_QUERY, [list(callers)])} - seen
        if not called:
            break
        seen |= called
        needs = needed_by(connection, [[(PG_PROC, oid)] for oid in called])
        found |= dict(zip(called, needs, strict=True))
        callers = called
    return found
