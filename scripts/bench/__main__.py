"""The benchmarks, and their command line: ``make bench ARGS="lexer --rounds 5 --json"``.

``speed`` compares dbsnap with its peers (``comparison.py`` says how rows are added); it runs when it is
named, or with ``--size``. ``growth`` does so with ever larger databases; it runs when it is named.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comparison
import lexer
import table_restore
from arena import SIZES
from chart import as_svg
from measuring import Measurement, machine

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[int], list[Measurement]]] = {
    "lexer": lexer.measure,
    "tables": table_restore.measure,
}
LAST = Path("build/bench")
ROUNDS = 5
SMALL_ROUNDS = 3
COMPARISON, GROWTH = "speed", "growth"


def main() -> int:
    """Run the benchmarks that were asked for and say what they found."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    names = [*BENCHMARKS, COMPARISON, GROWTH]
    parser.add_argument("names", nargs="*", help=f"any of {', '.join(names)}")
    parser.add_argument("--size", choices=SIZES, help="how much data the comparison is made with")
    parser.add_argument("--only", default="", help="only the comparison's rows with this word")
    parser.add_argument("--major", type=int, help="the comparison's server")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if GROWTH in arguments.names:
        run_comparison(arguments, GROWTH)
    elif COMPARISON in arguments.names or arguments.size:
        run_comparison(arguments, COMPARISON)
    if left := [name for name in arguments.names if name not in {COMPARISON, GROWTH}]:
        arguments.names = left
    elif arguments.names or arguments.size:
        return 0
    for name in arguments.names or BENCHMARKS:
        found = BENCHMARKS[name](arguments.rounds or ROUNDS)
        document = {"machine": machine(), "results": [one.document() for one in found]}
        written = json.dumps(document, indent=2) + "\n"
        LAST.mkdir(parents=True, exist_ok=True)
        (LAST / f"{name}.json").write_text(written)
        sys.stdout.write(written if arguments.json else as_text(document))
    return 0


def run_comparison(arguments: argparse.Namespace, name: str) -> None:
    """Compare with the peers; write the JSON, the table and the chart."""
    document = comparison.compare(
        size=arguments.size or "small",
        rounds=arguments.rounds or (ROUNDS if arguments.size == "full" else SMALL_ROUNDS),
        only=arguments.only,
        major=arguments.major,
        growth=name == GROWTH,
    )
    written, table = json.dumps(document, indent=2) + "\n", comparison.as_text(document)
    LAST.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".json", written), (".md", table), (".svg", as_svg(document))):
        (LAST / (name + suffix)).write_text(text)
    sys.stdout.write(written if arguments.json else table)


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
