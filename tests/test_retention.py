"""Which backups stay: the pure decision, against its promises and against a model."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbsnap.archive.retention import Candidate, Policy, decide, decide_by_age
from dbsnap.errors import UsageError

NOW = datetime(2026, 1, 24, 12, tzinfo=UTC)
SUBJECTS = ("app on localhost:5432", "mods", "favorites")
RULES = [field.name for field in fields(Policy)]
PERIODS = {
    "keep_daily": lambda moment: moment.date(),
    "keep_weekly": lambda moment: moment.isocalendar()[:2],
    "keep_monthly": lambda moment: (moment.year, moment.month),
    "keep_yearly": lambda moment: moment.year,
}

policies = st.builds(Policy, **{name: st.none() | st.integers(1, 12) for name in RULES})
moments = st.one_of(st.integers(0, 200), st.integers(0, 24 * 800)).map(
    lambda hours: NOW - timedelta(hours=hours)
)
candidates = st.lists(
    st.builds(
        Candidate,
        id=st.text("abcdef", min_size=1, max_size=4),
        subjects=st.frozensets(st.sampled_from(SUBJECTS), max_size=2),
        taken_at=moments | st.none(),
        status=st.sampled_from(["verified", "verified", "verified", "incomplete", "damaged"]),
        pinned=st.integers(0, 9).map(lambda number: number == 0),
    ),
    max_size=25,
    unique_by=lambda candidate: candidate.id,
)


def removed(found: list[Candidate], policy: Policy) -> set[str]:
    return {decision.id for decision in decide(found, policy, NOW) if decision.removed}


def counting(found: list[Candidate], subject: str) -> list[Candidate]:
    """Return the verified backups of one subject, the newest first."""
    of_subject = [
        c for c in found if c.status == "verified" and c.taken_at and subject in c.subjects
    ]
    return sorted(of_subject, key=lambda c: (c.taken_at, c.id), reverse=True)


@given(candidates, policies)
def test_what_never_goes(found: list[Candidate], policy: Policy) -> None:
    gone = removed(found, policy)
    assert not found or len(gone) < len(found)
    assert not {c.id for c in found if c.pinned or not c.subjects or not c.taken_at} & gone
    assert not {line[0].id for s in SUBJECTS if (line := counting(found, s))} & gone


@given(candidates)
def test_without_a_rule_nothing_goes_and_the_reason_says_so(found: list[Candidate]) -> None:
    decisions = decide(found, Policy(), NOW)
    assert {str(decision) for decision in decisions} <= {"kept: no rule was given"}
    assert len(decisions) == len(found)


@given(candidates, policies, st.sampled_from(RULES), st.integers(0, 30))
def test_more_to_keep_never_removes_more(
    found: list[Candidate], policy: Policy, rule: str, more: int
) -> None:
    assume(policy.rules())
    larger = replace(policy, **{rule: (getattr(policy, rule) or 1) + more})
    assert removed(found, larger) <= removed(found, policy)


@given(candidates, policies, st.randoms(use_true_random=False))
def test_the_order_in_which_backups_are_found_does_not_matter(
    found: list[Candidate], policy: Policy, random: st.DrawFn
) -> None:
    decisions = decide(found, policy, NOW)
    random.shuffle(found)
    assert decide(found, policy, NOW) == decisions


@given(candidates, policies)
def test_once_applied_nothing_more_goes(found: list[Candidate], policy: Policy) -> None:
    gone = removed(found, policy)
    assert removed([c for c in found if c.id not in gone], policy) == set()


@given(candidates, policies)
def test_a_backup_that_is_not_verified_takes_nobodys_place(
    found: list[Candidate], policy: Policy
) -> None:
    verified = [c for c in found if c.status == "verified"]
    assert removed(found, policy) & {c.id for c in verified} == removed(verified, policy)


@given(candidates, policies)
def test_the_decision_is_the_models(found: list[Candidate], policy: Policy) -> None:
    """Another way to say it: how many newer ones come before this one?"""
    assume(policy.rules())
    kept = set()
    for candidate in found:
        own = candidate.pinned or not candidate.subjects or not candidate.taken_at
        own = own or (NOW - candidate.taken_at) <= timedelta(policy.keep_days or -9999)
        for subject in candidate.subjects if not own else ():
            line = counting(found, subject)
            if candidate.status != "verified":
                own = own or not line
                own = own or (line[0].taken_at, line[0].id) < (candidate.taken_at, candidate.id)
                continue
            newer = line[: line.index(candidate)]
            own = own or len(newer) < max(policy.keep_per_table or 0, 1)
            for rule, period in PERIODS.items():
                passed = {period(c.taken_at) for c in newer}
                fresh = period(candidate.taken_at) not in passed
                own = own or (fresh and len(passed) < (getattr(policy, rule) or 0))
        if own:
            kept.add(candidate.id)
    assert {c.id for c in found} - removed(found, policy) == kept


def backup(own_id: str, days: float, status: str = "verified", *subjects: str) -> Candidate:
    return Candidate(
        own_id, frozenset(subjects or ["mods"]), NOW - timedelta(days=days), status, bytes=7
    )


def test_every_decision_says_why() -> None:
    found = [
        backup("jan24", 0.1),
        backup("jan23_late", 1),
        backup("jan23_early", 1.2),
        backup("jan10", 14),
        backup("dec", 40),
        backup("favorites", 300, "verified", "favorites"),
    ]
    policy = Policy(keep_per_table=1, keep_daily=2, keep_monthly=2)
    assert {d.id: str(d) for d in decide(found, policy, NOW)} == {
        "jan24": "kept: newest verified of mods; of the newest 1 of mods; daily 2026-01-24; "
        "monthly 2026-01",
        "jan23_late": "kept: daily 2026-01-23",
        "jan23_early": "removed: no rule keeps it",
        "jan10": "removed: no rule keeps it",
        "dec": "kept: monthly 2025-12",
        "favorites": "kept: newest verified of favorites; of the newest 1 of favorites; "
        "daily 2025-03-30; monthly 2025-03",
    }
    assert sum(d.bytes for d in decide(found, policy, NOW) if d.removed) == 14


def test_weeks_are_those_of_the_calendar_not_of_the_year() -> None:
    """The 29th of December 2025 and the 2nd of January are in one week, the first of 2026."""
    found = [backup("monday", 26), backup("friday", 22), backup("before", 27)]
    assert removed(found, Policy(keep_weekly=2)) == {"monday"}


def test_the_last_day_counts() -> None:
    found = [backup("now", 0), backup("just", 30), backup("too_old", 30.01)]
    assert removed(found, Policy(keep_days=30)) == {"too_old"}


def test_a_damaged_backup_goes_when_it_is_old_and_there_is_a_better_one() -> None:
    found = [backup("old", 40, "damaged"), backup("young", 3, "incomplete"), backup("good", 2)]
    assert removed(found, Policy(keep_days=30)) == {"old"}
    assert removed(found, Policy(keep_daily=1)) == {"old", "young"}
    assert removed(found[:2], Policy(keep_days=30)) == set()
    both = backup("both", 40, "damaged", "mods", "favorites")
    assert removed([both, backup("good", 2)], Policy(keep_days=30)) == set()


def test_a_replaced_database_goes_by_its_age_alone() -> None:
    since = NOW - timedelta(days=31)
    assert not decide_by_age("app_before", since, 1, Policy(keep_daily=1), NOW).removed
    assert not decide_by_age("app_before", since, 1, Policy(keep_days=31), NOW).removed
    decision = decide_by_age("app_before", since, 1, Policy(keep_days=30), NOW)
    assert str(decision) == "removed: replaced more than 30 days ago"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_keeps_nothing_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match=f"{rule} must be at least 1"):
        Policy(**{rule: 0})
    assert Policy(**{rule: 10**12}).rules() == {rule: 10**12}
    assert removed([backup("a", 900), backup("b", 300)], Policy(**{rule: 10**12})) == set()
