"""``verify --rows``: the rows that differ are named by their keys, on every kind of table and backup."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import DEFAULT_MAJOR, query, run_sql, url_of

from dbsnap.errors import DbsnapError
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.verify import VerifyOptions, verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream
from dbsnap.postgres.throwaway import _control, server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbsnap.operations.backup import Backup
    from dbsnap.operations.verify import Verification
    from dbsnap.operations.verifying.row_changes import RowChanges
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]
    Dbsnap = Callable[..., Any]

TABLES = """
CREATE TYPE mood AS ENUM ('calm', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE EXTENSION citext;
CREATE TABLE users (id int PRIMARY KEY, name text, price numeric, at timestamptz,
    shout text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE "Odd Names" ("The Key" text, "a,b" int, PRIMARY KEY ("The Key", "a,b"), "v	v" text);
CREATE TABLE no_key (a text, b int);
CREATE TABLE by_unique (word text NOT NULL, v int);
CREATE UNIQUE INDEX ON by_unique (word DESC);
CREATE TABLE by_nullable (word text UNIQUE, v int);
CREATE TABLE by_part (word text NOT NULL, v int);
CREATE UNIQUE INDEX ON by_part (word) WHERE v > 0;
CREATE UNIQUE INDEX ON by_part (lower(word), v);
CREATE TABLE by_mood (mood mood PRIMARY KEY, v int);
CREATE TABLE by_moment (at timestamptz, day date, PRIMARY KEY (day, at) INCLUDE (v), v int);
CREATE TABLE by_pair (pair pair PRIMARY KEY, v int);
CREATE TABLE by_bytes (bytes bytea PRIMARY KEY, v json);
CREATE TABLE by_number (n numeric PRIMARY KEY, v int);
CREATE TABLE by_word (word citext COLLATE "POSIX" PRIMARY KEY, v int);
CREATE TABLE parts (id int, kind mood, v int, PRIMARY KEY (id, kind)) PARTITION BY HASH (kind);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE years (y int PRIMARY KEY, v int) PARTITION BY RANGE (y);
CREATE TABLE years_old PARTITION OF years FOR VALUES FROM (0) TO (2000);
CREATE TABLE years_new PARTITION OF years FOR VALUES FROM (2000) TO (3000);
CREATE TABLE empty (id int PRIMARY KEY);
INSERT INTO users SELECT n, 'name ' || n, n * 1.5, timestamptz '2026-01-01 00:00Z' + n * interval '1 h'
    FROM generate_series(1, 30) AS n;
INSERT INTO "Odd Names" VALUES (E'tab\\tline\\nback\\\\slash', 1, 'x'), ('ü ''"', 2, NULL), ('', 3, '');
INSERT INTO no_key VALUES ('x', 1), ('x', 1), (NULL, 2), ('', NULL);
INSERT INTO by_unique VALUES ('one', 1), ('two', 2);
INSERT INTO by_nullable VALUES ('one', 1), (NULL, 2), (NULL, 2);
INSERT INTO by_part VALUES ('one', 0), ('One', 1);
INSERT INTO by_mood VALUES ('calm', 1), ('glad', 2);
INSERT INTO by_moment VALUES ('2026-01-24 10:00Z', '2026-01-24', 1);
INSERT INTO by_pair VALUES ((1, 'x'), 1), ((1, 'a, b'), 2);
INSERT INTO by_bytes VALUES ('\\x00ff', '{"a": 1}');
INSERT INTO by_number VALUES (1.0, 1), ('NaN', 2);
INSERT INTO by_word VALUES ('Word', 1), ('other', 2);
INSERT INTO parts SELECT n, (ARRAY['calm', 'glad'])[1 + n % 2]::mood, n FROM generate_series(1, 6) AS n;
INSERT INTO years VALUES (1999, 1), (2026, 2);
"""

CHANGES = """
DELETE FROM users WHERE id IN (2, 20);
UPDATE users SET name = 'else', price = price + 0.1 WHERE id = 7;
UPDATE users SET at = at + interval '1 us' WHERE id = 9;
INSERT INTO users VALUES (31, 'new');
UPDATE "Odd Names" SET "v	v" = 'y' WHERE "a,b" <= 2;
DELETE FROM "Odd Names" WHERE "a,b" = 3;
DELETE FROM no_key WHERE ctid = '(0,1)';
UPDATE no_key SET b = 3 WHERE a IS NULL;
UPDATE by_unique SET v = 3 WHERE word = 'two';
DELETE FROM by_nullable WHERE ctid = '(0,2)';
UPDATE by_part SET v = 2 WHERE word = 'One';
UPDATE by_mood SET v = 3 WHERE mood = 'glad';
UPDATE by_moment SET v = 2;
UPDATE by_pair SET v = 3 WHERE (pair).b = 'a, b';
UPDATE by_bytes SET v = '{"a":1}';
UPDATE by_number SET n = 1.00 WHERE n = 1;
UPDATE by_number SET v = 3 WHERE n = 'NaN';
UPDATE by_word SET word = 'WORD' WHERE v = 1;
UPDATE by_word SET v = 3 WHERE v = 2;
UPDATE parts SET v = 0 WHERE id IN (2, 4);
DELETE FROM years WHERE y = 1999;
INSERT INTO years VALUES (2027, 3);
INSERT INTO empty VALUES (1);
"""

Named = dict[str, list[Any]]


def named(changes: RowChanges) -> Named:
    found = {
        "missing": [list(row) for row in changes.missing],
        "added": [list(row) for row in changes.unexpected],
        "changed": [[*row.row, list(row.columns)] for row in changes.changed],
    }
    return {kind: rows for kind, rows in found.items() if rows}


EXPECTED: dict[str, Named] = {
    "public.users": {
        "missing": [["2"], ["20"]],
        "added": [["31"]],
        "changed": [["7", ["name", "price"]], ["9", ["at"]]],
    },
    'public."Odd Names"': {
        "missing": [["", "3"]],
        "changed": [["tab\tline\nback\\slash", "1", ["v\tv"]], ["ü '\"", "2", ["v\tv"]]],
    },
    "public.no_key": {"missing": [["x", "1"], [None, "2"]], "added": [[None, "3"]]},
    "public.by_unique": {"changed": [["two", ["v"]]]},
    "public.by_nullable": {"missing": [[None, "2"]]},
    "public.by_part": {"missing": [["One", "1"]], "added": [["One", "2"]]},
    "public.by_mood": {"changed": [["glad", ["v"]]]},
    "public.by_moment": {"changed": [["2026-01-24", "2026-01-24 10:00:00+00", ["v"]]]},
    "public.by_pair": {"changed": [['(1,"a, b")', ["v"]]]},
    "public.by_bytes": {"changed": [["\\x00ff", ["v"]]]},
    "public.by_number": {
        "missing": [["1.0"]],
        "added": [["1.00"]],
        "changed": [["NaN", ["v"]]],
    },
    "public.by_word": {"missing": [["Word"]], "added": [["WORD"]], "changed": [["other", ["v"]]]},
    "public.parts": {"changed": [["2", "calm", ["v"]], ["4", "calm", ["v"]]]},
    "public.years_old": {"missing": [["1999"]]},
    "public.years_new": {"added": [["2027"]]},
    "public.empty": {"added": [["1"]]},
}

KEYS = {
    "public.users": ("id",),
    'public."Odd Names"': ("The Key", "a,b"),
    "public.no_key": (),
    "public.by_unique": ("word",),
    "public.by_nullable": (),
    "public.by_part": (),
    "public.by_moment": ("day", "at"),
}


def found_in(verification: Verification) -> dict[str, Named]:
    return {changes.table: named(changes) for changes in verification.rows}


@pytest.fixture(scope="module")
def source(server: ThrowawayServer) -> Iterator[Database]:
    """Give a database as it was backed up; nobody changes it."""
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE verify_rows")
    database = server.database("verify_rows")
    run_sql(database, TABLES)
    yield database
    with connect(server.database()) as connection:
        execute(connection, "DROP DATABASE verify_rows WITH (FORCE)")


@pytest.fixture(scope="module")
def changed(source: Database, server: ThrowawayServer) -> Iterator[Database]:
    """Give a copy of it in which rows of every table were changed."""
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE verify_changed TEMPLATE verify_rows")
    database = server.database("verify_changed")
    run_sql(database, CHANGES)
    yield database
    with connect(server.database()) as connection:
        execute(connection, "DROP DATABASE verify_changed WITH (FORCE)")


@pytest.fixture(scope="module")
def taken(source: Database, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    return backup(source, target="test", directory=tmp_path_factory.mktemp("backups"))


ALL_ROWS = VerifyOptions(rows=10)


def test_every_row_that_differs_is_named(taken: Backup, changed: Database) -> None:
    verification = verify(taken.dump, changed, options=ALL_ROWS)
    assert found_in(verification) == EXPECTED
    keys = {changes.table: changes.key for changes in verification.rows}
    assert {table: keys[table] for table in KEYS} == KEYS
    of_users = next(each for each in verification.rows if each.table == "public.users")
    assert str(of_users.difference) == "2 rows missing, 2 rows differ, 1 row added"


def test_several_sessions_find_the_same(
    taken: Backup, changed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbsnap.operations.verify.PARALLEL_FROM_BYTES", 0)
    assert found_in(verify(taken.dump, changed, options=VerifyOptions(rows=10, jobs=3))) == EXPECTED


def test_no_row_is_named_where_none_differs(taken: Backup, source: Database) -> None:
    verification = verify(taken.dump, source, options=ALL_ROWS)
    assert not verification.rows
    assert not verification.findings


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_the_rows_of_a_compressed_dump(
    compression: str, source: Database, changed: Database, tmp_path: Path
) -> None:
    packed = backup(source, target="test", directory=tmp_path, compression=compression)
    assert found_in(verify(packed.dump, changed, options=ALL_ROWS)) == EXPECTED


def test_only_the_first_rows_are_named_and_all_are_counted(
    taken: Backup, changed: Database
) -> None:
    only_users = VerifyOptions(tables=["users"], rows=1)
    (changes,) = verify(taken.dump, changed, options=only_users).rows
    assert named(changes) == {
        "missing": [["2"]],
        "added": [["31"]],
        "changed": [["7", ["name", "price"]]],
    }
    assert changes.difference.missing == 2


def foreign_dump(database: Database, path: Path, *arguments: str) -> Path:
    pg_dump = max(find_programs("pg_dump"), key=lambda program: program.version)
    with dump_stream(pg_dump, database, ["--no-owner", "--no-privileges", *arguments]) as read:
        path.write_bytes(b"".join(iter(lambda: read(1 << 20), b"")))
    return path


def test_the_rows_of_a_dump_by_pg_dump_itself(
    source: Database, changed: Database, tmp_path: Path
) -> None:
    dump = foreign_dump(source, tmp_path / "own.sql")
    found = found_in(verify(dump, changed, options=ALL_ROWS))
    assert found == EXPECTED


def test_rows_of_inserts_are_counted_and_said_not_to_be_compared(
    source: Database, changed: Database, tmp_path: Path
) -> None:
    dump = foreign_dump(source, tmp_path / "inserts.sql", "--inserts")
    verification = verify(dump, changed, options=ALL_ROWS)
    assert not verification.rows
    messages = [finding.message for finding in verification.findings]
    assert "users: 1 row missing (29 instead of 30)" in messages
    assert any("INSERT statements" in message for message in messages)
    assert verify(dump, source, options=ALL_ROWS).verdict == "not-run"


def test_a_key_that_is_gone_does_not_hide_its_duplicates(
    taken: Backup, new_database: NewDatabase
) -> None:
    live = new_database(TABLES)
    run_sql(
        live,
        "ALTER TABLE users DROP CONSTRAINT users_pkey; INSERT INTO users SELECT id, name, price, at "
        "FROM users WHERE id = 5; DELETE FROM users WHERE id = 6",
    )
    verification = verify(taken.dump, live, options=ALL_ROWS)
    (changes,) = verification.rows
    assert not changes.key
    assert [row[0] for row in changes.missing] == ["6"]
    assert [row[0] for row in changes.unexpected] == ["5"]
    assert "users: 1 row missing, 1 row added" in [f.message for f in verification.findings]


def test_a_backup_of_some_rows_and_columns(
    source: Database, changed: Database, tmp_path: Path
) -> None:
    request = TableRequest(
        ["users", "no_key", "parts"],
        where=["users=id < 20 AND id <> 2"],
        exclude_columns=["users.at", "no_key.b"],
    )
    part = backup_tables(source, request, target="test", directory=tmp_path)
    found = found_in(verify(part.dump, changed, options=ALL_ROWS))
    assert found == {
        "public.users": {"changed": [["7", ["name", "price"]]]},
        "public.no_key": {"missing": [["x"]]},
        "public.parts": EXPECTED["public.parts"],
    }
    without_key = TableRequest(["by_unique"], exclude_columns=["by_unique.word"])
    part = backup_tables(source, without_key, target="test", directory=tmp_path)
    (changes,) = verify(part.dump, changed, options=ALL_ROWS).rows
    assert not changes.key
    assert named(changes) == {"missing": [["2"]], "added": [["3"]]}


def test_a_database_in_another_encoding(
    server: ThrowawayServer, tmp_path: Path, new_database: NewDatabase
) -> None:
    new_database(name="verify_latin_before")  # so that both are dropped at the end
    with connect(server.database("verify_latin_before")) as connection:
        execute(
            connection,
            "CREATE DATABASE verify_latin_before_1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'",
        )
    database = server.database("verify_latin_before_1")
    run_sql(
        database,
        "SET client_encoding TO UTF8; CREATE TABLE words (word text PRIMARY KEY, v text);"
        "INSERT INTO words VALUES ('Grün', 'x'), ('Öl', 'y');"
        "CREATE MATERIALIZED VIEW lengths AS SELECT word, length(word) FROM words",
    )
    kept = backup(database, target="test", directory=tmp_path)
    run_sql(database, "SET client_encoding TO UTF8; UPDATE words SET v = 'z' WHERE word = 'Öl'")
    assert found_in(verify(kept.dump, database, options=ALL_ROWS)) == {
        "public.words": {"changed": [["Öl", ["v"]]]}
    }


def test_a_role_that_may_only_read_will_do(taken: Backup, changed: Database) -> None:
    run_sql(
        changed,
        "DROP ROLE IF EXISTS verify_reader; CREATE ROLE verify_reader LOGIN;"
        "GRANT pg_read_all_data TO verify_reader; ALTER ROLE verify_reader SET "
        "default_transaction_read_only TO on; REVOKE TEMPORARY ON DATABASE verify_changed FROM PUBLIC",
    )
    reader = changed.with_role("verify_reader", None)
    verification = verify(taken.dump, reader, options=ALL_ROWS)
    assert found_in(verification) == EXPECTED
    counts = verify(taken.dump, reader, options=VerifyOptions(level="counts"))
    assert counts.verdict == "different"
    run_sql(changed, "DROP ROLE verify_reader")


def test_a_standby_will_do(tmp_path: Path) -> None:
    settings = {"wal_level": "replica"}
    with throwaway_server(server_binaries(major=DEFAULT_MAJOR), settings=settings) as one:
        database = one.database()
        run_sql(
            database, "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1);"
        )
        kept = backup(database, target="test", directory=tmp_path)
        run_sql(database, "UPDATE t SET v = 2")
        run_sql(database, f"COPY (SELECT) TO '{one.directory}/data/standby.signal'; CHECKPOINT;")
        _control(one, ["restart", "-w", "-m", "fast", "-l", str(one.directory / "log")])
        assert query(database, "SELECT pg_is_in_recovery()") == [(True,)]
        assert found_in(verify(kept.dump, database, options=ALL_ROWS)) == {
            "public.t": {"changed": [["1", ["v"]]]}
        }
        with pytest.raises(DbsnapError):  # for it is one: nothing can be written
            run_sql(database, "CREATE TEMP TABLE x ()")


def test_on_the_command_line(taken: Backup, changed: Database, dbsnap_here: Dbsnap) -> None:
    where = ["--url", url_of(changed), "-t", "users,no_key", "-t", '"Odd Names"', "--rows"]
    run = dbsnap_here("verify", str(taken.dump), *where, "--row-limit", "1")
    assert run.returncode == 4
    lines = run.stdout.splitlines()
    for line in (
        "✗ users: 2 rows missing, 2 rows differ, 1 row added",
        "users, by id:",
        "  missing  2",
        "  missing  … and 1 more (--row-limit)",
        "  differs  7: name, price",
        "  added    31",
        "no_key, without a key, by its first columns:",
        r"  differs  tab\tline\nback\slash, 1: v\tv",
    ):
        assert line in lines, lines
    document = json.loads(dbsnap_here("verify", str(taken.dump), *where, "--json").stdout)
    assert document["tables"] == ['public."Odd Names"', "public.no_key", "public.users"]
    (users,) = [each for each in document["row_changes"] if each["table"] == "public.users"]
    assert users["key"] == ["id"]
    assert users["counts"] == {"missing": 2, "unexpected": 1, "changed": 2}
    assert users["missing"] == [{"id": "2"}, {"id": "20"}]
    assert users["changed"][1] == {"row": {"id": "9"}, "columns": ["at"]}


def test_nothing_of_it_was_written(changed: Database) -> None:
    assert query(changed, "SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == [(0,)]
