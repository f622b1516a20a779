"""Which backups stay and which may go: a pure decision, with its reasons.

Several rules work together as in restic's ``forget``: a backup stays if any of them keeps it. Each rule
looks at one *subject* at a time: one database, or one table of it, with the filter it was backed up by.
Days, weeks (ISO 8601), months and years are those of UTC, as in the names of the files; those without a
backup are not counted. Unlike in restic, ``keep_days`` looks back from now, not from the newest backup.

Whatever the rules say, these stay: what is pinned, the newest verified backup of every subject, and
what nobody knows the subject of. A backup that is not verified counts for nothing: it takes no place
among those that a rule keeps. It goes when it is older than ``keep_days`` (where that is given) and all
that it is a backup of has a newer verified one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dbsnap.archive.storage import Status

PERIODS: dict[str, Callable[[datetime], str]] = {
    "daily": lambda moment: f"{moment:%Y-%m-%d}",
    "weekly": lambda moment: f"{moment:%G-W%V}",
    "monthly": lambda moment: f"{moment:%Y-%m}",
    "yearly": lambda moment: f"{moment:%Y}",
}
SECONDS_A_DAY = 86_400
NO_POLICY = "no rule was given"
NO_RULE_KEEPS_IT = "no rule keeps it"


@dataclass(frozen=True, slots=True)
class Policy:
    """How much to keep; None where there is no such rule. Every number is at least 1.

    ``keep_days``: all of the last so many days. ``keep_per_table``: the newest so many of each table or
    database. The others: the newest of each of the last so many days, weeks, months, years.
    """

    keep_days: int | None = None
    keep_per_table: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a number that keeps nothing: some tools take 0 for no limit."""
        for name, count in self.rules().items():
            if count < 1:
                raise UsageError(
                    f"{name} must be at least 1, not {count}",
                    hint=f"leave {name} out to not use it",
                )

    def rules(self) -> dict[str, int]:
        """Return the rules that there are, by name."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: count for name, count in given.items() if count is not None}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backup as far as its retention goes.

    ``subjects`` is what it is a backup of: one or several tables, or a database; nothing if unknown.
    ``taken_at`` is in UTC, None if unknown. ``bytes`` is the size of its dump.
    """

    id: str
    subjects: frozenset[str]
    taken_at: datetime | None
    status: Status
    pinned: bool = False
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may go, and every reason for it to stay or the one to go."""

    id: str
    removed: bool
    reasons: tuple[str, ...]
    bytes: int = 0

    def __str__(self) -> str:
        """Return the decision in words: ``kept: newest verified of mods; daily 2026-01-24``."""
        return f"{'removed' if self.removed else 'kept'}: {'; '.join(self.reasons)}"


def decide(candidates: Iterable[Candidate], policy: Policy, now: datetime) -> list[Decision]:
    """Return what is to become of each backup, oldest first.

    Without any rule nothing goes. A larger number, or a further rule, never makes more go; and once
    what may go has gone, nothing more does.
    """
    ordered = sorted(candidates, key=_order)
    verified: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in reversed(ordered):
        if candidate.status == "verified" and candidate.taken_at is not None:
            for subject in candidate.subjects:
                verified[subject].append(candidate)
    reasons: dict[str, list[str]] = defaultdict(list)
    for subject in sorted(verified):
        _keep_of_one_subject(subject, verified[subject], policy, reasons)
    decisions = []
    for candidate in ordered:
        why = [*(["pinned"] if candidate.pinned else []), *reasons[candidate.id]]
        why += _reasons_of_its_own(candidate, policy, now)
        if not why and candidate.status != "verified":
            why += _only_one(candidate, verified)
        if not policy.rules():
            why = [NO_POLICY]
        gone = (NO_RULE_KEEPS_IT if candidate.status == "verified" else _useless(candidate),)
        kept = tuple(dict.fromkeys(why))
        decisions.append(Decision(candidate.id, not kept, kept or gone, candidate.bytes))
    return decisions


def decide_by_age(name: str, since: datetime, size: int, policy: Policy, now: datetime) -> Decision:
    """Return what is to become of a database that a restore replaced at ``since``; size in bytes."""
    days = policy.keep_days
    removed = days is not None and (now - since).total_seconds() > days * SECONDS_A_DAY
    if days is None:
        reason = "keep_days does not say when it may go"
    elif removed:
        reason = f"replaced more than {days} days ago"
    else:
        reason = f"of the last {days} days"
    return Decision(name, removed, (reason,), size)


def _order(candidate: Candidate) -> tuple[datetime, str]:
    return (candidate.taken_at or datetime.min.replace(tzinfo=UTC), candidate.id)


def _keep_of_one_subject(
    subject: str, newest_first: list[Candidate], policy: Policy, reasons: dict[str, list[str]]
) -> None:
    """Add the reasons to keep verified backups of one subject."""
    reasons[newest_first[0].id].append(f"newest verified of {subject}")
    rules = policy.rules()
    for candidate in newest_first[: (count := rules.get("keep_per_table", 0))]:
        reasons[candidate.id].append(f"of the newest {count} of {subject}")
    for name, period_of in PERIODS.items():
        newest: dict[str, Candidate] = {}
        for candidate in newest_first:
            if candidate.taken_at is not None:
                newest.setdefault(period_of(candidate.taken_at), candidate)
        for period in list(newest)[: rules.get(f"keep_{name}", 0)]:
            reasons[newest[period].id].append(f"{name} {period}")


def _reasons_of_its_own(candidate: Candidate, policy: Policy, now: datetime) -> list[str]:
    if candidate.taken_at is None or not candidate.subjects:
        return ["its record does not say what it is a backup of; remove it by hand"]
    age_seconds = (now - candidate.taken_at).total_seconds()
    if policy.keep_days is not None and age_seconds <= policy.keep_days * SECONDS_A_DAY:
        return [f"of the last {policy.keep_days} days"]
    return []


def _only_one(candidate: Candidate, verified: dict[str, list[Candidate]]) -> list[str]:
    """Return why a backup that is not verified is of use all the same."""
    return [
        f"{candidate.status}, but there is no newer verified backup of {subject}"
        for subject in sorted(candidate.subjects)
        if subject not in verified or _order(verified[subject][0]) < _order(candidate)
    ]


def _useless(candidate: Candidate) -> str:
    return f"{candidate.status}, and there are newer verified backups"
