"""verify: what it compares at which level, and of which tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import run_sql, url_of
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.errors import DumpRefused, UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.verify import VerifyOptions, verify
from dbsnap.operations.verifying.choice import names_in
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_definitions
from dbsnap.postgres.connection import connect, execute, server_version
from dbsnap.prisma.models import PrismaModel
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dbsnap.operations.backup import Backup
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

DATABASE = """
CREATE TYPE mood AS ENUM ('calm', 'glad');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE users (
    id serial PRIMARY KEY, email text UNIQUE NOT NULL, mood mood DEFAULT 'calm', share percent,
    price numeric(12, 4), data jsonb, tags text[], seen timestamptz, CHECK (price >= 0)
);
CREATE TABLE lists (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "userId" int,
    CONSTRAINT "lists_userId_fkey" FOREIGN KEY ("userId") REFERENCES users (id) ON DELETE CASCADE);
CREATE TABLE notes (body text);
CREATE SCHEMA "Other"; CREATE TABLE "Other"."Weird, Name" (id serial PRIMARY KEY);
CREATE TABLE events (mood mood NOT NULL, n int) PARTITION BY HASH (mood);
CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO events VALUES ('calm', 1), ('glad', 2);
CREATE INDEX lists_user ON lists ("userId") WHERE "userId" > 0;
CREATE VIEW glad AS SELECT id, email FROM users WHERE mood = 'glad';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON notes FOR SELECT USING (body <> '');
COMMENT ON TABLE notes IS 'what people write';
INSERT INTO users (email, mood, share, price, data, tags, seen) VALUES
    ('a@x', 'calm', 1, 1.0001, '{"k": 1}', '{a,b}', '2026-01-01 10:00:00.000001+00'),
    ('b@x', 'glad', 2, 2.0000, '{"k": 2}', '{}', NULL),
    ('c@x', 'glad', 3, 3.0000, NULL, NULL, NULL);
