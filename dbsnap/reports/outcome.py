"""The result of a drill as plain data: what every form of report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.report import Finding

Outcome = Literal["PASS", "FAIL", "NOT RUN"]
Verdict = Literal["ok", "not-run", "different", "refused"]

GUARD = "guard"
"""The name of the check that no server is needed for."""

BADNESS: tuple[Verdict, ...] = ("ok", "not-run", "different", "refused")
"""From the best to the worst: what was refused cannot be restored at all."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a backup, and its answer.

    ``NOT RUN`` is no answer, and never counts as one: ``message`` says why there is none. The findings
    are whatever else is to be known, warnings beside a ``PASS`` too. ``reached`` is False behind a check
    that ended the drill.
    """

    name: str
    outcome: Outcome
    message: str
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Growth:
    """How large one thing was in a backup: ``taken_at`` is ISO 8601; rows are exact, bytes on disk."""

    taken_at: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DrilledTable:
    """One table: its exact rows, its bytes in the uncompressed dump, its rows in earlier backups."""

    name: str
    rows: int
    bytes: int
    growth: tuple[Growth, ...] = ()


@dataclass(frozen=True, slots=True)
class Drill:
    """What one drill of one backup proved, and on what.

    ``server`` is the version that the backup was restored into and where its programs come from,
    ``source`` the version that it was taken from; both empty where nothing is known.
    ``seconds_to_restore`` is the time from opening the file to the end of the comparison: what
    ``restore`` takes before it swaps, on this machine; None where it did not come so far. ``bytes`` are
    those of the file, ``raw_bytes`` those of the uncompressed dump. ``left_out`` names everything that
    was, by wish, neither loaded nor expected. ``growth`` is of the whole database, oldest first.
    """

    backup: str
    file: str
    checks: tuple[Check, ...]
    database: str = ""
    taken_at: str = ""
    source: str = ""
    server: str = ""
    rows: int = 0
    bytes: int = 0
    raw_bytes: int = 0
    seconds_to_restore: float | None = None
    seconds: float = 0.0
    tables: tuple[DrilledTable, ...] = ()
    left_out: tuple[str, ...] = ()
    growth: tuple[Growth, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Return ``ok`` only where every check has passed, and there is one."""
        failed = [check.name for check in self.checks if check.outcome == "FAIL"]
        if GUARD in failed:
            return "refused"
        if failed:
            return "different"
        passed = self.checks and all(check.outcome == "PASS" for check in self.checks)
        return "ok" if passed else "not-run"

    @property
    def outcome(self) -> Outcome:
        """Return the verdict in the words of a check."""
        return OUTCOMES[self.verdict]

    @property
    def findings(self) -> list[Finding]:
        """Return the findings of all checks."""
        return [finding for check in self.checks for finding in check.findings]

    def of_outcome(self, outcome: Outcome) -> list[Check]:
        """Return the checks that ended so."""
        return [check for check in self.checks if check.outcome == outcome]

    @property
    def not_reached(self) -> str:
        """Return how many checks the drill did not come to, as a sentence; "" if it came to all."""
        count = sum(not check.reached for check in self.checks)
        if not count:
            return ""
        return f"{count:,} more check{' was' if count == 1 else 's were'} not reached"

    @property
    def reason(self) -> str:
        """Return the first thing that kept the drill from passing, "" if nothing did."""
        for outcome in ("FAIL", "NOT RUN"):
            for check in self.checks:
                if check.outcome == outcome:
                    return f"{check.name}: {check.message}"
        return ""


OUTCOMES: dict[Verdict, Outcome] = {
    "ok": "PASS",
    "not-run": "NOT RUN",
    "different": "FAIL",
    "refused": "FAIL",
}


def worst(drills: Iterable[Drill]) -> Verdict:
    """Return the worst of several verdicts; where there is none, nothing was proved."""
    verdicts = [drill.verdict for drill in drills]
    return max(verdicts, key=BADNESS.index) if verdicts else "not-run"


def counted(drills: Sequence[Drill]) -> dict[Outcome, int]:
    """Return how many checks of all drills ended how."""
    outcomes = [check.outcome for drill in drills for check in drill.checks]
    return {outcome: outcomes.count(outcome) for outcome in ("PASS", "FAIL", "NOT RUN")}
