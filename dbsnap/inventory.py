"""What a database holds, as plain data, and the one comparison that every promise rests on.

An inventory maps *kind* → *name* → *facts*. Facts are JSON values, so an inventory is recorded and
read back as it is. The kinds, and the facts by which objects of each kind are compared:

===================  ============================================================================
kind                 facts (``table`` always names the table an object belongs to)
===================  ============================================================================
schema               (its name)
extension            version, schema
type                 definition
table                form, columns in their own kind, rows, content, persistence, partitioning, …
column               table, position, type, nullable, default, generated, identity, collation
index                table, definition, valid
constraint           table, type, definition, validated, enforced, inherited (no dump states it)
not-null constraint  table, definition, validated, inherited (named since PostgreSQL 18)
sequence             last_value, is_called, owned_by, data_type, start, increment, …
view                 definition, options
materialized view    definition, options, populated, rows, content
function             definition, language (procedures, aggregates and window functions too)
trigger              table, definition, enabled
rule                 table, definition, enabled
policy               table, definition
event trigger        definition, enabled
other                type (casts, operators, collations, publications, statistics, …), definition
comment              text
large objects        one entry named ``all``: count, content
migration            checksum, state (of Prisma's ``_prisma_migrations``, row by row)
privilege            owner, acl
===================  ============================================================================

``rows`` is an exact count. ``content`` is the fingerprint of a table's COPY text (see
``dumpfile.frames``); that of a materialized view is taken on the server (``postgres.catalog``), because
no dump has its rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dbsnap.report import Finding
from dbsnap.wording import same_privileges, same_wording

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbsnap.report import FindingKind

Facts = dict[str, Any]
Objects = dict[str, dict[str, Facts]]

KINDS_IN_DUMPS = (
    "schema",
    "extension",
    "type",
    "table",
    "column",
    "index",
    "constraint",
    "not-null constraint",
    "sequence",
    "view",
    "materialized view",
    "function",
    "trigger",
    "rule",
    "policy",
    "event trigger",
    "large objects",
)
"""The kinds whose objects a dump's statements define; the others only a database can tell of."""

KINDS_IN_DATABASES = (*KINDS_IN_DUMPS, "other", "comment", "privilege", "migration")
"""All kinds: what the backup of a whole database has looked at."""

NAMED_NOT_NULL_SINCE = 180000
"""The first ``server_version_num`` whose NOT NULL constraints are objects."""

ALL_LARGE_OBJECTS = "all"
"""The name of the one entry of kind ``large objects``."""

WORDED_FACTS = frozenset({"definition", "default", "generated", "partition_bound", "partition_key"})
"""Facts that hold SQL as a server words it, which differs between PostgreSQL majors."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one database, one dump file or one record holds.

    ``server_version`` is PostgreSQL's ``server_version_num`` (180006), 0 when unknown. A kind that
    is absent from ``objects`` was not looked at; an empty mapping says that there are none. A fact
    that is absent is nothing (SQL's NULL), unless the inventory is ``partial``: one read out of a dump
    file knows only what the file states.
    """

    server_version: int
    objects: Objects = field(default_factory=dict)
    partial: bool = False

    def of(self, kind: str) -> dict[str, Facts]:
        """Return the objects of one kind by name; empty when there are none or none were read."""
        return self.objects.get(kind, {})

    def total_rows(self) -> int:
        """Return the exact number of rows in all tables together."""
        return sum(facts.get("rows") or 0 for facts in self.of("table").values())

    def with_facts(self, kind: str, name: str, **facts: Any) -> Inventory:
        """Return a copy in which one object has these facts added or replaced."""
        of_kind = self.of(kind)
        entry = {**of_kind.get(name, {}), **facts}
        return replace(self, objects={**self.objects, kind: {**of_kind, name: entry}})

    def without(self, kinds: Collection[str]) -> Inventory:
        """Return a copy that does not speak of these kinds."""
        kept = {kind: names for kind, names in self.objects.items() if kind not in kinds}
        return replace(self, objects=kept)


PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*\Z")


READABLE_NAME = re.compile(r"[^\W\d][\w$]*\Z")
NAME_PART = re.compile(r'(?:\A|(?<=\.))(?:"((?:[^"]|"")*)"|([^".]+))(?=\.|\Z)')


def object_name(*parts: str) -> str:
    """Join the parts of an object's name, each quoted as SQL would where it is not plain.

    Unlike the server's ``quote_ident`` this does not depend on a list of keywords, which differs
    between majors: ``object_name("public", "user")`` is ``public.user`` everywhere.
    """
    return ".".join(map(_quoted_if_needed, parts))


@lru_cache(maxsize=1 << 14)
def _quoted_if_needed(part: str) -> str:
    return part if PLAIN_NAME.match(part) else '"' + part.replace('"', '""') + '"'


def split_name(name: str) -> tuple[str, ...]:
    """Return the parts that ``object_name`` joined."""
    if '"' not in name:  # as the pattern would find them, five times as fast
        return tuple(filter(None, name.split(".")))
    return tuple(
        quoted.replace('""', '"') if quoted or not plain else plain
        for quoted, plain in NAME_PART.findall(name)
    )


