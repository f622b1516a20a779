"""The benchmarks, and their command line: ``make bench ARGS="lexer --rounds 5 --json"``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lexer
import table_restore
from measuring import Measurement, machine

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[int], list[Measurement]]] = {
    "lexer": lexer.measure,
    "tables": table_restore.measure,
}
LAST = Path("build/bench")
ROUNDS = 5


def main() -> int:
    """Run the benchmarks that were asked for and say what they found."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    for name in arguments.names or BENCHMARKS:
        found = BENCHMARKS[name](arguments.rounds)
        document = {"machine": machine(), "results": [one.document() for one in found]}
        written = json.dumps(document, indent=2) + "\n"
        LAST.mkdir(parents=True, exist_ok=True)
        (LAST / f"{name}.json").write_text(written)
        sys.stdout.write(written if arguments.json else as_text(document))
    return 0


def as_text(document: dict[str, Any]) -> str:
    """Return the numbers as lines for people."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    row = "{:10} {:40} {:>10} {:>12} {:>12}".format
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gigabytes']} GB",
        f"load {machine['load']}, {versions}",
        "",
        row("", "", "size", "median", "slowest"),
    ]
    for one in document["results"]:
        speeds = (one["median"], min(one["megabytes_per_second"]))
        shown = [f"{speed:.1f} MB/s" for speed in speeds]
        lines.append(row(one["benchmark"], one["case"], f"{one['bytes'] / 1e6:.1f} MB", *shown))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
