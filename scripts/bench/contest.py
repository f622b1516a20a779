"""Two ways to do the same thing, measured in turn on the same machine in the same minutes.

A ``Contest`` is one row of the table: dbsnap, its strongest peer for that row, and the ratio that must
be reached. Its two sides run alternately, so that a machine that slows down slows both; a ratio is the
median of the rounds' own ratios.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


SESSIONS_END_SECONDS = 0.2
"""What the server needs to count in the sessions that a contender had."""


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One side: a pipeline of programs, each an argument list, whose last output goes to a file.

    ``prepare`` is called before each round and not measured. Where it writes ``phases``, those are the
    seconds of its parts by their names, as JSON.
    """

    label: str
    pipeline: Sequence[Sequence[str]]
    environment: Mapping[str, str]
    output: Path = Path(os.devnull)
    prepare: Callable[[], object] = nothing
    phases: Path | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A row about phases of ours alone: how they compare with the peer, or with other phases of ours."""

    row: str
    target: float
    phases: tuple[str, ...]
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contest:
    """A row of the table. ``target`` is the ratio to reach: ours to the peer's seconds of wall time.

    With ``difference`` it is the seconds that ours may take more. ``parts`` are rows that come of the
    same runs.
    """

    row: str
    target: float
    ours: Contender
    peer: Contender
    difference: bool = False
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Effort:
    """What one run took: seconds by the clock, CPU seconds of programs and server, peak bytes."""

    wall: float
    cpu: float
    server_cpu: float
    peak_bytes: int
    phases: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, phases: Sequence[str]) -> float:
        """Return the wall time of some phases, of all if none is named."""
        return sum(self.phases[name] for name in phases) if phases else self.wall


@dataclass(slots=True)
class Outcome:
    """What both sides took, round by round."""

    contest: Contest
    ours: list[Effort] = field(default_factory=list)
    peer: list[Effort] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Return the median ratio, or the median difference in seconds."""
        pairs = [(o.wall, p.wall) for o, p in zip(self.ours, self.peer, strict=True)]
        if self.contest.difference:
            return statistics.median(o - p for o, p in pairs)
        return statistics.median(o / p for o, p in pairs)

    def documents(self) -> Iterator[dict[str, Any]]:
        """Yield its rows for JSON."""
        yield {
            "row": self.contest.row,
            "target": self.contest.target,
            "is_difference": self.contest.difference,
            "ratio": round(self.ratio, 3),
            "ours": _summary(self.contest.ours, self.ours),
            "peer": _summary(self.contest.peer, self.peer),
        }
        for part in self.contest.parts:
            others = self.ours if part.of else self.peer
            own = [effort.seconds(part.phases) for effort in self.ours]
            against = [effort.seconds(part.of) for effort in others]
            ratios = [o / a for o, a in zip(own, against, strict=True)]
            yield {
                "row": part.row,
                "target": part.target,
                "is_difference": False,
                "ratio": round(statistics.median(ratios), 3),
                "ours": {"wall_seconds": round(statistics.median(own), 3)},
                "peer": {"wall_seconds": round(statistics.median(against), 3)},
            }


def hold(
    contests: Iterable[Contest],
    *,
    rounds: int,
    warm_up: bool,
    server_cpu: Callable[[], float],
    say: Callable[[str], None],
) -> Iterator[Outcome]:
    """Hold each contest in turn, ``rounds`` that alternate who begins; before them one to warm up."""
    for contest in contests:
        outcome = Outcome(contest)
        sides = [(contest.ours, outcome.ours), (contest.peer, outcome.peer)]
        for contender, _ in sides if warm_up else ():
            run(contender, server_cpu)
        for number in range(rounds):
            for contender, efforts in sides if number % 2 else reversed(sides):
                efforts.append(run(contender, server_cpu))
        say(f"{contest.row}: {outcome.ratio:.2f} (to reach: {contest.target})")
        yield outcome


def run(contender: Contender, server_cpu: Callable[[], float]) -> Effort:
    """Run one side once; raise CalledProcessError if any of its programs fails."""
    contender.prepare()
    environment = {**os.environ, **contender.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles what it installs
    server_before, before = server_cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    processes: list[subprocess.Popen[bytes]] = []
    with contender.output.open("wb") as output:
        for position, command in enumerate(contender.pipeline):
            last = position == len(contender.pipeline) - 1
            processes.append(
                subprocess.Popen(  # noqa: S603 - the benchmark's own commands
                    command,
                    env=environment,
                    stdin=processes[-1].stdout if processes else subprocess.DEVNULL,
                    stdout=output if last else subprocess.PIPE,
                )
            )
    peak = 0
    for process in processes:
        if process.stdout is not None:
            process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = max(peak, usage.ru_maxrss * 1024)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    time.sleep(SESSIONS_END_SECONDS)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    phases = json.loads(contender.phases.read_text()) if contender.phases else {}
    return Effort(wall, cpu, server_cpu() - server_before, peak, phases)


def cpu_of_server(postmaster: int) -> float:
    """Return the CPU seconds of a postmaster's children so far, those that have ended (Linux)."""
    stat = Path(f"/proc/{postmaster}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime


def _summary(contender: Contender, efforts: Sequence[Effort]) -> dict[str, Any]:
    return {
        "label": contender.label,
        "wall_seconds": round(statistics.median(e.wall for e in efforts), 3),
        "cpu_seconds": round(statistics.median(e.cpu for e in efforts), 3),
        "server_cpu_seconds": round(statistics.median(e.server_cpu for e in efforts), 3),
        "peak_megabytes": round(max(e.peak_bytes for e in efforts) / 1e6, 1),
        "walls": [round(e.wall, 3) for e in efforts],
    }