INSERT INTO lists ("userId") VALUES (1), (2), (NULL);
INSERT INTO notes VALUES ('x'), ('x'), (NULL), ('');
SELECT lo_from_bytea(4711, 'abc');
"""

COUNTS = VerifyOptions(level="counts")


@pytest.fixture(scope="module")
def taken(server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    """Back up one healthy database that all changes are measured against."""
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE verify_template")
    database = server.database("verify_template")
    run_sql(database, DATABASE)
    yield backup(database, target="test", directory=tmp_path_factory.mktemp("backups"))
    with connect(server.database()) as connection:
        execute(connection, "DROP DATABASE verify_template WITH (FORCE)")


@pytest.fixture
def live(new_database: Callable[..., Database]) -> Database:
    """Give a fresh copy of the healthy database."""
    return new_database(DATABASE)


def messages(taken: Backup, live: Database, *tables: str, level: Any = "content") -> list[str]:
    options = VerifyOptions(level=level, tables=tables)
    return [
        finding.message for finding in errors_in(verify(taken.dump, live, options=options).findings)
    ]


def test_no_change_is_silent(live: Database, taken: Backup) -> None:
    verification = verify(taken.dump, live)
    assert not verification.findings
    assert verification.verdict == "ok"
    for tables in ("users", "*", "*.*", "events_0", '"Other"."Weird, Name"'):
        for level in ("counts", "content"):
            assert not messages(taken, live, tables, level=level)


def test_counts_alone_read_no_row_of_either_side(live: Database, taken: Backup) -> None:
    whole = taken.dump.read_bytes()
    try:
        taken.dump.write_bytes(b"nobody looks at it")  # nor at the live rows, which differ
        run_sql(live, "UPDATE users SET email = email || ' '; SELECT lo_put(4711, 0, 'X');")
        verification = verify(taken.dump, live, options=COUNTS)
        assert [finding.message for finding in verification.findings] == [
            "content was not compared: --level counts looks at numbers of rows, and at definitions"
        ]
        assert verification.verdict == "ok"
        with pytest.raises(DumpRefused):
            verify(taken.dump, live)
    finally:
        taken.dump.write_bytes(whole)
    assert "users: 3 rows differ" in messages(taken, live)
    run_sql(
        live,
        "DELETE FROM lists WHERE id = 1; DROP INDEX lists_user; INSERT INTO events VALUES ('calm', 3)",
    )
    assert {*messages(taken, live, level="counts")} == {
        "events: 1 row more than in the backup (3 instead of 2)",
        "lists: 1 row missing (2 instead of 3)",
        "index lists_user is gone",
    }


def test_counts_of_a_backup_of_some_rows(live: Database, tmp_path: Path) -> None:
    request = TableRequest(
        ["users", "notes"], where=["users=share > 1"], exclude_columns=["users.data"]
    )
    part = backup_tables(live, request, target="test", directory=tmp_path)
    assert not messages(part, live, level="counts")
    run_sql(live, "DELETE FROM users WHERE id = 1; DELETE FROM lists")
    assert not messages(part, live, level="counts")
    run_sql(live, "DELETE FROM users WHERE id = 2; ALTER TABLE notes ADD x int")
    found = ["users: 1 row missing (1 instead of 2)", "column notes.x is not in the backup"]
    assert messages(part, live, level="counts") == found
    assert messages(part, live, "users", level="counts") == found[:1]
    assert messages(part, live, "users") == ["users: 1 row missing"]
    with pytest.raises(UsageError, match="the backup has no table lists"):
        messages(part, live, "lists")


def test_only_some_tables_and_what_belongs_to_them(live: Database, taken: Backup) -> None:
    run_sql(
        live,
        "INSERT INTO notes VALUES ('new'); COMMENT ON TABLE notes IS 'x'; DROP INDEX lists_user;"
        "ALTER TABLE notes OWNER TO pg_database_owner; SELECT nextval('users_id_seq');"
        "COMMENT ON COLUMN users.email IS 'x'; COMMENT ON CONSTRAINT users_pkey ON users IS 'x';"
        "ALTER TYPE mood ADD VALUE 'sad'; CREATE TABLE added (); INSERT INTO events VALUES ('calm', 3);"
        'DROP TABLE "Other"."Weird, Name"; REFRESH MATERIALIZED VIEW counted WITH NO DATA;',
    )
    of_users = [
        "sequence users_id_seq: last value is 4, was 3",
        "comment table column public.users.email is not in the backup",
        "comment table constraint users_pkey on public.users is not in the backup",
    ]
    of_notes = [
        "notes: 1 row added",
        "comment table public.notes: text is x, was what people write",
    ]
    assert messages(taken, live, "users") == of_users
    assert messages(taken, live, "u?ers") == of_users
    found = messages(taken, live, "notes")
    privileges = {message for message in found if "privilege table public.notes: " in message}
    assert {*found} - privileges == {*of_notes}
    assert privileges
    assert {*messages(taken, live, "users,notes")} == {*messages(taken, live, "users", "notes")}
    assert messages(taken, live, "users,notes")[0] == "notes: 1 row added"
    assert messages(taken, live, "lists") == ["index lists_user is gone"]
    assert messages(taken, live, "added") == ["table added is not in the backup"]
    gone = 'table Other."Weird, Name" is gone'
    for pattern in ('"Other"."Weird, Name"', '"Other".*', '*."Weird, Name"'):
        assert gone in messages(taken, live, pattern)
    for events in ("events", "events_0", "events*"):  # their rows are counted together
        assert messages(taken, live, events) == ["events: 1 row added"]
    models = [PrismaModel("Note", "notes", "public")]
    of_model = VerifyOptions(tables=["Note"], models=models)
    assert len(verify(taken.dump, live, options=of_model).findings) == len(found)


@pytest.mark.parametrize(
    ("tables", "message", "hint"),
    [
        ("user", "no table on either side is named user", "did you mean users?"),
        ("users,zzz", "named zzz", "the backup has"),
        ("no_such.*", "named no_such", ""),
        ("glad", "named glad", ""),
        ("us[ers", "is no pattern", ""),
        ('"users', "names no table", ""),
        ("a.b.c.d", "names no table", ""),
    ],
)
def test_a_name_that_is_no_table_is_an_error(
    tables: str, message: str, hint: str, taken: Backup, server: ThrowawayServer
) -> None:
    with pytest.raises(UsageError, match=r".") as refused:
        messages(taken, server.database("verify_template"), tables)
    assert message in str(refused.value)
    assert hint in refused.value.hint


@given(
    st.lists(
        st.text(min_size=1, max_size=5).filter(lambda t: "\0" not in t), min_size=1, max_size=4
    )
)
def test_names_with_commas_between_them_are_told_apart(names: list[str]) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    assert names_in(",".join(quoted)) == quoted
    assert names_in(" , ".join(quoted)) == quoted


def test_an_expression_keeps_its_commas() -> None:
    assert names_in("a{1,2},(x,y)*,[a,b]c,d") == ["a{1,2}", "(x,y)*", "[a,b]c", "d"]
    assert names_in(",") == [","]


def test_contradicting_options_are_refused(
    taken: Backup, dbsnap_here: Callable[..., Any], server: ThrowawayServer
) -> None:
    url = ["--url", url_of(server.database("verify_template"))]
    for options, words in (
        (["--level", "counts", "--rows"], "reads no rows"),
        (["--row-limit", "3"], "add --rows"),
        (["--tables", "users", "--require-migrations"], "whole database"),
    ):
        run = dbsnap_here("verify", str(taken.dump), *url, *options)
        assert run.returncode == 2
        assert words in run.stderr


def test_counts_on_the_command_line(
    live: Database, taken: Backup, dbsnap_here: Callable[..., Any]
) -> None:
    call = ["verify", str(taken.dump), "--url", url_of(live), "--level", "counts"]
    run = dbsnap_here(*call)
    assert run.returncode == 0
    assert "content was not compared" in run.stdout
    assert "COUNTED" in run.stdout
    assert "VERIFIED" not in run.stdout
    run_sql(live, "DELETE FROM notes")
    run = dbsnap_here(*call, "--json")
    assert run.returncode == 4
    document = json.loads(run.stdout)
    assert document["status"] == "different"
    assert document["level"] == "counts"
    assert document["tables"] is None


def test_a_view_that_was_out_of_date_comes_back_up_to_date(live: Database, tmp_path: Path) -> None:
    run_sql(live, "INSERT INTO users (email) VALUES ('d@x')")
    kept = backup(live, target="test", directory=tmp_path)
    assert not messages(kept, live)
    options = RestoreOptions(drop_old=True)
    restored = restore(kept.dump, live, confirm=lambda _: None, options=options)
    (note,) = restored.findings
    assert note.severity == "note"
    assert note.object == "materialized view public.counted"
    assert "computes it anew" in note.message
    assert messages(kept, live) == ["materialized view counted: the content differs"]


def test_a_view_that_cannot_be_read_is_a_note(live: Database, tmp_path: Path) -> None:
    run_sql(
        live,
        "DROP ROLE IF EXISTS verify_half; CREATE ROLE verify_half LOGIN;"
        'GRANT USAGE ON SCHEMA "Other" TO verify_half; GRANT SELECT ON LARGE OBJECT 4711 TO verify_half;'
        'GRANT SELECT ON ALL TABLES IN SCHEMA public, "Other" TO verify_half;'
        'GRANT SELECT ON ALL SEQUENCES IN SCHEMA public, "Other" TO verify_half;'
        "REVOKE SELECT ON counted FROM verify_half",
    )
    kept = backup(live, target="test", directory=tmp_path)
    verification = verify(kept.dump, live.with_role("verify_half", None))
    (note,) = verification.findings
    assert (note.severity, note.object) == ("note", "materialized view public.counted")
    assert "its rows are not compared" in note.message
    assert verification.verdict == "ok"
    run_sql(live, "DROP OWNED BY verify_half; DROP ROLE verify_half")


def test_rows_in_another_order_are_the_same_rows(live: Database, taken: Backup) -> None:
    run_sql(
        live,
        "CREATE TEMP TABLE kept AS SELECT * FROM notes ORDER BY body DESC NULLS FIRST;"
        "TRUNCATE notes; INSERT INTO notes SELECT * FROM kept;"
        "UPDATE users SET share = share; DROP TABLE kept;",
    )
    assert not verify(taken.dump, live).findings


@pytest.mark.parametrize("known", [True, False])
def test_a_column_s_compression_is_read_where_the_server_knows_it(
    known: bool, new_database: Callable[..., Database]
) -> None:
    """A server before 14 has no attcompression: there the query must be understood, and say nothing."""
    database = new_database(
        "CREATE TABLE words (word text COMPRESSION pglz);"
        "ALTER TABLE words ALTER COLUMN word SET STORAGE external"
    )
    with connect(database) as connection:
        ask = ask_connection(connection)
        version = server_version(connection)

        def ask_older(sql: str) -> Iterable[Any]:
            return ask(sql.replace("attcompression", "attcompressed"))

        objects, _ = read_definitions(ask if known else ask_older, version, kinds=["column"])
    facts = objects["column"]["public.words.word"]
    assert facts["storage"] == "e"
    assert facts.get("compression") == ("p" if known else None)
