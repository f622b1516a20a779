"""A newer pg_dump's settings are left out where the server does not know them, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import query, run_sql
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile.omit import blanked, unknown_settings
from dbsnap.errors import ToolFailed
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.verify import verify
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

KNOWN = {"statement_timeout", "client_encoding", "DateStyle", "default_tablespace"}
OPENING = b"""\
-- PostgreSQL database dump
\\restrict key

SET statement_timeout = 0;
SET
    transaction_timeout
    = 0; SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET datestyle TO 'ISO';
set "another_new" to 'a;
b';
SET SESSION AUTHORIZATION DEFAULT;
SET LOCAL unknown_local = 1;
SET TIME ZONE 'UTC';
SET extension.name = 1;
CREATE TABLE t (a text DEFAULT 'SET transaction_timeout = 0;');
SET too_late = 1;
"""


def reader_of(text: bytes) -> Callable[[int], bytes]:
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = text[position : position + size]
        position += len(piece)
        return piece

    return read


def test_only_opening_settings_of_unknown_names_are_found() -> None:
    found = unknown_settings(reader_of(OPENING), KNOWN)
    assert [name for _, name in found] == ["transaction_timeout", "another_new"]
    for (start, end), name in found:
        assert OPENING[start:end].lower().startswith(b"set")
        assert OPENING[start:end].endswith(b";")
        assert name.encode() in OPENING[start:end]
    assert not unknown_settings(reader_of(OPENING), {*KNOWN, "transaction_timeout", "Another_New"})


TEXT = st.lists(st.sampled_from([b"a", b"\n", b" ", b"\r\n", b"SET x;", b"\xc3\xa4"])).map(b"".join)


@given(TEXT, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30))), st.data())
def test_blanked_keeps_every_other_byte(
    text: bytes, places: list[tuple[int, int]], data: st.DataObject
) -> None:
    spans = [(start, start + length) for start, length in places]
    model = b"".join(
        b" " if byte != b"\n" and any(start <= at < end for start, end in spans) else byte
        for at, byte in enumerate(text[i : i + 1] for i in range(len(text)))
    )
    read = blanked(reader_of(text), spans)
    pieces = []
    while piece := read(data.draw(st.integers(1, 20))):
        pieces.append(piece)
    assert b"".join(pieces) == model
    assert model.count(b"\n") == text.count(b"\n")


class Notes(NoProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.matrix
@pytest.mark.parametrize("in_place", [False, True])
def test_a_dump_by_a_newer_pg_dump_goes_back_into_its_server(
    in_place: bool, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(
        "CREATE TABLE t (id integer PRIMARY KEY, w text); INSERT INTO t VALUES (1, 'SET x = 0;')",
        major=15,
    )
    newer = next(program for program in find_programs("pg_dump") if program.major == 18)
    with dump_stream(newer, database, ["--no-owner", "--no-privileges"]) as read:
        text = b"".join(iter(lambda: read(1 << 20), b""))
    assert b"\nSET transaction_timeout = 0;\n" in text
    dump = tmp_path / "newer.sql"
    dump.write_bytes(text)
    with pytest.raises(ToolFailed, match="transaction_timeout"):
        run_sql(database, text.decode())
    run_sql(database, "DELETE FROM t")
    notes = Notes()
    options = RestoreOptions(in_place=in_place)
    restore(dump, database, confirm=lambda _plan: None, options=options, progress=notes)
    assert "left out SET transaction_timeout, which this server does not know" in notes.notes
    assert not verify(dump, database).findings
    wrong = text.replace(b"ADD CONSTRAINT t_pkey PRIMARY", b"ADD CONSTRAINT t_pkey PRIMARYY")
    line = wrong[: wrong.index(b"PRIMARYY")].count(b"\n") + 1
    dump.write_bytes(wrong)
    with pytest.raises(ToolFailed, match=f":{line}: ERROR"):
        restore(dump, database, confirm=lambda _plan: None, options=options)
    assert query(database, "SELECT w FROM t") == [("SET x = 0;",)]
