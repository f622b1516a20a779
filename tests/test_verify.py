"""One change to a live database at a time: each is caught and named, and no change is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import run_sql

from dbsnap.operations.backup import backup
from dbsnap.operations.catalogue import diff_backups
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute

if TYPE_CHECKING:
    from collections.abc import Callable
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

CHANGES = {
    "row deleted": ("DELETE FROM lists WHERE id = 1", "lists: 1 row missing"),
    "row added": ("INSERT INTO notes VALUES ('new')", "notes: 1 row added"),
    "rows gone and changed": (
        'DELETE FROM lists WHERE id = 3; UPDATE lists SET "userId" = 3',
        "lists: 1 row missing, 2 rows differ",
    ),
    "last digit of a numeric": (
        "UPDATE users SET price = 1.0002 WHERE id = 1",
        "users: 1 row differs",
    ),
    "trailing space": ("UPDATE users SET email = 'b@x ' WHERE id = 2", "users: 1 row differs"),
    "JSONB key": ("UPDATE users SET data = '{\"K\": 1}' WHERE id = 1", "users: 1 row differs"),
    "microsecond": (
        "UPDATE users SET seen = seen + interval '1 microsecond' WHERE id = 1",
        "users: 1 row differs",
    ),
    "array element": ("UPDATE users SET tags = '{a,c}' WHERE id = 1", "users: 1 row differs"),
    "NULL against ''": (
        "UPDATE notes SET body = '' WHERE body IS NULL",
        "notes: 1 row missing, 1 row added",
    ),
    "large object byte": ("SELECT lo_put(4711, 0, 'X')", "large objects: the content differs"),
    "index dropped": ("DROP INDEX lists_user", "index lists_user is gone"),
    "index with another predicate": (
        'DROP INDEX lists_user; CREATE INDEX lists_user ON lists ("userId") WHERE "userId" > 1',
        "index lists_user: definition is",
    ),
    "unique lost": (
        "ALTER TABLE users DROP CONSTRAINT users_email_key",
        "unique constraint users_email_key of users is gone",
    ),
    "foreign key dropped": (
        'ALTER TABLE lists DROP CONSTRAINT "lists_userId_fkey"',
        "foreign key lists_userId_fkey of lists is gone",
    ),
    "foreign key not validated": (
        (
            'ALTER TABLE lists DROP CONSTRAINT "lists_userId_fkey", ADD CONSTRAINT "lists_userId_fkey" '
            'FOREIGN KEY ("userId") REFERENCES users (id) ON DELETE CASCADE NOT VALID'
        ),
        "foreign key lists_userId_fkey is not validated",
    ),
    "another ON DELETE": (
        (
            'ALTER TABLE lists DROP CONSTRAINT "lists_userId_fkey", ADD CONSTRAINT "lists_userId_fkey" '
            'FOREIGN KEY ("userId") REFERENCES users (id)'
        ),
        "foreign key lists_userId_fkey: definition is",
    ),
    "check gone": (
        "ALTER TABLE users DROP CONSTRAINT users_price_check",
        "check constraint users_price_check of users is gone",
    ),
    "default": ("ALTER TABLE users ALTER mood SET DEFAULT 'glad'", "column users.mood: default is"),
    "not null": (
        "ALTER TABLE users ALTER email DROP NOT NULL",
        "column users.email: nullable is yes",
    ),
    "type": ("ALTER TABLE users ALTER share TYPE integer", "column users.share: type is integer"),
    "collation": (
        'DROP POLICY own ON notes; ALTER TABLE notes ALTER body TYPE text COLLATE "C"',
        "column notes.body: collation",
    ),
    "column added": ("ALTER TABLE notes ADD extra int", "column notes.extra is not in the backup"),
    "sequence value": (
        "SELECT nextval('users_id_seq')",
        "sequence users_id_seq: last value is 4, was 3",
    ),
    "sequence increment": ("ALTER SEQUENCE users_id_seq INCREMENT 2", "increment is 2, was 1"),
    "sequence owner": ("ALTER SEQUENCE users_id_seq OWNED BY NONE", "owned by is nothing"),
    "trigger dropped": ("DROP TRIGGER touched ON users", "trigger users.touched is gone"),
    "trigger disabled": (
        "ALTER TABLE users DISABLE TRIGGER touched",
        "users.touched: enabled is no",
    ),
    "function body": (
        (
            "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RETURN OLD; END'"
        ),
        "function touch(): definition is",
    ),
    "view body": (
        "CREATE OR REPLACE VIEW glad AS SELECT id, email FROM users WHERE mood <> 'calm'",
        "view glad: definition is",
    ),
    "materialized view emptied": (
        "REFRESH MATERIALIZED VIEW counted WITH NO DATA",
        "materialized view counted is not populated",
    ),
    "enum label": ("ALTER TYPE mood ADD VALUE 'sad'", "type mood: definition is"),
    "domain check": (
        "ALTER DOMAIN percent DROP CONSTRAINT percent_check",
        "type percent: definition is",
    ),
    "policy": ("ALTER POLICY own ON notes USING (true)", "policy notes.own: definition is"),
    "row security": ("ALTER TABLE notes ENABLE ROW LEVEL SECURITY", "notes: row security is yes"),
    "comment": ("COMMENT ON TABLE notes IS 'else'", "text is else, was what people write"),
    "privilege": ("GRANT SELECT ON notes TO PUBLIC", "privilege table public.notes: acl is"),
    "table dropped": ("DROP TABLE notes", "table notes is gone"),
    "table added": ("CREATE TABLE more ()", "table more is not in the backup"),
    "schema added": ("CREATE SCHEMA more", "schema more is not in the backup"),
}


@pytest.fixture(scope="module")
def taken(server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory) -> Backup:
    """Back up one healthy database that all changes are measured against."""
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE verify_template")
    database = server.database("verify_template")
    run_sql(database, DATABASE)
    return backup(database, target="test", directory=tmp_path_factory.mktemp("backups"))


@pytest.fixture
def live(new_database: Callable[..., Database]) -> Database:
    """Give a fresh copy of the healthy database."""
    return new_database(DATABASE)


def test_no_change_is_silent(live: Database, taken: Backup) -> None:
    verification = verify(taken.dump, live)
    assert not verification.findings
    assert verification.verdict == "ok"


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_caught_and_named(change: str, live: Database, taken: Backup) -> None:
    sql, message = CHANGES[change]
    run_sql(live, sql + ";")
    found = [finding.message for finding in verify(taken.dump, live).findings]
    assert any(message in each for each in found), found


def test_rows_in_another_order_are_the_same_rows(live: Database, taken: Backup) -> None:
    run_sql(
        live,
        "CREATE TEMP TABLE kept AS SELECT * FROM notes ORDER BY body DESC NULLS FIRST;"
        "TRUNCATE notes; INSERT INTO notes SELECT * FROM kept;"
        "UPDATE users SET share = share; DROP TABLE kept;",
    )
    assert not verify(taken.dump, live).findings


def test_the_difference_of_two_records(live: Database, taken: Backup, tmp_path: Path) -> None:
    first = backup(live, target="test", directory=tmp_path)
    run_sql(live, "DELETE FROM lists WHERE id = 1; DROP INDEX lists_user;")
    second = backup(live, target="test", directory=tmp_path)
    _, _, findings = diff_backups(tmp_path, first.record.id, second.record.id)
    assert [finding.message for finding in findings] == [
        "lists: 1 row missing (2 instead of 3)",
        "index lists_user is gone",
    ]
    assert not diff_backups(tmp_path, second.record.id, second.record.id)[2]
