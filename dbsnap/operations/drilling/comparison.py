"""The one comparison of two inventories, as the questions that people ask of a backup. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun, VerificationFailed
from dbsnap.operations.migrations import restored_migrations
from dbsnap.report import Finding, errors_in, not_compared
from dbsnap.reports.outcome import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.inventory import Inventory
    from dbsnap.operations.migrations import ProjectMigrations
    from dbsnap.operations.opened import OpenedBackup

ROWS = "rows and content"
PRIVILEGES = "owners and grants"
MIGRATIONS = "migrations"

QUESTIONS: dict[str, tuple[str, ...]] = {
    "tables and columns": ("schema", "table", "column", "type"),
    ROWS: ("large objects",),
    "indexes": ("index",),
    "constraints": ("constraint", "not-null constraint"),
    "sequences": ("sequence",),
    "other objects": (
        "view",
        "materialized view",
        "function",
        "trigger",
        "rule",
        "policy",
        "event trigger",
        "extension",
        "comment",
        "other",
    ),
    PRIVILEGES: ("privilege",),
    MIGRATIONS: ("migration",),
}
"""Each check of a comparison with the kinds of objects it is about."""

ROW_FACTS = frozenset({"rows", "content"})
PLURALS = {"index": "indexes", "policy": "policies", "other": "others", "large objects": ""}
SHOWN = 3


def comparison_checks(
    expected: Inventory, findings: Sequence[Finding], *, seconds: float
) -> list[Check]:
    """Return the answers that a comparison gives, those alone for which something was expected.

    A kind that the backup says nothing of (a dump without a record knows no comments) was not compared
    and makes no check. ``seconds`` is what all of them took together; the rows took most of it.
    """
    checks = []
    sorted_findings = by_question(findings)
    for question, kinds in QUESTIONS.items():
        known = [kind for kind in kinds if kind in expected.objects]
        if known or question == ROWS:
            message = held(expected, known) if question != ROWS else rows_held(expected)
            took = seconds if question == ROWS else 0.0
            checks.append(answered(question, message, sorted_findings[question], seconds=took))
    return checks


def answered(name: str, message: str, findings: Iterable[Finding], *, seconds: float = 0) -> Check:
    """Return the answer that findings are: an error is a FAIL, what was not compared NOT RUN."""
    found = tuple(findings)
    uncompared = not_compared(found)
    failed = [finding for finding in errors_in(found) if finding not in uncompared]
    if failed:
        return Check(name, "FAIL", _first(failed), found, seconds)
    if uncompared:
        return Check(name, "NOT RUN", _first(uncompared), found, seconds)
    return Check(name, "PASS", message, found, seconds)


def with_migrations(
    answers: Sequence[Check], findings: Sequence[Finding], expected: Inventory
) -> list[Check]:
    """Return the answers with what is to be said of Prisma's migrations beside the comparison.

    Where there are none, and nothing is to be said, there is no such question.
    """
    others = [check for check in answers if check.name != MIGRATIONS]
    compared = [check for check in answers if check.name == MIGRATIONS]
    if not findings and not expected.of("migration"):
        return others
    found = [*(finding for check in compared for finding in check.findings), *findings]
    return [*others, answered(MIGRATIONS, held(expected, ["migration"]), found)]


def migration_findings(
    opened: OpenedBackup, inventory: Inventory, project: ProjectMigrations | None
) -> list[Finding]:
    """Return what the project's directory of migrations says of what was restored."""
    try:
        return list(restored_migrations(opened, inventory, None, project).findings)
    except VerificationFailed as error:
        return list(error.findings)
    except CannotRun as error:
        return [Finding("not-compared", MIGRATIONS, str(error))]


def by_question(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return the findings under the questions that they belong to."""
    result: dict[str, list[Finding]] = {question: [] for question in QUESTIONS}
    for finding in findings:
        result[question_of(finding)].append(finding)
    return result


def question_of(finding: Finding) -> str:
    """Return which check a finding of a comparison belongs to."""
    kind = kind_of(finding)
    if finding.object == "content" or (kind == "table" and finding.fact in ROW_FACTS):
        return ROWS
    return next((question for question, kinds in QUESTIONS.items() if kind in kinds), ROWS)


def kind_of(finding: Finding) -> str:
    """Return the kind of object that a finding is about."""
    kinds = [kind for kinds in QUESTIONS.values() for kind in kinds]
    fitting = [kind for kind in kinds if finding.object.startswith(kind + " ")]
    return max(fitting, key=len, default="")


def held(inventory: Inventory, kinds: Iterable[str]) -> str:
    """Return how many objects of these kinds there are, those that there are."""
    counts = [
        f"{count:,} {kind if count == 1 else PLURALS.get(kind, kind + 's')}"
        for kind in kinds
        if (count := len(inventory.of(kind)))
    ]
    return ", ".join(counts) or "none, as in the backup"


def rows_held(inventory: Inventory) -> str:
    """Return how many rows there are."""
    tables = sum("rows" in facts for facts in inventory.of("table").values())
    return f"{inventory.total_rows():,} rows in {tables:,} tables, all of their content"


def _first(findings: Sequence[Finding]) -> str:
    more = len(findings) - SHOWN
    shown = "; ".join(finding.message for finding in findings[:SHOWN])
    return f"{shown} and {more:,} more" if more > 0 else shown
