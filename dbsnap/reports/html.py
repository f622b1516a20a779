"""A drill as one page: nothing is loaded from anywhere, nothing runs, and any name is only text."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from dbsnap.reports.charts import chart, share, sparkline
from dbsnap.reports.numbers import age_of, duration, size
from dbsnap.reports.outcome import OUTCOMES, counted, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.reports.outcome import Check, Drill, Outcome

FINDINGS_SHOWN = 100
TABLES_SHOWN = 200
CLASSES = {"PASS": "pass", "FAIL": "fail", "NOT RUN": "not-run"}
SIGNS = {"PASS": "✓", "FAIL": "✕", "NOT RUN": "!"}

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'; \
base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="{outcome}">
<main>
{content}
</main>
<footer>Written by dbsnap drill on {now} UTC. Restoring was timed on this machine, on a server that \
does not wait for its disk.</footer>
</body>
</html>
"""


def page(drills: Sequence[Drill], now: datetime | None = None) -> str:
    """Return the page for one or more drills; ``now`` is the moment it names, in UTC."""
    now = now or datetime.now(UTC)
    style = resources.files("dbsnap.reports").joinpath("page.css").read_text("utf-8")
    outcome = OUTCOMES[worst(drills)]
    return PAGE.format(
        # The one style that a browser may use, whatever else could get into the page.
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        style=style,
        title=_text(f"{outcome}: dbsnap drill"),
        outcome=CLASSES[outcome],
        now=f"{now:%Y-%m-%d %H:%M}",
        content="\n".join(_content(drills, now)),
    )


def _content(drills: Sequence[Drill], now: datetime) -> Iterator[str]:
    yield from _banner(drills)
    if len(drills) > 1:
        yield from _backups(drills, now)
        newest = {drill.database: drill for drill in drills if drill.growth}
        for drill in newest.values():
            yield from _growth(
                drill, f"Growth of {drill.database}" if len(newest) > 1 else "Growth"
            )
    # The newest first: it is what would be restored.
    numbered = list(enumerate(drills, start=1))
    for number, drill in reversed(numbered):
        yield from _drill(drill, number, now, alone=len(drills) == 1)


def _banner(drills: Sequence[Drill]) -> Iterator[str]:
    outcome = OUTCOMES[worst(drills)]
    checks = counted(drills)
    told = ", ".join(f"{count:,} {name.lower()}" for name, count in checks.items() if count)
    yield f'<header class="banner {CLASSES[outcome]}">'
    yield '<p class="brand">dbsnap drill</p>'
    yield f'<h1><span class="sign" aria-hidden="true">{SIGNS[outcome]}</span> {outcome}</h1>'
    yield f"<p>{_sentence(drills)}</p><p class=quiet>Checks: {told or 'none'}</p>"
    yield "</header>"


def _sentence(drills: Sequence[Drill]) -> str:
    good = sum(drill.verdict == "ok" for drill in drills)
    if len(drills) != 1:
        return f"{good:,} of {len(drills):,} backups were restored and found to be whole."
    drill = drills[0]
    if drill.verdict == "ok":
        took = duration(drill.seconds_to_restore)
        return f"This backup restores: all of it came back, and was compared, in {took}."
    return _text(drill.reason)


def _backups(drills: Sequence[Drill], now: datetime) -> Iterator[str]:
    yield '<section><h2>Backups</h2><div class="scroll"><table class="backups">'
    yield "<thead><tr><th>Verdict<th>Backup<th class=n>Rows<th class=n>Size<th class=n>Restored in"
    yield "<tbody>"
    for number, drill in reversed(list(enumerate(drills, start=1))):
        age = age_of(drill.taken_at, now)
        yield (
            f"<tr><td>{_pill(drill.outcome)}"
            f'<td class="name"><a href="#drill-{number}">{_text(drill.backup)}</a>'
            f"{f'<br><small>{age}</small>' if age else ''}"
            f"<td class=n>{drill.rows:,}<td class=n>{size(drill.bytes)}"
            f"<td class=n>{duration(drill.seconds_to_restore) or '-'}"
        )
    yield "</table></div></section>"


