"""Findings: what a check has to say about one object, in a form people and programs can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
FindingKind = Literal["missing", "unexpected", "different", "not-compared", "damaged", "advice"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    ``object`` names it for programs (``index public.users_email_key``), ``message`` is the whole
    sentence for people. A ``note`` or ``warning`` does not make a check fail; an ``error`` does.
    """

    kind: FindingKind
    object: str
    message: str
    severity: Severity = "error"

    def as_json(self) -> dict[str, str]:
        """Return the finding as it stands in every ``--json`` document."""
        return {
            "kind": self.kind,
            "object": self.object,
            "message": self.message,
            "severity": self.severity,
        }
