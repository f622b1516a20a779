"""Coverage-guided search for bytes that break a promise of reading dumps: ``make fuzz``.

Arguments are libFuzzer's (``-max_total_time=900``, ``-runs=…``, a file to run once). New inputs go to
``build/fuzz``, and so do findings, as ``crash-…``, ``timeout-…`` and ``oom-…``; then the exit code is
not 0. A finding becomes a file in ``tests/fuzz/corpus`` and a test.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dbsnap.dumpfile"]):
    from fuzz.promises import check

from fuzz.pieces import PIECES, REPEATED

LARGE = 0.02
"""How often a piece is repeated until the dump is large: slow, but what takes too long shows there."""

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("build/fuzz")
DEFAULTS = {
    "-max_total_time": "60",
    "-max_len": "4096",
    "-timeout": "60",
    "-report_slow_units": "60",
    "-rss_limit_mb": "2048",
    "-artifact_prefix": f"{FOUND}/",
    "-print_final_stats": "1",
}


def mutate(data: bytes, maximum: int, seed: int) -> bytes:
    """Return the input with a piece put in, put elsewhere, or left out, or changed by libFuzzer."""
    chance = random.Random(seed)
    data = data.replace(REPEATED, b"")
    position, length = chance.randint(0, len(data)), chance.choice((0, 0, 1, 4, 16))
    piece = chance.choice(PIECES)
    if chance.random() < 0.2:
        start = chance.randint(0, len(data))
        piece = data[start : start + chance.randint(1, 60)]
    if chance.random() < LARGE:
        return REPEATED.join([data[:position], piece, data[position:]])[:maximum]
    if chance.random() < 0.4:
        return atheris.Mutate(data, maximum)
    return (data[:position] + piece + data[position + length :])[:maximum]


def main() -> None:
    """Run libFuzzer with these arguments."""
    FOUND.mkdir(parents=True, exist_ok=True)
    given = sys.argv[1:]
    names = {argument.partition("=")[0] for argument in given}
    options = [f"{name}={value}" for name, value in DEFAULTS.items() if name not in names]
    inputs = [] if any(not argument.startswith("-") for argument in given) else [FOUND, CORPUS]
    atheris.Setup([sys.argv[0], *options, *given, *map(str, inputs)], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