def _drill(drill: Drill, number: int, now: datetime, *, alone: bool) -> Iterator[str]:
    is_open = " open" if alone or drill.verdict != "ok" else ""
    yield f'<details class="drill" id="drill-{number}"{is_open}>'
    yield (
        f"<summary>{_pill(drill.outcome)} <span class=name>{_text(drill.backup)}</span></summary>"
    )
    yield from _facts(drill, now)
    if alone:
        yield from _growth(drill, "Growth")
    yield '<section><h2>Checks</h2><ul class="checks">'
    for check in drill.checks:
        if check.reached:
            yield from _check(check)
    if drill.not_reached:
        yield f'<li class="not-run">{_pill("NOT RUN")}<div class="what"><p>'
        yield f"{drill.not_reached}</p></div>"
    yield "</ul></section>"
    if drill.left_out:
        yield "<section><h2>Left out</h2><p>Neither loaded nor expected, by wish:</p><ul>"
        yield from (f"<li class=name>{_text(name)}" for name in drill.left_out)
        yield "</ul></section>"
    yield from _tables(drill)
    yield "</details>"


def _facts(drill: Drill, now: datetime) -> Iterator[str]:
    facts = {
        "Restored in": duration(drill.seconds_to_restore),
        "Rows": f"{drill.rows:,}",
        "Size": size(drill.bytes) if drill.bytes else "",
        "Uncompressed": size(drill.raw_bytes) if drill.raw_bytes > drill.bytes else "",
        "Taken": f"{drill.taken_at[:16].replace('T', ' ')} UTC" if drill.taken_at else "",
        "Age": age_of(drill.taken_at, now),
        "Database": drill.database,
        "From": drill.source,
        "Restored into": drill.server,
    }
    yield "<dl class=facts>"
    for name, value in facts.items():
        if value:
            yield f"<div><dt>{name}<dd>{_text(value)}</div>"
    yield "</dl>"


def _growth(drill: Drill, heading: str) -> Iterator[str]:
    growth = drill.growth
    if len(growth) < 2:
        return
    rows = chart(growth, lambda one: one.rows, lambda n: f"{n:,} rows", title="Rows over time")
    sizes = chart(growth, lambda one: one.bytes, size, title="Size over time")
    first, last = growth[0], growth[-1]
    span = f"{_text(first.taken_at[:10])} to {_text(last.taken_at[:10])}, {len(growth):,} backups"
    yield f"<section><h2>{_text(heading)}</h2><p class=quiet>{span}</p><div class=charts>"
    yield f"<figure><figcaption>Rows <b>{last.rows:,}</b> {_change(first.rows, last.rows)}"
    yield f"</figcaption>{rows}</figure>"
    yield f"<figure><figcaption>Size <b>{size(last.bytes)}</b> {_change(first.bytes, last.bytes)}"
    yield f"</figcaption>{sizes}</figure></div></section>"


def _change(first: int, last: int) -> str:
    if not first or first == last:
        return ""
    return f"<small>{100 * (last - first) / first:+,.1f} %</small>"


def _check(check: Check) -> Iterator[str]:
    seconds = duration(check.seconds) if check.seconds >= 0.05 else ""
    yield f'<li class="{CLASSES[check.outcome]}">{_pill(check.outcome)}'
    yield f'<div class="what"><div><b class=name>{_text(check.name)}</b> <small>{seconds}</small></div>'
    yield f'<p class="name">{_text(check.message)}</p>'
    others = [finding for finding in check.findings if finding.message != check.message]
    if others:
        yield "<ul class=findings>"
        for finding in others[:FINDINGS_SHOWN]:
            yield f'<li class="name {finding.severity}">{_text(finding.message)}'
        if len(others) > FINDINGS_SHOWN:
            yield f"<li>… and {len(others) - FINDINGS_SHOWN:,} more"
        yield "</ul>"
    yield "</div>"


def _tables(drill: Drill) -> Iterator[str]:
    if not drill.tables:
        return
    whole = max(table.bytes for table in drill.tables)
    growing = any(len(table.growth) > 1 for table in drill.tables)
    yield '<section><h2>Tables</h2><table class="tables"><thead><tr><th>Table'
    yield f"<th class=n>Rows<th class=n>Size{'<th class=n>Growth' if growing else ''}<tbody>"
    for table in drill.tables[:TABLES_SHOWN]:
        spark = sparkline(table.growth, title=f"Rows of {table.name} over time")
        yield (
            f'<tr><td class="name">{_text(table.name)}{share(table.bytes, whole)}'
            f"<td class=n>{table.rows:,}<td class=n>{size(table.bytes)}"
            f"{f'<td class=n>{spark}' if growing else ''}"
        )
    yield "</table>"
    if len(drill.tables) > TABLES_SHOWN:
        yield f"<p class=quiet>… and {len(drill.tables) - TABLES_SHOWN:,} smaller tables</p>"
    yield "</section>"


def _pill(outcome: Outcome) -> str:
    return f'<span class="pill {CLASSES[outcome]}">{outcome}</span>'


def _text(text: str) -> str:
    """Return text that a browser shows as it is; what could hide or turn it round is spelled out."""
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escape(visible)
