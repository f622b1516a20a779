"""A drill as GitHub shows it: a Markdown summary of the job, and annotations of what is wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbsnap.reports.numbers import age_of, duration, size
from dbsnap.reports.outcome import OUTCOMES, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dbsnap.reports.outcome import Drill

SUMMARY_BYTES = 1 << 20
"""GitHub drops a step's summary that is larger (documentation, "Adding a job summary")."""

TABLES_SHOWN = 20
FINDINGS_SHOWN = 50
ANNOTATIONS = 10
"""GitHub shows no more of one kind for a step."""

SIGNS = {"PASS": "✅", "FAIL": "❌", "NOT RUN": "⚠️"}
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~@:<>&$-])")


def summary(drills: Sequence[Drill]) -> str:
    """Return the Markdown for one or more drills; names in it are text, whatever they hold."""
    outcome = OUTCOMES[worst(drills)]
    parts = [f"## {SIGNS[outcome]} dbsnap drill: {outcome}", ""]
    parts += _table(
        ["", "backup", "rows", "size", "restored in", "on", "what is wrong"],
        (
            [
                f"{SIGNS[drill.outcome]} {drill.outcome}",
                _text(drill.backup),
                f"{drill.rows:,}",
                size(drill.bytes),
                duration(drill.seconds_to_restore),
                _text(drill.server or "no server"),
                _text(drill.reason),
            ]
            for drill in drills
        ),
    )
    for drill in drills:
        parts += _details(drill, is_open=len(drills) == 1 or drill.verdict != "ok")
    text = "\n".join([*parts, ""])
    if len(text.encode()) > SUMMARY_BYTES:
        text = "\n".join(parts[: parts.index("<details>")] if "<details>" in parts else parts[:2])
    return text + "\n"


def workflow_commands(drills: Iterable[Drill]) -> Iterator[str]:
    """Yield a workflow command for each check that did not pass, the first ones of a drill."""
    for drill in drills:
        bad = [check for check in drill.checks if check.outcome != "PASS" and check.reached]
        for check in bad[:ANNOTATIONS]:
            title = _property(f"{check.outcome}: {check.name} ({drill.backup})")
            yield f"::error title={title}::{_data(check.message)}"


def _details(drill: Drill, *, is_open: bool) -> Iterator[str]:
    taken = f", taken {_text(drill.taken_at)} ({age_of(drill.taken_at)})" if drill.taken_at else ""
    yield from ("", f"<details{' open' if is_open else ''}>" if is_open else "<details>")
    yield f"<summary>{_text(drill.backup)}: {drill.outcome}</summary>"
    yield from ("", f"{_text(drill.source)}{taken}", "")
    yield from _table(
        ["", "check", "", "seconds"],
        (
            [
                f"{SIGNS[check.outcome]} {check.outcome}",
                _text(check.name),
                _text(check.message),
                duration(check.seconds) if check.seconds else "",
            ]
            for check in drill.checks
            if check.reached
        ),
    )
    if drill.not_reached:
        yield f"\n{SIGNS['NOT RUN']} NOT RUN: {drill.not_reached}"
    findings = [f for check in drill.checks for f in check.findings if f.message != check.message]
    yield ""
    yield from (f"- {_text(finding.message)}" for finding in findings[:FINDINGS_SHOWN])
    yield from (f"- left out: {_text(name)}" for name in drill.left_out)
    yield ""
    if drill.tables:
        shown = drill.tables[:TABLES_SHOWN]
        yield from _table(
            ["table", "rows", "size"],
            ([_text(table.name), f"{table.rows:,}", size(table.bytes)] for table in shown),
        )
        if len(drill.tables) > len(shown):
            yield f"\n… and {len(drill.tables) - len(shown):,} smaller tables"
    yield from ("", "</details>")


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _text(text: str) -> str:
    """Return text as Markdown that shows it: no links, no mentions, no HTML, no line breaks."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return SPECIAL.sub(lambda match: f"&#{ord(match[1])};", line)


def _data(text: str) -> str:
    """Return text as the message of a workflow command (``@actions/core``, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
