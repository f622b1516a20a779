"""Findings: what a check has to say about one object, in a form people and programs can read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]
FindingKind = Literal[
    "missing", "unexpected", "different", "not-compared", "damaged", "harmful", "advice"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    ``object`` names it for programs (``index public.users_email_key``), ``message`` is the whole
    sentence for people. ``fact`` is the one fact that differs, where a single one does. A ``note`` or
    ``warning`` does not make a check fail; an ``error`` does.
    """

    kind: FindingKind
    object: str
    message: str
    severity: Severity = "error"
    fact: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding as it stands in every ``--json`` document."""
        return {
            "kind": self.kind,
            "object": self.object,
            "message": self.message,
            "severity": self.severity,
        }


def errors_in(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that make a check fail."""
    return [finding for finding in findings if finding.severity == "error"]


def softened(findings: Iterable[Finding], kind: str, fact: str = "") -> list[Finding]:
    """Return the findings, those about one kind of object (or one fact of it) as warnings."""
    return [
        replace(finding, severity="warning")
        if finding.object.startswith(kind + " ") and fact in ("", finding.fact)
        else finding
        for finding in findings
    ]


def not_compared(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that say what could not be compared."""
    return [finding for finding in findings if finding.kind == "not-compared"]
