"""What an inventory says of some of its tables. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.inventory import object_name, split_name
from dbsnap.postgres.catalog import plain_quotes

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbsnap.inventory import Inventory

OF_TABLES = frozenset(
    {
        "table",
        "column",
        "index",
        "constraint",
        "not-null constraint",
        "trigger",
        "rule",
        "policy",
        "migration",
    }
)
"""The kinds whose objects are tables, or name the one they belong to."""

KINDS_ABOUT_OTHERS = frozenset({"comment", "privilege"})

ABOUT_TABLES = frozenset({"table", "index", "sequence", "trigger", "rule", "policy"})
"""How the identities of tables, and of what belongs to them, begin (``pg_identify_object``)."""


def only_tables(inventory: Inventory, tables: Collection[str]) -> Inventory:
    """Return what an inventory says of these tables and of all that belongs to them.

    That is columns, indexes, constraints, triggers, rules, policies, migrations, the sequences that they
    own, and comments and privileges on any of these; types, functions and views belong to no table.
    """
    tables = set(tables)
    sequences = {
        name
        for name, facts in inventory.of("sequence").items()
        if owner_of_sequence(facts.get("owned_by")) in tables
    }
    objects = {
        kind: {n: f for n, f in names.items() if f.get("table", n) in tables}
        for kind, names in inventory.objects.items()
        if kind in OF_TABLES
    }
    if "sequence" in inventory.objects:
        objects["sequence"] = {n: inventory.of("sequence")[n] for n in sequences}
    for kind in KINDS_ABOUT_OTHERS & inventory.objects.keys():
        named = {*tables, *sequences, *objects.get("index", ())}
        objects[kind] = {
            n: f
            for n, f in inventory.of(kind).items()
            if f.get("table") in named or _is_about(n, named)
        }
    return replace(inventory, objects=objects)


def owner_of_sequence(owned_by: str | None) -> str:
    """Return the table of the column that owns a sequence, "" where there is none."""
    return object_name(*split_name(plain_quotes(owned_by))[:-1]) if owned_by else ""


def _is_about(comment: str, names: Collection[str]) -> bool:
    """Whether ``index public.i`` or ``trigger t on public.users`` is one of these or on one of them."""
    kind, _, identity = comment.partition(" ")
    if identity.startswith("column "):
        return object_name(*split_name(identity.removeprefix("column "))[:-1]) in names
    on = identity.rpartition(" on ")[2]
    return kind in ABOUT_TABLES and (identity in names or on in names)
