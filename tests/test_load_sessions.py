"""Sessions that load side by side: what one of them meets, and how the others end then."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import eventually, query

from dbsnap.errors import DumpRefused, OperationFailed, ServerFailed
from dbsnap.postgres.load_session import Command, IncomingRows, load_session
from dbsnap.postgres.load_sessions import Task, load_sessions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase

SLEEPING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'dbsnap load' AND {}"
OURS = "datname = current_database()"
SLEEP = Task(lambda: [Command(b"SELECT pg_sleep(60)")])


def fails_when(database: object, condition: str) -> Iterator[Command]:
    assert eventually(lambda: query(database, SLEEPING.format(condition)))
    yield Command(b"SELECT\n  1 /\n  0", line=10)


def test_what_fails_in_one_session_ends_the_others(new_database: NewDatabase) -> None:
    database = new_database("")
    asleep = f"{OURS} AND wait_event = 'PgSleep'"
    started = time.monotonic()
    with (
        pytest.raises(ServerFailed, match="line 10 of the dump: division by zero"),
        load_sessions(database, 3) as sessions,
    ):
        sessions.run([SLEEP, SLEEP, Task(lambda: fails_when(database, asleep))])
    assert time.monotonic() < started + 20
    assert eventually(lambda: not query(database, SLEEPING.format(OURS)), seconds=3)


def test_a_session_that_does_not_listen_is_cut(new_database: NewDatabase) -> None:
    database = new_database("")
    asleep = f"{OURS} AND wait_event = 'PgSleep'"

    def fails_when_one_is_frozen() -> Iterator[Command]:
        assert eventually(lambda: query(database, SLEEPING.format(asleep)))
        frozen.append(query(database, SLEEPING.format(asleep))[0][0])
        os.kill(frozen[0], signal.SIGSTOP)
        yield Command(b"SELECT 1 / 0", line=1)

    frozen: list[int] = []
    started = time.monotonic()
    try:
        with pytest.raises(ServerFailed, match="division"), load_sessions(database, 2) as sessions:
            sessions.run([SLEEP, Task(fails_when_one_is_frozen)])
        assert time.monotonic() < started + 20
    finally:
        os.kill(frozen[0], signal.SIGCONT)
    assert eventually(lambda: not query(database, SLEEPING.format(OURS)), seconds=5)


def test_rows_that_turn_out_wrong_stay_nowhere(new_database: NewDatabase) -> None:
    def rows() -> Iterator[bytes]:
        yield b"1\n2\n"
        raise DumpRefused("changed", rule="changed-bytes")

    database = new_database("CREATE TABLE t (x integer)")
    with pytest.raises(DumpRefused, match="changed"), load_sessions(database, 2) as sessions:
        sessions.run_by_one([IncomingRows(b"COPY public.t (x) FROM stdin;", 1, rows())])
    assert query(database, "SELECT count(*) FROM t") == [(0,)]


def test_the_line_of_a_row_is_named(new_database: NewDatabase) -> None:
    database = new_database("CREATE TABLE t (x integer)")
    statement = b"COPY public.t (x)\nFROM stdin;"
    with load_session(database) as session:
        session.run([IncomingRows(statement, 7, [b"1\n2", b"\n3\n"])])
        with pytest.raises(ServerFailed, match="line 11 of the dump: invalid input") as failure:
            session.run([IncomingRows(statement, 7, [b"1\n", b"2\nthree\n4\n"])])
    assert 'COPY t, line 3, column x: "three"' in failure.value.detail
    assert query(database, "SELECT sum(x) FROM t") == [(6,)]


def test_a_stopped_session_does_nothing_any_more(new_database: NewDatabase) -> None:
    database = new_database("CREATE TABLE t (x integer)")

    def rows() -> Iterator[bytes]:
        yield b"1\n"
        session.stop()
        yield b"2\n"

    with load_session(database) as session:
        with pytest.raises(OperationFailed, match="stopped"):
            session.run([IncomingRows(b"COPY public.t (x) FROM stdin;", 1, rows())])
        with pytest.raises(OperationFailed, match="stopped"):
            session.run([Command(b"INSERT INTO public.t VALUES (3)")])
    assert query(database, "SELECT count(*) FROM t") == [(0,)]


def test_settings_of_the_address_and_of_the_environment_stay(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database("CREATE TABLE t (of text, setting text)")
    keep = b"INSERT INTO public.t SELECT name, setting FROM pg_settings WHERE name = ANY ('{%s}')"
    names = b"work_mem,statement_timeout,synchronous_commit,maintenance_work_mem"
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1111kB -c statement_timeout=5s")
    with load_session(database, settings="-c maintenance_work_mem=70000kB") as session:
        session.run([Command(keep % names)])
    expected = {
        ("work_mem", "1111"),
        ("statement_timeout", "0"),
        ("synchronous_commit", "off"),
        ("maintenance_work_mem", "70000"),
    }
    assert set(query(database, "SELECT * FROM t")) == expected


def test_a_server_that_is_gone_is_told(new_database: NewDatabase) -> None:
    database = new_database("")
    with load_session(database) as session:
        query(database, f"SELECT pg_terminate_backend(pid, 5000) FROM ({SLEEPING.format(OURS)}) _")
        with pytest.raises(ServerFailed, match=r"closed the connection at line 3 of the dump"):
            session.run([Command(b"SELECT 1", line=3)])
        session.stop()
        session.cut()
    with pytest.raises(psycopg.Error):
        session._connection.execute("SELECT")
