"""Which differences matter for which promise. Pure: inventories in, inventories and findings out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.definitions import stated_in_dump
from dbsnap.inventory import Facts, Inventory, compare, short_name
from dbsnap.operations.comparing.materialized_views import computed_anew, views_known_to_both
from dbsnap.report import Finding, softened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

COUNTED = (("table", "rows"),)
"""What every backup must know of every table: its exact number of rows."""

PROVED = (("table", "rows"), ("table", "content"))
"""What a verification must know of every table: its exact number of rows, and their content."""

WITH_CONTENT = frozenset({"table", "materialized view", "large objects"})
"""The kinds whose objects have a fingerprint of their content."""

ROWS = frozenset({"rows", "content"})
"""What is known of the rows of one table or materialized view."""


def without_invalid_indexes(inventory: Inventory) -> tuple[Inventory, list[Finding]]:
    """Leave out the indexes that pg_dump leaves out, and say so.

    pg_dump skips indexes that are not valid, unless they are partitioned (``getIndexes`` in pg_dump.c):
    what a failed CREATE INDEX CONCURRENTLY left behind is in no dump.
    """
    skipped = {
        name
        for name, facts in inventory.of("index").items()
        if not facts.get("valid", True) and not facts.get("partitioned")
    }
    if not skipped:
        return inventory, []
    kept = {name: facts for name, facts in inventory.of("index").items() if name not in skipped}
    notes = [
        Finding(
            "advice",
            f"index {name}",
            f"index {short_name(name)} is invalid, so pg_dump leaves it out: "
            "drop it, or build it again with REINDEX",
            severity="warning",
        )
        for name in sorted(skipped)
    ]
    return replace(inventory, objects={**inventory.objects, "index": kept}), notes


def with_dumped_sequences(
    expected: Inventory, dumped: Inventory, before: Mapping[str, int]
) -> tuple[Inventory, list[Finding]]:
    """Take the sequences' values from the dump, where they may have moved on since the snapshot.

    Sequences are not transactional: pg_dump reads them when it comes to them, whatever its snapshot.
    A value that is missing from the dump, or lies behind the one that the sequence had given ``before``
    the dump began, is a finding (pg_dump 18.0 and 18.1 lost values for roles without rights on the
    sequence). ``expected`` was read meanwhile: only of a sequence that has never given a value it says
    what the dump must have.
    """
    findings = []
    sequences: dict[str, Facts] = {}
    for name, facts in expected.of("sequence").items():
        now = dumped.of("sequence").get(name, {})
        if "last_value" not in now:
            findings.append(_sequence_finding("missing", name, "its value is not in the dump"))
            sequences[name] = facts
            continue
        value = before.get(name, None if facts.get("is_called") else facts.get("last_value"))
        if value is not None and _behind(facts, value, now):
            message = f"the dump has {now['last_value']}, it was {value} before"
            findings.append(_sequence_finding("different", name, message))
        sequences[name] = {**facts, "last_value": now["last_value"], "is_called": now["is_called"]}
    return replace(expected, objects={**expected.objects, "sequence": sequences}), findings


def with_partitions_folded(inventory: Inventory, roots: Collection[str]) -> Inventory:
    """Count the rows of these partitioned tables' partitions as the partitioned table's own.

    pg_dump loads hash partitions by enum through the table they are part of, because rows may fall into
    other partitions after a restore (``getPartitioningInfo`` in pg_dump.c): what a partition holds is
    then nothing that a dump promises.
    """
    tables = dict(inventory.of("table"))
    for root in roots:
        leaves = [name for name in tables if root in _ancestors(name, tables)]
        rows = sum(tables[leaf].get("rows") or 0 for leaf in leaves)
        for leaf in leaves:
            tables[leaf] = {k: v for k, v in tables[leaf].items() if k not in {"rows", "content"}}
        if root in tables and leaves:
            tables[root] = {**tables[root], "rows": rows}
    return replace(inventory, objects={**inventory.objects, "table": tables})


def loaded_through_root(inventory: Inventory, dumped_tables: Iterable[str]) -> set[str]:
    """Return the partitioned tables whose rows a dump holds under their own name."""
    tables = inventory.of("table")
    return {t for t in dumped_tables if tables.get(t, {}).get("form") == "partitioned table"}


def _ancestors(name: str, tables: Mapping[str, Facts]) -> set[str]:
    parents = set(tables.get(name, {}).get("parents") or ())
    return parents.union(*(_ancestors(parent, tables) for parent in parents))


def with_content(inventory: Inventory, content: Mapping[str, str | None]) -> Inventory:
    """Return the inventory with each table's fingerprint of content added, or taken away by None."""
    tables = {
        name: {**facts, "content": content[name]} if name in content else facts
        for name, facts in inventory.of("table").items()
    }
    return replace(inventory, objects={**inventory.objects, "table": tables})


def without_content(inventory: Inventory) -> Inventory:
    """Return the inventory without any fingerprint, for a comparison of counts alone."""
    objects = dict(inventory.objects)
    for kind in WITH_CONTENT & objects.keys():
        objects[kind] = {
            name: {fact: value for fact, value in facts.items() if fact != "content"}
            for name, facts in objects[kind].items()
        }
    return replace(inventory, objects=objects)


def restore_differences(
    expected: Inventory, actual: Inventory, *, privileges: bool
) -> list[Finding]:
    """Compare a backup with what was restored from it.

    Owners and grants are compared only where they were applied. Warnings only are what no dump carries:
    an extension comes back in the version that the server has, and a foreign key whose triggers were
    disabled comes back enforced. The rows of materialized views are computed anew, so that one which was
    out of date at the backup comes back up to date: a note.
    """
    expected, notes = without_invalid_indexes(expected)
    if not privileges:
        expected = expected.without(["privilege"])
    findings = [computed_anew(finding) for finding in live_differences(expected, actual)]
    findings = softened(findings, "extension", "version")
    return [*notes, *softened(findings, "constraint", "enforced")]


def live_differences(
    expected: Inventory,
    actual: Inventory,
    *,
    required: Collection[tuple[str, str]] = PROVED,
) -> list[Finding]:
    """Compare a backup with the live database; everything that both know is compared.

    What was read out of a dump without a record says nothing of objects that no dump states. A server of
    another major has other versions of extensions: those are warnings.
    """
    actual = stated_in_dump(actual) if expected.partial else actual
    expected, actual, notes = views_known_to_both(expected, actual)
    findings = [*compare(expected, actual, require=required), *notes]
    if expected.server_version // 10000 != actual.server_version // 10000:
        return softened(findings, "extension", "version")
    return findings


def messages(findings: Iterable[Finding]) -> str:
    """Return the first findings as one line."""
    listed = [finding.message for finding in findings]
    return "; ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _behind(facts: Facts, before: int, now: Facts) -> bool:
    if facts.get("cycle"):
        return False
    step = now["last_value"] - before
    return bool(step < 0 if facts.get("increment", 1) > 0 else step > 0)


def _sequence_finding(kind: str, name: str, what: str) -> Finding:
    title = f"sequence {name}"
    message = f"sequence {short_name(name)}: {what}"
    return Finding("missing" if kind == "missing" else "different", title, message)
