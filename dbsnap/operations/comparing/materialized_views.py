"""What is promised of the rows of materialized views, which no dump has. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.inventory import Inventory, short_name
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable


def views_known_to_both(
    expected: Inventory, actual: Inventory
) -> tuple[Inventory, Inventory, list[Finding]]:
    """Leave out the rows of a materialized view where one side does not know them, and say so.

    A role needs no right on a view to dump its definition, and so may not have been able to read it.
    Of a view that is not populated its facts say so already.
    """
    before, now = expected.of("materialized view"), actual.of("materialized view")
    unknown = [
        name
        for name in before.keys() & now.keys()
        if ("rows" in before[name]) != ("rows" in now[name])
    ]
    if not unknown or expected.partial:
        return expected, actual, []
    notes = [
        Finding(
            "advice",
            f"materialized view {name}",
            f"materialized view {short_name(name)}: its rows are not compared, "
            "because they could not be read, now or at the backup",
            severity="note",
        )
        for name in sorted(unknown)
        if before[name].get("populated") and now[name].get("populated")
    ]
    return _without_rows(expected, unknown), _without_rows(actual, unknown), notes


def _without_rows(inventory: Inventory, views: Iterable[str]) -> Inventory:
    bare = {
        name: {
            f: v
            for f, v in inventory.of("materialized view")[name].items()
            if f not in {"rows", "content"}
        }
        for name in views
    }
    kept = {**inventory.of("materialized view"), **bare}
    return replace(inventory, objects={**inventory.objects, "materialized view": kept})


def computed_anew(finding: Finding) -> Finding:
    """Return a finding of a restored database; a note where it is about a view's rows.

    A restore computes them anew: a view that was out of date at the backup comes back up to date.
    """
    if finding.object.startswith("materialized view ") and finding.fact in {"rows", "content"}:
        message = (
            f"{finding.message}: a restore computes it anew; it was out of date at the backup, "
            "or its query does not give the same rows twice"
        )
        return replace(finding, message=message, severity="note")
    return finding
