"""How fast a dump file is read: its parts alone, and with what they define."""

from __future__ import annotations

import io

from measuring import Measurement, timed
from samples import samples

from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.lexer import lex


def measure(rounds: int) -> list[Measurement]:
    """Measure the lexer, and the lexer with the reader of contents, on every sample."""
    found = []
    for sample in samples():
        for benchmark, read in (("lexer", read_parts), ("contents", read_contents)):
            dump = sample.dump
            work = lambda read=read, dump=dump: read(dump)  # noqa: E731
            found.append(timed(benchmark, sample.name, len(dump), work, rounds=rounds))
    return found


def read_parts(dump: bytes) -> None:
    """Read the parts of a dump, as the guard does."""
    for _ in lex(io.BytesIO(dump).read):
        pass


def read_contents(dump: bytes) -> None:
    """Read what a dump contains, as a backup does while it is written and when it is checked."""
    reader = ContentsReader()
    for event in lex(io.BytesIO(dump).read):
        reader.feed(event)
    reader.contents()
