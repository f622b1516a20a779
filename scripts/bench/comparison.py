"""dbsnap against its peers: ``make bench SIZE=small``, or the whole of it with ``make bench SIZE=full``.

A row of the table is a ``contest.Contest``; a module with ``contests(arena) -> Iterator[Contest]`` is
named in ``MODULES``, and its rows are measured with the others. Rows for which a peer is not installed
are left out by the module itself. A contender that needs something made first (a dump to restore, an
empty database) makes it in its ``prepare``, which is not measured. ``--only WORD`` keeps the rows with
that word; ``DBSNAP_BENCH_DIR`` says on which disk the files go. JSON and chart are in ``build/bench/``.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dump_contests
import growth_contests
import restore_contests
from arena import Arena, arena
from contest import hold
from measuring import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contest import Contest, Outcome

GROWTH: tuple[Callable[[Arena], Iterator[Contest]], ...] = (growth_contests.contests,)
MODULES: tuple[Callable[[Arena], Iterator[Contest]], ...] = (
    dump_contests.contests,
    restore_contests.contests,
)


def compare(
    *, size: str, rounds: int, only: str = "", major: int | None = None, growth: bool = False
) -> dict[str, Any]:
    """Hold all contests, or those about growth, and return what came of them, on which machine."""
    with arena(size, major=major, say=_say, filled=not growth) as place:
        rows = (contest for module in (GROWTH if growth else MODULES) for contest in module(place))
        wanted = (contest for contest in rows if only in contest.row)
        outcomes = hold(
            wanted,
            rounds=rounds,
            warm_up=size == "small",
            server_cpu=place.server_cpu(),
            say=_say,
        )
        return {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "size": size,
            "rounds": rounds,
            "server": ".".join(map(str, place.server.version)),
            "machine": machine(),
            "rows": list(_rows(outcomes)),
        }


def _rows(outcomes: Iterator[Outcome]) -> Iterator[dict[str, Any]]:
    """Yield the rows as far as they could be measured: what takes an hour is not lost with its end."""
    try:
        for outcome in outcomes:
            yield from outcome.documents()
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"ended early: {error}")


def as_text(document: dict[str, Any]) -> str:
    """Return the rows as a table in Markdown, under a line about the machine."""
    computer = document["machine"]
    lines = [
        (
            f"{document['date']}, {computer['processor']}, {computer['cores']} cores, "
            f"{computer['memory_gigabytes']} GB, PostgreSQL {document['server']}, "
            f"Python {computer['versions']['Python']}, "
            f"size {document['size']}, median of {document['rounds']}, load {computer['load']}"
        ),
        "",
        "| | ratio | to reach | dbsnap: s, CPU s, server CPU s, MB | peer: s, CPU s, server CPU s |",
        "|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        ours, peer = row["ours"], row["peer"]
        memory = [f"{ours['peak_megabytes']:.0f}"] if "peak_megabytes" in ours else []
        taken = " ".join([*_effort(ours), *memory])
        lines.append(
            f"| {row['row'].replace('|', chr(92) + '|')} | {row['ratio']:.2f} | {row['target']} "
            f"| {taken} | {' '.join(_effort(peer))} |"
        )
    return "\n".join(lines) + "\n"


def _effort(side: dict[str, Any]) -> list[str]:
    kinds = ("wall_seconds", "cpu_seconds", "server_cpu_seconds")
    return [f"{side[kind]:.2f}" for kind in kinds if kind in side]


def _say(line: str) -> None:
    sys.stderr.write(f"bench: {line}\n")
    sys.stderr.flush()