def short_name(name: str) -> str:
    """Return the name as people know it: without the schema ``public``, quoted only where needed."""
    parts = split_name(name)
    if object_name(*parts) != name:  # a function's arguments, or an identity in the server's words
        return name.removeprefix("public.")
    shown = [part if READABLE_NAME.match(part) else object_name(part) for part in parts]
    return ".".join(shown[1:] if len(parts) > 1 and parts[0] == "public" else shown)


def compare(
    expected: Inventory,
    actual: Inventory,
    *,
    require: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """Return every difference between two inventories; an empty list means that they agree.

    Only kinds that both have read are compared; where one side is partial, only facts that both know.
    ``require`` lists the (kind, fact) pairs that the caller's promise rests on: an object for which one
    side does not know such a fact becomes a ``not-compared`` finding, so that a check which could not
    run never passes. Objects of a table that is itself missing or unexpected are not listed again.
    """
    findings: list[Finding] = []
    partial = expected.partial or actual.partial
    lost_tables = _names_only_in(expected, actual, "table")
    new_tables = _names_only_in(actual, expected, "table")
    for kind in expected.objects:
        if kind not in actual.objects:
            continue
        needed = {fact for required_kind, fact in require if required_kind == kind}
        here, there = expected.of(kind), actual.of(kind)
        for name, facts in here.items():
            found = there.get(name)
            if found is None:
                if kind == "table" or facts.get("table") not in lost_tables:
                    findings.append(_finding("missing", kind, name, _gone(kind, name, facts)))
            elif facts != found and not (
                partial and found.items() <= facts.items() and needed <= found.keys()
            ):
                both = (expected, actual)
                findings.extend(_compare_facts(kind, name, facts, found, needed, both))
        for name, facts in there.items():
            if name in here:
                continue
            if kind == "table" or facts.get("table") not in new_tables:
                message = _unexpected(kind, name, facts)
                findings.append(_finding("unexpected", kind, name, message))
    return findings


def _names_only_in(one: Inventory, other: Inventory, kind: str) -> set[str]:
    return set(one.of(kind)) - set(other.of(kind)) if kind in other.objects else set()


def _compare_facts(
    kind: str,
    name: str,
    expected: Facts,
    actual: Facts,
    needed: set[str],
    sides: tuple[Inventory, Inventory],
) -> list[Finding]:
    partial = sides[0].partial or sides[1].partial
    known = expected.keys() & actual.keys() if partial else expected.keys() | actual.keys()
    same_major = sides[0].server_version // 10000 == sides[1].server_version // 10000
    findings = []
    for fact in sorted(known | needed):
        before, now = expected.get(fact), actual.get(fact)
        if fact in needed and (before is None) != (now is None):
            message = f"{_title(kind, name, expected)}: {fact} could not be compared"
            findings.append(_finding("not-compared", kind, name, message, fact))
        elif _same_fact(fact, before, now, same_major=same_major):
            continue
        elif fact == "content" and expected.get("rows") != actual.get("rows"):
            continue  # the row count already says it
        else:
            message = _changed(_title(kind, name, expected), fact, before, now)
            findings.append(_finding("different", kind, name, message, fact))
    return findings


def _same_fact(fact: str, expected: Any, actual: Any, *, same_major: bool) -> bool:
    if expected == actual:
        return True
    if fact == "acl":
        return same_privileges(expected, actual, same_major=same_major)
    return fact in WORDED_FACTS and same_wording(expected, actual, same_major=same_major)


def _finding(
    finding_kind: FindingKind, kind: str, name: str, message: str, fact: str = ""
) -> Finding:
    return Finding(finding_kind, f"{kind} {name}", message, fact=fact)


def _title(kind: str, name: str, facts: Facts) -> str:
    if kind == "table":
        return short_name(name)
    if kind == "large objects":
        return "large objects"
    if kind == "constraint":
        return f"{facts.get('type', kind)} {split_name(name)[-1]}"
    return f"{kind} {short_name(name)}"


def _gone(kind: str, name: str, facts: Facts) -> str:
    if kind == "constraint":
        return f"{_title(kind, name, facts)} of {short_name(facts.get('table', '?'))} is gone"
    return f"{'table ' if kind == 'table' else ''}{_title(kind, name, facts)} is gone"


def _unexpected(kind: str, name: str, facts: Facts) -> str:
    if kind == "constraint":
        table = short_name(facts.get("table", "?"))
        return f"{_title(kind, name, facts)} of {table} is not in the backup"
    return f"{'table ' if kind == 'table' else ''}{_title(kind, name, facts)} is not in the backup"


def _changed(title: str, fact: str, expected: Any, actual: Any) -> str:
    match fact:
        case "rows":
            return f"{title}: {_row_difference(expected or 0, actual or 0)}"
        case "content":
            return f"{title}: the content differs"
        case "valid" | "validated" | "populated" | "enforced" | "clustered":
            return f"{title} is {'' if actual else 'not '}{fact}"
        case _:
            label = fact.replace("_", " ")
            return f"{title}: {label} is {_shown(actual)}, was {_shown(expected)}"


def _row_difference(expected: int, actual: int) -> str:
    count = abs(expected - actual)
    rows = "row" if count == 1 else "rows"
    what = "missing" if actual < expected else "more than in the backup"
    return f"{count:,} {rows} {what} ({actual:,} instead of {expected:,})"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "nothing" if value is None else str(value).strip()
    return text if len(text) <= 200 else text[:197] + "…"
