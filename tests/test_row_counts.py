"""Rows are counted exactly, whichever way each table is counted."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import DEFAULT_MAJOR, eventually, query, run_sql

from dbsnap.errors import RightMissing
from dbsnap.operations.backup import backup
from dbsnap.postgres.asking import ask_connection, copied_rows
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, execute, fetch_value, server_version
from dbsnap.postgres.row_counts import MANY_TABLES, SMALL_TABLES
from dbsnap.postgres.snapshot import hold_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

MANY = "\n".join(
    f"CREATE TABLE many_{n} (id serial PRIMARY KEY, name text UNIQUE); "
    f"INSERT INTO many_{n} (name) SELECT i FROM generate_series(1, {n}) AS i;"
    for n in range(MANY_TABLES)
)
ODD = """
CREATE TABLE no_columns (); INSERT INTO no_columns SELECT FROM generate_series(1, 3);
CREATE TABLE text_only (name text, doc jsonb);
INSERT INTO text_only VALUES ('a', '{}'), (NULL, NULL);
CREATE TABLE generated (twice int GENERATED ALWAYS AS (2 * b) STORED, b int);
INSERT INTO generated VALUES (DEFAULT, 1), (DEFAULT, NULL);
CREATE TABLE only_generated (twice int GENERATED ALWAYS AS (2) STORED);
INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE dropped (a int, b int);
INSERT INTO dropped VALUES (1, 2), (3, 4);
ALTER TABLE dropped DROP a;
CREATE TABLE all_dropped (a int);
INSERT INTO all_dropped VALUES (1), (3);
ALTER TABLE all_dropped DROP a;
CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3), (4), (5);
CREATE TABLE parted (a int) PARTITION BY LIST (a);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF parted DEFAULT;
INSERT INTO parted VALUES (1), (2), (3);
CREATE TABLE "Quoted; ""x"" y" ("Odd, ""x"" y" int); INSERT INTO "Quoted; ""x"" y" VALUES (1);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE of_domain (a positive);
INSERT INTO of_domain VALUES (7);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE of_enum (a mood);
INSERT INTO of_enum VALUES ('sad'), (NULL);
CREATE TABLE large (a int, b text);
INSERT INTO large SELECT i, repeat('x', 100) FROM generate_series(1, 5000) AS i;
CREATE TABLE deleted (a int);
INSERT INTO deleted SELECT generate_series(1, 90);
DELETE FROM deleted WHERE a > 7;
CREATE UNLOGGED TABLE unlogged (a bool); INSERT INTO unlogged VALUES (true), (NULL);
CREATE SCHEMA "Other";
CREATE TABLE "Other".many_1 (at timestamptz);
INSERT INTO "Other".many_1 VALUES (now()), (NULL);
"""
EXPECTED = {f"public.many_{n}": n for n in range(MANY_TABLES)} | {
    "public.no_columns": 3,
    "public.text_only": 2,
    "public.generated": 2,
    "public.only_generated": 1,
    "public.dropped": 2,
    "public.all_dropped": 2,
    "public.parent": 2,
    "public.child": 3,
    "public.part_1": 1,
    "public.part_2": 2,
    'public."Quoted; ""x"" y"': 1,
    "public.of_domain": 1,
    "public.of_enum": 2,
    "public.large": 5000,
    "public.deleted": 7,
    "public.unlogged": 2,
    '"Other".many_1': 2,
}
NOT_SMALL = {
    "no_columns",
    "text_only",
    "only_generated",
    "all_dropped",
    "of_domain",
    "of_enum",
    "large",
}


def counted(database: Database) -> dict[str, int]:
    copied: list[str] = []
    with connect(database) as connection:

        def copying(statements: Sequence[str]) -> list[int]:
            copied.extend(statements)
            return copied_rows(connection, statements)

        version = server_version(connection)
        inventory = read_inventory(ask_connection(connection), version, copied_rows=copying)
    assert len(copied) >= MANY_TABLES  # or nothing of this is tested
    return {n: f["rows"] for n, f in inventory.of("table").items() if "rows" in f}


@pytest.mark.parametrize("major", [DEFAULT_MAJOR, pytest.param(15, marks=pytest.mark.matrix)])
def test_every_form_of_table_is_counted_exactly(new_database: NewDatabase, major: int) -> None:
    database = new_database(MANY + ODD, major=major)
    assert counted(database) == EXPECTED
    with connect(database) as connection:
        small = {name for _, name, _ in ask_connection(connection)(SMALL_TABLES)}
        ask = ask_connection(connection)
        by_queries = read_inventory(ask, server_version(connection)).of("table")
    assert {
        name: facts["rows"] for name, facts in by_queries.items() if "rows" in facts
    } == EXPECTED
    assert small.isdisjoint(NOT_SMALL)
    assert {"many_99", "generated", "dropped", "deleted", 'Quoted; "x" y'} <= small


def test_they_are_counted_in_the_snapshot_and_leave_no_locks(new_database: NewDatabase) -> None:
    database = new_database(MANY)
    with hold_snapshot(database) as snapshot:

        def locks() -> int:
            own = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
            return int(fetch_value(snapshot.connection, own))

        before = locks()
        run_sql(database, "INSERT INTO many_5 (name) VALUES ('later'); DELETE FROM many_9;")
        version = server_version(snapshot.connection)
        tables = read_inventory(snapshot.ask, version, copied_rows=snapshot.copied_rows).of("table")
        assert tables["public.many_5"]["rows"] == 5
        assert tables["public.many_9"]["rows"] == 9
        assert locks() == before
    assert counted(database)["public.many_5"] == 6


def test_a_failing_copy_raises_the_servers_error_and_the_connection_goes_on(
    new_database: NewDatabase,
) -> None:
    database = new_database("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2);")
    copy = "COPY public.t (a) TO STDOUT"
    with connect(database) as connection:
        assert copied_rows(connection, ["SELECT 1", copy, copy]) == [2, 2]
        assert copied_rows(connection, []) == []
        with pytest.raises(psycopg.errors.UndefinedTable, match="missing"):
            copied_rows(connection, [copy, "COPY public.missing (a) TO STDOUT", copy])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            copied_rows(connection, ["COPY (SELECT 'x'::text::int) TO STDOUT"])
        assert copied_rows(connection, [copy]) == [2]
        execute(connection, "SELECT 1")


def test_an_interruption_is_heard_while_a_copy_waits_for_a_lock(new_database: NewDatabase) -> None:
    database = new_database("CREATE TABLE t (a int); INSERT INTO t VALUES (1);")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.t'::regclass"
    locked, done = threading.Event(), threading.Event()

    def interrupt() -> None:
        with connect(database) as locker, connect(database) as looker:
            execute(locker, "SET idle_in_transaction_session_timeout = '9s'")  # or all stands still
            execute(locker, "BEGIN")
            execute(locker, "LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE")
            locked.set()
            if eventually(lambda: fetch_value(looker, waiting) == 1, seconds=5):
                os.kill(os.getpid(), signal.SIGINT)
            done.wait(9)

    other = threading.Thread(target=interrupt)
    with connect(database) as connection:
        other.start()
        assert locked.wait(5)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            copied_rows(connection, ["COPY public.t TO STDOUT"] * 3)
        assert time.monotonic() - began < 5
        assert fetch_value(connection, "SELECT 1") == 1  # what waited was cancelled
        done.set()
        other.join()


def test_rows_that_come_in_many_pieces_are_counted(new_database: NewDatabase) -> None:
    database = new_database("")
    with connect(database) as connection:
        slow = "COPY (SELECT repeat('x', 99), pg_sleep(0.01) FROM generate_series(1, 40)) TO STDOUT"
        large = "COPY (SELECT repeat('x', 999) FROM generate_series(1, 20000)) TO STDOUT"
        many = ["COPY (SELECT 1 AS " + "x" * 60 + ") TO STDOUT"] * 9000
        assert copied_rows(connection, [slow, large, *many]) == [40, 20000, *[1] * 9000]


def test_policies_and_missing_rights_are_errors_not_smaller_counts(
    new_database: NewDatabase,
) -> None:
    role = f"reader_{uuid.uuid4().hex[:8]}"
    database = new_database(
        f"{MANY}\nCREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};"
        "ALTER TABLE many_7 ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON many_7 USING (id > 3);"
    )
    as_reader = replace(database, parameters={**database.parameters, "user": role})
    try:
        with pytest.raises(RightMissing, match="row-level security"):
            counted(as_reader)
        run_sql(
            database,
            f"ALTER TABLE many_7 DISABLE ROW LEVEL SECURITY; REVOKE ALL ON many_8 FROM {role};",
        )
        with pytest.raises(RightMissing, match="many_8"):
            counted(as_reader)
    finally:
        run_sql(database, f"DROP OWNED BY {role}; DROP ROLE {role};")


def test_a_backup_of_many_tables_is_proved(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(MANY, major=DEFAULT_MAJOR)
    taken = backup(database, target="local", directory=tmp_path)
    rows = {name: facts["rows"] for name, facts in taken.record.inventory.of("table").items()}
    assert rows == {f"public.many_{n}": n for n in range(MANY_TABLES)}
    assert query(database, "SELECT sum(n) FROM (SELECT count(*) FROM many_99) AS c(n)") == [(99,)]
