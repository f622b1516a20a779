"""Dump files at rest: three forms, one content; damage anywhere is noticed; rows told apart."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbsnap.dumpfile.compression import Compression, compress, detect, reader
from dbsnap.dumpfile.frames import write_dump
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.rows import RowHashes, UnorderedSum, collect, key_positions
from dbsnap.dumpfile.stored import open_dump
from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DUMP = b"""\
--
-- PostgreSQL database dump
--

\\restrict Key1

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.users (
    id integer NOT NULL,
    name text
);

COPY public.users (id, name) FROM stdin;
1\tAnna
2\t\\\\. and \\N
3\t\\N
\\.


--
-- PostgreSQL database dump complete
--

\\unrestrict Key1

"""
COMPRESSIONS: list[Compression] = ["none", "gzip", "zstd"]


def reading(content: bytes, piece: int = 1 << 20) -> Callable[[int], bytes]:
    stream = io.BytesIO(content)
    return lambda size: stream.read(min(size, piece))


def read_all(read: Callable[[int], bytes]) -> bytes:
    return b"".join(iter(lambda: read(1 << 16), b""))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_written_is_what_came(compression: Compression) -> None:
    output = io.BytesIO()
    progress: list[int] = []
    written = write_dump(
        reading(DUMP, 7), output, compression, on_progress=lambda count, _: progress.append(count)
    )
    assert read_all(reader(reading(output.getvalue()), compression)) == DUMP
    assert written.raw_bytes == len(DUMP) == sum(progress)
    assert written.file_bytes == len(output.getvalue())
    assert detect(output.getvalue()) == compression
    (block,) = written.contents.copy_blocks
    assert DUMP[block.offset : block.end].count(b"\n") == block.rows == 3
    assert written.contents.complete


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.sampled_from(COMPRESSIONS))
@settings(deadline=None)
def test_members_read_as_one_stream(parts: list[bytes], compression: Compression) -> None:
    packed = b"".join(compress(part, compression) for part in parts)
    assert read_all(reader(reading(packed, 3), compression)) == b"".join(parts)


def test_a_missing_file_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(UsageError), open_dump(tmp_path / "nothing.sql"):
        pass


def test_what_was_opened_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(DUMP)
    with open_dump(path) as dump:
        path.unlink()
        path.write_bytes(b"DROP TABLE everything;")
        assert read_all(dump.raw()) == DUMP


ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.text("abc\\", max_size=3)),
    max_size=12,
    unique_by=lambda r: r[0],
)


def block(rows: list[tuple[int, str]]) -> bytes:
    lines = "".join(f"{key}\t{value.replace(chr(92), chr(92) * 2)}\n" for key, value in rows)
    return f"COPY t (id, v) FROM stdin;\n{lines}\\.\n".encode()


@given(ROWS, ROWS, st.integers(1, 40))
def test_rows_are_told_apart_like_a_model_does(
    expected: list[tuple[int, str]], actual: list[tuple[int, str]], chunk: int
) -> None:
    key = key_positions(["id"], ["id", "v"])
    hashes = [RowHashes(key), RowHashes(key)]
    bare = [RowHashes(()), RowHashes(())]
    sums = [UnorderedSum(), UnorderedSum()]
    for rows, *sinks in zip((expected, actual), hashes, bare, sums, strict=True):
        for sink in sinks:
            collect(
                lex(reading(block(rows), chunk), chunk_bytes=chunk), lambda _n, _s, sink=sink: sink
            )
    before, now = dict(expected), dict(actual)
    difference = hashes[0].difference(hashes[1])
    assert difference.missing == len(before.keys() - now.keys())
    assert difference.unexpected == len(now.keys() - before.keys())
    assert difference.changed == sum(before[k] != now[k] for k in before.keys() & now.keys())
    unkeyed = bare[0].difference(bare[1])
    assert unkeyed.missing == (Counter(expected) - Counter(actual)).total()
    assert unkeyed.unexpected == (Counter(actual) - Counter(expected)).total()
    assert (sums[0] == sums[1]) == (sorted(expected) == sorted(actual))
