"""diff: what changed between two backups, or in the live database since one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import run_sql, url_of

from dbsnap.errors import UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.diff import TableChange, diff_backups, diff_live
from dbsnap.operations.table_backup.plan import TableRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.operations.diff import Difference
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

DATABASE = """
CREATE TABLE users (id int PRIMARY KEY, email text);
CREATE TABLE lists (id int PRIMARY KEY, "userId" int CONSTRAINT fk REFERENCES users (id));
CREATE TABLE notes (body text);
CREATE INDEX lists_user ON lists ("userId");
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
    finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
INSERT INTO users VALUES (1, 'a@x'), (2, 'b@x'), (3, 'c@x');
INSERT INTO lists VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO notes VALUES ('x'), ('y');
INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name)
    VALUES ('1', 'a', now(), '1_init');
CREATE MATERIALIZED VIEW counted AS SELECT body FROM notes;
"""

CHANGES = """
DELETE FROM lists WHERE id = 1;
DROP INDEX lists_user;
ALTER TABLE lists DROP CONSTRAINT fk;
ALTER TABLE users ADD name text;
ALTER TABLE users ALTER email SET NOT NULL;
INSERT INTO users VALUES (4, 'd@x', 'D');
UPDATE notes SET body = 'z' WHERE body = 'y';
INSERT INTO notes VALUES ('new');
REFRESH MATERIALIZED VIEW counted;
DELETE FROM notes WHERE body = 'new';
CREATE TABLE added (id int);
INSERT INTO added VALUES (1);
INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name)
    VALUES ('2', 'b', now(), '2_name');
"""

COMMON = {
    "column users.name was added",
    "column users.email: nullable is no, was yes",
    "index lists_user was dropped",
    "foreign key fk of lists was dropped",
    "migration 2_name was added",
    "table added was added",
}
BY_RECORD = {
    "users: 1 row more (4, was 3)",
    "lists: 1 row fewer (2, was 3)",
    "notes: rows changed, or were rewritten in another order",
    "materialized view counted: 1 row more (3, was 2)",
    "_prisma_migrations: 1 row more (2, was 1)",
}
BY_ROW = {
    "lists: 1 row missing",
    "notes: 1 row missing, 1 row added",
    "materialized view counted: 1 row more than in the backup (3 instead of 2)",
    "_prisma_migrations: 1 row added",
}


def said(difference: Difference) -> set[str]:
    return {finding.message for finding in difference.changes if "not-null" not in finding.message}


@pytest.fixture
def database(new_database: NewDatabase) -> Database:
    return new_database(DATABASE)


def test_what_changed_is_named_with_rows_and_sizes(database: Database, tmp_path: Path) -> None:
    first = backup(database, target="test", directory=tmp_path)
    same = diff_backups(tmp_path, first.record.id, "latest")
    assert not same.findings
    assert not same.tables
    run_sql(database, CHANGES)
    second = backup(database, target="test", directory=tmp_path)
    first.dump.write_text("the records are all it takes")
    second.dump.write_text("nobody looks at it")
    difference = diff_backups(tmp_path, first.record.id, second.record.id)
    assert said(difference) - COMMON == BY_RECORD
    assert said(difference) >= COMMON
    sizes = {table.table: table for table in difference.tables}
    assert sizes["public.users"] == TableChange("public.users", "changed", 3, 4, 18, 35)
    assert sizes["public.added"] == TableChange("public.added", "added", None, 1, None, 2)
    assert difference.bytes_after == second.record.dump.raw_bytes
    back = diff_backups(tmp_path, second.record.id, first.record.id)
    assert {"table added was dropped", "users: 1 row fewer (3, was 4)"} <= said(back)


def test_since_a_backup(database: Database, tmp_path: Path) -> None:
    first = backup(database, target="test", directory=tmp_path)
    assert not diff_live(first.dump, first.record, database).findings
    run_sql(database, CHANGES)
    difference = diff_live(first.dump, first.record, database)
    assert said(difference) >= COMMON | BY_ROW
    assert {message.partition(":")[0] for message in said(difference) - COMMON} == {
        message.partition(":")[0] for message in BY_RECORD
    }
    assert {t.table: t.rows_after for t in difference.tables} == {
        "public.users": 4,
        "public.lists": 2,
        "public._prisma_migrations": 2,
        "public.added": 1,
    }


def test_backups_of_tables_are_compared_as_far_as_both_go(
    database: Database, tmp_path: Path
) -> None:
    def part(*tables: str, **request: Any) -> str:
        wanted = TableRequest(tables, **request)
        return backup_tables(database, wanted, target="t", directory=tmp_path).record.id

    whole = backup(database, target="test", directory=tmp_path).record.id
    some, filtered = part("users", "notes"), part("users", "lists", where=["users=id > 1"])
    run_sql(database, CHANGES)
    later = part("users", "notes", "lists")
    of_users = {"column users.name was added", "column users.email: nullable is no, was yes"}
    rows = {
        "users: 1 row more (4, was 3)",
        "notes: rows changed, or were rewritten in another order",
    }
    assert said(diff_backups(tmp_path, some, later)) == of_users | rows
    assert said(diff_backups(tmp_path, whole, later)) >= of_users | rows | {
        "lists: 1 row fewer (2, was 3)",
        "index lists_user was dropped",
    }
    of_another_part = diff_backups(tmp_path, filtered, later)
    assert not {message for message in said(of_another_part) if message.startswith("users: ")}
    notes = [f.message for f in of_another_part.findings if f.severity == "note"]
    assert notes[0] == "compared are the tables that both backups hold: users, lists"
    assert notes[1].startswith("users: the backups hold other rows or columns of it")
    with pytest.raises(UsageError, match="no table in common"):
        diff_backups(tmp_path, part("notes"), filtered)


def test_on_the_command_line(
    database: Database, tmp_path: Path, dbsnap_here: Callable[..., Any]
) -> None:
    first = backup(database, target="test", directory=tmp_path).record.id
    run_sql(database, CHANGES)
    backup(database, target="test", directory=tmp_path)
    here = ["--dir", str(tmp_path)]
    shown = dbsnap_here("diff", first, *here)
    assert shown.returncode == 0
    assert "✗ index lists_user was dropped" in shown.stdout, shown.stdout
    assert any(
        line.split() == ["users", "4", "3", "35", "bytes", "18", "bytes"]
        for line in shown.stdout.splitlines()
    )
    assert any(
        line.split()[0] == "added" and line.endswith("added") for line in shown.stdout.splitlines()
    )
    assert dbsnap_here("diff", first, *here, "--exit-code").returncode == 4
    assert dbsnap_here("diff", "latest", *here, "--exit-code").returncode == 0
    live = ["--live", "--url", url_of(database)]
    assert dbsnap_here("diff", "latest", *live, *here, "--exit-code").returncode == 0
    document = json.loads(dbsnap_here("diff", first, *live, *here, "--json").stdout)
    assert document["status"] == "different"
    assert document["bytes"]["after"] is None
    users = next(table for table in document["tables"] if table["table"] == "public.users")
    assert (users["rows_before"], users["rows_after"], users["change"]) == (3, 4, "changed")
    for wrong in (
        [first, "latest", *live],
        [first, "--url", url_of(database)],
        [first, "--target", "x"],
    ):
        assert dbsnap_here("diff", *wrong, *here).returncode == 2
