"""Tables put back into a live database: what is there afterwards, and what is said before."""

from __future__ import annotations

import json
import shlex
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from conftest import SCHEMAS, Started, address_of, eventually, query, run_sql, sessions

from dbsnap.archive.storage import find_record
from dbsnap.errors import (
    ConfirmationNeeded,
    OperationFailed,
    RightMissing,
    ServerFailed,
    UsageError,
    VerificationFailed,
)
from dbsnap.inventory import split_name
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.restore_tables import restore_tables
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_restore.plan import TableRestoreOptions
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_name
from dbsnap.report import errors_in

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.operations.table_restore.plan import TablesPlan
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]
    Dbsnap = Callable[..., subprocess.CompletedProcess[str]]

SHOP = """
CREATE TYPE kind AS ENUM ('furniture', 'clothing');
CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE);
CREATE TABLE mods (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author_id integer REFERENCES authors ON DELETE CASCADE,
    kind kind NOT NULL,
    title varchar(40) NOT NULL,
    slug text GENERATED ALWAYS AS (lower(title)) STORED UNIQUE,
    position integer NOT NULL UNIQUE,
    details json,
    updated_at timestamptz NOT NULL DEFAULT '2026-01-01'
);
COMMENT ON COLUMN mods.title IS 'shown';
CREATE TABLE favorites (
    mod_id integer REFERENCES mods ON DELETE CASCADE, who text, PRIMARY KEY (mod_id, who)
);
CREATE TABLE visits (mod_id integer REFERENCES mods ON DELETE SET NULL, at date);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN NEW.updated_at := '2030-01-01'; RETURN NEW; END$$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON mods FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE mods ENABLE ALWAYS TRIGGER touch;
INSERT INTO authors (name, email) VALUES ('Ada', 'ada@x'), ('Bob', 'bob@x');
ALTER TABLE mods DISABLE TRIGGER touch;
INSERT INTO mods (author_id, kind, title, position, details)
    SELECT 1 + i % 2, 'furniture', 'Mod ' || i, i, '{"i" : 1}' FROM generate_series(1, 6) AS i;
ALTER TABLE mods ENABLE ALWAYS TRIGGER touch;
INSERT INTO favorites SELECT i, 'eve' FROM generate_series(1, 6) AS i;
INSERT INTO visits SELECT i, '2026-01-01' FROM generate_series(1, 6) AS i;
"""


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that backs up a database and returns the dump."""

    def take_backup(database: Database, **options: Any) -> Path:
        return backup(database, target="test", directory=tmp_path / "backups", **options).dump

    return take_backup


def put_back(dump: Path, database: Database, *only: str, **options: Any) -> TablesPlan:
    """Restore tables without asking; return the plan."""
    return restore_tables(
        dump,
        database,
        show=lambda _plan: None,
        confirm=lambda _plan: None,
        save=None,
        options=TableRestoreOptions(only=only, **options),
    ).plan


def plan_of(dump: Path, database: Database, *only: str, **options: Any) -> TablesPlan:
    """Return the plan of a restore that is not confirmed, or that cannot be done."""
    shown: list[TablesPlan] = []

    def refuse(_plan: TablesPlan) -> None:
        raise ConfirmationNeeded("no")

    with pytest.raises((ConfirmationNeeded, OperationFailed)):
        restore_tables(
            dump,
            database,
            show=shown.append,
            confirm=refuse,
            save=None,
            options=TableRestoreOptions(only=only, **options),
        )
    return shown[0]


def everything(database: Database, *tables: str) -> list[list[tuple[Any, ...]]]:
    return [query(database, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables]


def test_rows_come_back_as_they_were_and_nothing_of_the_table_acts_on_them(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    before = everything(database, "mods", "favorites")
    dump = take(database)
    run_sql(
        database,
        "UPDATE mods SET title = 'Damaged', details = NULL WHERE id = 2;"
        "UPDATE mods SET details = '{\"i\": 1}' WHERE id = 3;"
        "DELETE FROM mods WHERE id = 4;"
        "INSERT INTO mods (kind, title, position) VALUES ('clothing', 'New', 7);",
    )
    added = query(database, "SELECT * FROM mods WHERE id = 7")
    plan = put_back(dump, database, "mods")
    assert query(database, "SELECT * FROM mods WHERE id = 7") == added
    run_sql(database, "DELETE FROM mods WHERE id = 7")
    assert everything(database, "mods")[0] == before[0]
    (table,) = plan.tables
    assert (table.inserted.count, table.updated.count, table.unchanged) == (1, 2, 3)
    assert (table.inserted.names, table.updated.names) == (("id=4",), ("id=2", "id=3"))
    assert dict(table.changed_columns) == {"title": 1, "details": 2, "updated_at": 2}
    # The favorite that went with the mod comes back too, in one run with it or later.
    assert put_back(dump, database, "favorites").tables[0].inserted.count == 1
    assert everything(database, "favorites")[0] == before[1]
    state = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
    assert query(database, state) == [("touch", "A")]
    assert not put_back(dump, database, "mods", "favorites", "authors").changes_anything


def test_replacing_makes_tables_exactly_the_backup_s_with_what_follows_elsewhere(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    before = everything(database, "mods")
    run_sql(
        database,
        "INSERT INTO mods (kind, title, position) SELECT 'furniture', 'x' || i, i "
        "FROM generate_series(7, 11) AS i;"
        "INSERT INTO favorites VALUES (7, 'eve'), (7, 'joe'), (8, 'eve');"
        "INSERT INTO visits VALUES (9, '2026-02-02');",
    )
    plan = put_back(dump, database, "mods", mode="replace")
    assert everything(database, "mods") == before
    assert query(database, "SELECT count(*) FROM favorites") == [(6,)]
    assert query(database, "SELECT mod_id FROM visits WHERE at = '2026-02-02'") == [(None,)]
    assert plan.tables[0].deleted.count == 5
    assert str(plan.tables[0].deleted) == "5 (id=7, id=8, id=9, …)"
    assert [(e.table, e.deleted, e.rows.count) for e in plan.effects] == [
        ("favorites", True, 3),
        ("visits", False, 1),
    ]
    # The sequence is ahead of the backup's and stays there.
    assert query(database, "SELECT last_value FROM mods_id_seq") == [(11,)]


def test_inserting_adds_what_is_missing_and_touches_nothing_else(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(database, "DELETE FROM mods WHERE id = 1; UPDATE mods SET title = 'Mine' WHERE id = 2;")
    rows = "SELECT id, title, xmin::text FROM mods WHERE id > 1 ORDER BY 1"
    before = query(database, rows)
    plan = put_back(dump, database, "mods", mode="insert")
    assert query(database, rows) == before
    assert query(database, "SELECT title FROM mods WHERE id = 1") == [("Mod 1",)]
    assert (plan.tables[0].kept.count, plan.tables[0].kept.names) == (1, ("id=2",))


def test_a_sequence_moves_up_to_the_backup_s_value_and_never_back(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        "CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE d (id int PRIMARY KEY);"
        "CREATE SEQUENCE down INCREMENT -1 OWNED BY d.id; SELECT setval('down', -5);"
        "INSERT INTO t SELECT FROM generate_series(1, 9);"
    )
    dump = take(database)
    run_sql(database, "TRUNCATE t RESTART IDENTITY; SELECT setval('down', -2);")
    plan = put_back(dump, database, "t", "d")
    assert [(move.sequence, move.value) for move in plan.sequences] == [
        ("down", -5),
        ("t_id_seq", 9),
    ]
    assert query(database, "SELECT nextval('t_id_seq'), nextval('down')") == [(10, -6)]
    assert put_back(dump, database, "t", "d").sequences == ()
    assert query(database, "SELECT nextval('t_id_seq'), nextval('down')") == [(11, -7)]


def test_tables_that_reference_each_other_and_themselves(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        "CREATE TABLE people (id int PRIMARY KEY, boss int REFERENCES people, team int);"
        "CREATE TABLE teams (id int PRIMARY KEY, lead int NOT NULL REFERENCES people);"
        "INSERT INTO people VALUES (1, 2, NULL), (2, 3, NULL), (3, 1, NULL);"
        "INSERT INTO teams VALUES (1, 1), (2, 3); UPDATE people SET team = 1;"
        "ALTER TABLE people ADD FOREIGN KEY (team) REFERENCES teams;"
    )
    before = everything(database, "people", "teams")
    dump = take(database)
    run_sql(
        database,
        "UPDATE people SET team = NULL, boss = NULL; TRUNCATE people, teams;"
        "INSERT INTO people VALUES (4, NULL, NULL), (3, 4, NULL); INSERT INTO teams VALUES (1, 4);",
    )
    put_back(dump, database, "people", "teams", mode="replace")
    assert everything(database, "people", "teams") == before
    run_sql(database, "UPDATE people SET team = NULL; DELETE FROM teams")
    plan = plan_of(dump, database, "people")
    assert "reference rows of teams that are not there" in plan.problems[0].message
    assert put_back(dump, database, "people", "teams").changes_anything
    assert everything(database, "people", "teams") == before


@pytest.mark.parametrize(("demand", "action"), [("", "CASCADE"), ("NOT NULL", "NO ACTION")])
def test_rows_that_exchange_a_unique_value(
    new_database: NewDatabase, take: Callable[..., Path], demand: str, action: str
) -> None:
    database = new_database(
        f"CREATE TABLE t (id int PRIMARY KEY, place int {demand} UNIQUE);"
        f"CREATE TABLE c (place int REFERENCES t (place) ON UPDATE {action});"
        "INSERT INTO t SELECT i, i FROM generate_series(1, 5) AS i;"
    )
    before = everything(database, "t")
    dump = take(database)
    definitions = (
        "SELECT conname, pg_get_constraintdef(oid), condeferrable FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1"
    )
    constraints = query(database, definitions)
    run_sql(
        database,
        "ALTER TABLE c DISABLE TRIGGER ALL; ALTER TABLE t DISABLE TRIGGER ALL;"
        "UPDATE t SET place = (id % 5) + 100; UPDATE t SET place = place - 99;"
        "ALTER TABLE c ENABLE TRIGGER ALL; ALTER TABLE t ENABLE TRIGGER ALL; INSERT INTO c VALUES (3)",
    )
    if action == "CASCADE":
        assert "cannot tell whom to follow" in plan_of(dump, database, "t").problems[0].message
        run_sql(database, "DELETE FROM c")
    put_back(dump, database, "t")
    assert everything(database, "t") == before
    assert query(database, definitions) == constraints


def test_columns_that_came_went_or_changed(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(
        database,
        "ALTER TABLE mods DROP COLUMN details, ADD COLUMN stars int DEFAULT 3;"
        "UPDATE mods SET stars = 5 WHERE id = 1; UPDATE mods SET title = 'x' WHERE id = 1;"
        "DELETE FROM mods WHERE id = 2;",
    )
    with pytest.raises(UsageError, match="no longer has the column details"):
        put_back(dump, database, "mods")
    put_back(dump, database, "mods", ignore_columns=("mods.details",))
    assert query(database, "SELECT id, title, stars FROM mods WHERE id < 3 ORDER BY 1") == [
        (1, "Mod 1", 5),
        (2, "Mod 2", 3),
    ]
    run_sql(
        database,
        "ALTER TABLE mods ALTER kind TYPE varchar(80), ALTER position TYPE bigint;"
        "UPDATE mods SET author_id = NULL, kind = 'y' WHERE id = 3;",
    )
    with pytest.raises(UsageError) as refused:
        put_back(dump, database, "mods", ignore_columns=("details",))
    assert "kind was public.kind, is character varying(80)" in str(refused.value)
    assert "position was integer, is bigint" in str(refused.value)
    put_back(dump, database, "mods", ignore_columns=("details,kind,position",))
    assert query(database, "SELECT author_id, kind FROM mods WHERE id = 3") == [(2, "y")]
    with pytest.raises(UsageError, match="nonsense names no column of mods"):
        put_back(dump, database, "mods", ignore_columns=("nonsense",))


def test_a_missing_table_is_created_with_all_that_is_its_own(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    before = everything(database, "mods", "authors")
    dump = take(database)
    run_sql(
        database,
        "DROP TABLE mods CASCADE; DROP TYPE kind; DROP TABLE authors; DROP FUNCTION touch;",
    )
    plan = put_back(dump, database, "mods")
    assert any("mods_author_id_fkey is left out" in note for note in plan.notes)
    assert everything(database, "mods")[0] == before[0]
    assert plan.tables[0].created
    put_back(dump, database, "authors")
    assert everything(database, "authors")[0] == before[1]
    again = take(database)
    facts = [
        {
            kind: {
                n: f
                for n, f in json.loads(d.with_suffix(".json").read_text())["inventory"]["objects"][
                    kind
                ].items()
                if f.get("table", n) in {"public.mods", "public.authors"}
                or kind in {"type", "sequence", "function"}
            }
            for kind in ("column", "index", "constraint", "trigger", "type", "sequence", "function")
        }
        for d in (dump, again)
    ]
    del facts[0]["constraint"]["public.mods.mods_author_id_fkey"]
    assert facts[0] == facts[1]


def test_a_missing_partition_comes_back_with_its_rows(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        "CREATE TABLE events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');"
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');"
        "INSERT INTO events VALUES (1, '2026-01-05'), (2, '2026-02-05'), (3, '2026-02-06');"
    )
    before = everything(database, "events")
    dump = take(database)
    run_sql(
        database,
        "DROP TABLE events_2; CREATE TABLE events_3 PARTITION OF events FOR VALUES "
        "FROM ('2026-03-01') TO ('2026-04-01'); UPDATE events SET at = '2026-03-01' WHERE id = 1;",
    )
    put_back(dump, database, "events", mode="replace")
    assert everything(database, "events") == before
    assert query(database, "SELECT count(*) FROM events_2") == [(2,)]


def test_a_value_that_a_row_which_stays_holds_is_named_before_anything_is_done(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        SHOP + "CREATE UNIQUE INDEX one_mail ON authors (lower(email)) WHERE id > 0"
    )
    dump = take(database)
    run_sql(
        database, "DELETE FROM authors WHERE id = 2; INSERT INTO authors VALUES (9, 'X', 'BOB@x')"
    )
    before = everything(database, "authors", "mods")
    with pytest.raises(OperationFailed) as refused:
        put_back(dump, database, "authors")
    assert "same one_mail: id=2 needs what id=9 has" in str(refused.value)
    assert everything(database, "authors", "mods") == before


def test_rows_that_stay_but_reference_what_goes_are_named(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)"
    )
    dump = take(database)
    run_sql(database, "INSERT INTO p VALUES (1); INSERT INTO c VALUES (5, 1)")
    plan = plan_of(dump, database, "p", mode="replace")
    assert "1 row of c (id=5) would reference rows of p that go" in plan.problems[0].message
    put_back(dump, database, "p", "c", mode="replace")
    assert query(database, "SELECT * FROM p") == []


def test_filters_restore_a_part(new_database: NewDatabase, take: Callable[..., Path]) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(
        database,
        "UPDATE mods SET title = 'x' || id WHERE id IN (1, 5);"
        "INSERT INTO mods (kind, title, position) "
        "VALUES ('clothing', 'New', 7), ('clothing', 'Odd', 70);"
        "UPDATE mods SET kind = 'clothing' WHERE id = 6;",
    )
    plan = put_back(dump, database, "mods", where=("mods.id < 4 AND slug <> '' -- the first",))
    assert (plan.tables[0].staged, plan.tables[0].updated.count) == (3, 1)
    plan = put_back(
        dump, database, "mods", mode="replace", where=("kind = 'clothing' AND position < 9",)
    )
    # What the filter selects now, or in the backup: mod 6 is furniture again, the new one goes.
    assert (plan.tables[0].updated.names, plan.tables[0].deleted.names) == (("id=6",), ("id=7",))
    rows = query(database, "SELECT id, title FROM mods WHERE id IN (1, 5, 6, 7, 8) ORDER BY 1")
    assert rows == [(1, "Mod 1"), (5, "x5"), (6, "Mod 6"), (8, "Odd")]
    for wrong, words in (
        ("titel = 'x'", 'column "titel" does not exist, at character 1'),
        ("s.id < 3", 'missing FROM-clause entry for table "s", at character 1'),
        ("true) OR (true", "closes a parenthesis that it did not open"),
        ("true; DROP TABLE mods", "semicolon"),
    ):
        with pytest.raises(UsageError, match=words):
            put_back(dump, database, "mods", where=(wrong,))


def test_tables_without_a_key(new_database: NewDatabase, take: Callable[..., Path]) -> None:
    database = new_database("CREATE TABLE log (what text, how json, place point)")
    run_sql(
        database,
        "INSERT INTO log VALUES ('a', '{}', '(1,2)'), ('a', '{}', '(1,2)'), ('b', NULL, NULL)",
    )
    before = everything(database, "log")
    dump = take(database)
    run_sql(
        database,
        "DELETE FROM log WHERE what = 'a';"
        "INSERT INTO log VALUES ('a', '{}', '(1,2)'), ('c', NULL, NULL)",
    )
    with pytest.raises(UsageError, match="log has no key"):
        put_back(dump, database, "log")
    assert put_back(dump, database, "log", mode="insert").tables[0].inserted.count == 1
    plan = put_back(dump, database, "log", mode="replace")
    assert plan.tables[0].deleted.names == ("what=c how=NULL place=NULL",)
    assert everything(database, "log") == before


def test_who_holds_the_lock_is_said_and_nothing_waits_longer(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(database, "DELETE FROM mods WHERE id = 1")
    with connect(database, purpose="the cleanup script") as other:
        execute(other, "BEGIN; UPDATE public.mods SET title = 'locked' WHERE id = 2")
        began = time.monotonic()
        with pytest.raises(ServerFailed) as refused:
            put_back(dump, database, "mods", lock_timeout_seconds=0.2)
        assert time.monotonic() - began < 5
        for word in ("mods is held by session", str(other.info.backend_pid), "the cleanup script"):
            assert word in str(refused.value)
        execute(other, "ROLLBACK")
        execute(other, "BEGIN; SELECT FROM public.authors WHERE id = 2 FOR UPDATE")
        with pytest.raises(ServerFailed, match="authors is held by session"):
            put_back(dump, database, "mods", lock_timeout_seconds=0.2)
        execute(other, "ROLLBACK")
        # What shuts out readers, too, shuts out whoever looks at a table's definition.
        execute(other, "BEGIN; LOCK TABLE public.mods")
        began = time.monotonic()
        with pytest.raises(ServerFailed, match=r"mods is held by session .*the cleanup script"):
            put_back(dump, database, "mods", lock_timeout_seconds=0.2)
        with pytest.raises(ServerFailed, match=r"mods is locked by session .*the cleanup script"):
            backup_tables(
                database,
                TableRequest(["mods"]),
                target="test",
                directory=dump.parent,
                lock_wait_seconds=1,
            )
        assert time.monotonic() - began < 5
        execute(other, "ROLLBACK")
        # Readers are in nobody's way.
        execute(other, "BEGIN; SELECT count(*) FROM public.mods")
        assert put_back(dump, database, "mods").tables[0].inserted.count == 1


def test_a_plain_owner_can_do_it_all(
    server: ThrowawayServer, new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    run_sql(
        database,
        "CREATE TABLE notes (id int PRIMARY KEY, body text);"
        "INSERT INTO notes VALUES (1, 'one'), (2, 'two');"
        "CREATE RULE keep AS ON DELETE TO notes DO INSTEAD NOTHING;"
        "CREATE RULE log AS ON UPDATE TO notes DO ALSO SELECT 1;"
        "ALTER TABLE notes ENABLE ALWAYS RULE log;"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY one ON notes USING (id = 1);"
        "CREATE EXTENSION IF NOT EXISTS plpgsql; GRANT ALL ON SCHEMA public TO PUBLIC;",
    )
    dump = take(database)
    role = f"owner_{database.name}"
    with connect(server.database()) as connection:
        execute(connection, f"CREATE ROLE {role} LOGIN NOCREATEDB")
    try:
        run_sql(
            database,
            "".join(
                f"ALTER TABLE {t} OWNER TO {role};"
                for t in ("mods", "favorites", "visits", "authors", "notes")
            )
            + "UPDATE notes SET body = 'x'; INSERT INTO notes VALUES (3, 'new'); DELETE FROM mods;",
        )
        owner = database.with_role(role, None)
        state = (
            "SELECT ev_enabled, relforcerowsecurity FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class "
            "WHERE relname = 'notes' ORDER BY rulename"
        )
        before = query(database, state)
        put_back(dump, owner, "notes", "mods", mode="replace")
        assert query(database, "SELECT * FROM notes ORDER BY 1") == [(1, "one"), (2, "two")]
        assert query(database, "SELECT count(*) FROM mods") == [(6,)]
        assert query(database, state) == before == [("O", True), ("A", True)]
        run_sql(database, "ALTER TABLE mods OWNER TO postgres; DELETE FROM mods")
        with pytest.raises(RightMissing):
            put_back(dump, owner, "mods")
    finally:
        run_sql(
            database,
            f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}",
        )


def test_what_differs_from_the_backup_in_the_end_is_rolled_back(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(
        database,
        "DELETE FROM mods WHERE id = 1;"
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$BEGIN UPDATE public.mods SET title = 'Meddled' WHERE id = 2; END$$;"
        "CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('ALTER TABLE') "
        "EXECUTE FUNCTION meddle();",
    )
    before = everything(database, "mods")
    with pytest.raises(VerificationFailed) as refused:
        put_back(dump, database, "mods")
    assert "1 rows of mods differ" in str(refused.value)
    assert everything(database, "mods") == before


def test_killed_in_the_middle_nothing_has_happened(
    server: ThrowawayServer, new_database: NewDatabase, take: Callable[..., Path], tmp_path: Path
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(database, "DELETE FROM mods; DELETE FROM favorites")
    with connect(database) as other:
        # The check of a foreign key waits for this row, when all rows of mods are already inserted.
        execute(other, "BEGIN; SELECT FROM public.authors WHERE id = 2 FOR UPDATE")
        started = Started(
            *("restore", str(dump), "--only", "mods", "--yes", "--url", address_of(database)),
            *("--lock-timeout", "60", "--no-safety-backup"),
            cwd=tmp_path,
        )
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'dbsnap restore' "
            "AND wait_event_type = 'Lock' AND query LIKE 'WITH %'"
        )
        assert eventually(lambda: query(database, waiting)), started.text
        started.kill()
        execute(other, "ROLLBACK")
    assert eventually(lambda: not sessions(server, "dbsnap restore"))
    assert query(database, "SELECT count(*) FROM mods") == [(0,)]
    assert query(database, "SELECT tgenabled FROM pg_trigger WHERE tgname = 'touch'") == [("A",)]


def test_writers_wait_until_it_is_done(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(database, "DELETE FROM mods WHERE id = 1")
    written = threading.Event()

    def write() -> None:
        query(
            database,
            "INSERT INTO mods (kind, title, position) VALUES ('clothing', 'Late', 9) RETURNING 1",
        )
        written.set()

    writer = threading.Thread(target=write)

    def confirm(_plan: TablesPlan) -> None:
        writer.start()
        assert query(database, "SELECT count(*) FROM mods") == [(5,)]
        assert not written.wait(0.3)

    restore_tables(
        dump,
        database,
        show=lambda _plan: None,
        confirm=confirm,
        save=None,
        options=TableRestoreOptions(only=("mods",), mode="replace"),
    )
    writer.join(10)
    assert query(database, "SELECT count(*) FROM mods") == [(7,)]


def test_rows_that_no_longer_fit_are_named(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(SHOP)
    dump = take(database)
    run_sql(
        database,
        "DELETE FROM mods WHERE id = 1; UPDATE mods SET details = '{}' WHERE details IS NULL;"
        "ALTER TABLE mods ADD CHECK (position > 1);",
    )
    with pytest.raises(OperationFailed, match="violates check constraint"):
        put_back(dump, database, "mods")
    run_sql(
        database,
        "ALTER TYPE kind RENAME VALUE 'furniture' TO 'chairs'; ALTER TABLE authors ADD COLUMN age int;"
        "UPDATE authors SET age = 1; ALTER TABLE authors ALTER age SET NOT NULL; DELETE FROM authors;",
    )
    with pytest.raises(
        OperationFailed, match=r'invalid input value for enum kind: "furniture".*line 1'
    ):
        put_back(dump, database, "mods")
    with pytest.raises(OperationFailed, match=r"no value for age.*--fill authors\.age=VALUE"):
        put_back(dump, database, "authors")
    put_back(dump, database, "authors", fills=("authors.age=42",))
    assert query(database, "SELECT DISTINCT age FROM authors") == [(42,)]


def test_one_table_out_of_a_compressed_backup(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        SHOP + "CREATE TABLE big AS SELECT i, md5(i::text) FROM generate_series(1, 60000) AS i;"
    )
    dump = take(database, compression="zstd")
    before = everything(database, "visits")
    run_sql(database, "DELETE FROM visits")
    assert put_back(dump, database, "visits", mode="insert").tables[0].inserted.count == 6
    assert everything(database, "visits") == before


def test_an_export_comes_back(
    new_database: NewDatabase, take: Callable[..., Path], dbsnap_here: Dbsnap, tmp_path: Path
) -> None:
    database = new_database(SHOP)
    before = everything(database, "mods")
    dump = take(database)
    exports = {form: tmp_path / f"mods.{form}" for form in ("json", "ndjson")}
    for form, path in exports.items():
        asked = ("-t", "mods", "--format", form, "-o", str(path))
        assert dbsnap_here("export", str(dump), *asked).returncode == 0
    address = ("--url", address_of(database), "--no-safety-backup", "--yes")
    run_sql(database, "DELETE FROM mods WHERE id = 4")
    done = dbsnap_here("restore", str(exports["json"]), "--mode", "replace", *address)
    assert done.returncode == 0, done.stderr
    assert everything(database, "mods") == before
    lines = exports["ndjson"].read_text().splitlines(keepends=True)
    (tmp_path / "cut.ndjson").write_text("".join(lines[:2]))
    with pytest.raises(UsageError, match="looks whole wherever it is cut off behind a row"):
        put_back(tmp_path / "cut.ndjson", database, "mods", mode="replace")
    for form, path in exports.items():
        run_sql(database, "UPDATE mods SET details = NULL; DELETE FROM mods WHERE id = 4;")
        only = () if form == "json" else ("mods",)
        plan = put_back(path, database, *only)
        assert (plan.tables[0].inserted.count, plan.tables[0].updated.count) == (1, 5)
        assert everything(database, "mods") == before
    with pytest.raises(UsageError, match="does not say which"):
        put_back(exports["ndjson"], database)


def test_the_command_line_there_and_back(
    new_database: NewDatabase, dbsnap_here: Dbsnap, tmp_path: Path
) -> None:
    database = new_database(SHOP)
    place = ("--url", address_of(database), "--dir", str(tmp_path / "my backups"))
    before = everything(database, "mods", "favorites")
    taken = dbsnap_here(
        *("backup", "-t", "mods", "-t", "favorites", "--where", "mods=kind = 'furniture'", *place)
    )
    assert taken.returncode == 0, taken.stderr
    run_sql(
        database,
        "UPDATE mods SET title = 'x' || id WHERE id < 3; DELETE FROM mods WHERE id = 5;"
        "INSERT INTO mods (kind, title, position) VALUES ('furniture', 'New', 20);"
        "INSERT INTO mods (kind, title, position) VALUES ('clothing', 'Other', 21);"
        "INSERT INTO favorites VALUES (7, 'joe'), (8, 'joe');",
    )
    damaged = everything(database, "mods", "favorites", "visits")
    name = taken.stdout.split("dbsnap restore ")[1].split()[0]
    script = taken.stdout.split("or without dbsnap: ")[1].splitlines()[0]
    assert shlex.split(script) == ["sh", str(tmp_path / "my backups" / f"{name}_restore.sh")]
    dry = dbsnap_here("restore", name, "--mode", "replace", "--dry-run", *place)
    assert (dry.returncode, everything(database, "mods", "favorites", "visits")) == (0, damaged)
    for words in (
        "1. mods: replace 6 rows by id; the table has 7 rows",
        "insert 1 (id=5)",
        "update 2 (id=1, id=2): title in 2, updated_at in 2",
        "delete 1 (id=7)",
        "1 trigger will not fire: touch",
        "back up the rows that will change or go",
    ):
        assert words in dry.stdout
    unasked = dbsnap_here("restore", name, *place)
    assert (unasked.returncode, everything(database, "mods", "favorites", "visits")) == (2, damaged)
    done = dbsnap_here("restore", name, "--mode", "replace", "--yes", *place)
    assert done.returncode == 0, done.stderr
    assert "mods: 1 inserted, 2 updated, 1 deleted, 3 unchanged" in done.stdout
    restored = query(database, "SELECT t::text FROM mods AS t WHERE id <> 8 ORDER BY 1")
    assert [restored, *everything(database, "favorites")] == before
    again = dbsnap_here("restore", "latest", "--mode", "replace", "--dry-run", "--json", *place)
    assert json.loads(again.stdout)["plan"]["backup"] == name
    undo = done.stdout.split("undo it with:  dbsnap ")[1].split("\n")[0].split(" --dir")[0].split()
    back = dbsnap_here(*undo, "--yes", "--json", "--no-safety-backup", *place)
    document = json.loads(back.stdout)
    assert (back.returncode, document["status"], document["undo"]) == (0, "ok", "")
    assert [table["delete"]["rows"] for table in document["plan"]["tables"]] == [1, 1]
    assert everything(database, "mods", "favorites", "visits") == damaged
    empty = new_database()
    elsewhere = ("--url", address_of(empty), *place[2:])
    created = dbsnap_here("restore", name, "--yes", *elsewhere)
    assert created.returncode == 0, created.stderr + created.stdout
    assert everything(empty, "mods", "favorites") == before
    assert "mods_author_id_fkey is left out" in created.stdout
    beside = replace(empty, parameters={**empty.parameters, "dbname": f"{empty.name}_beside"})
    beside_it = dbsnap_here("restore", name, "--to", beside.name, "--yes", *elsewhere)
    assert beside_it.returncode == 0, beside_it.stderr
    assert everything(beside, "mods", "favorites") == before
    for wrong in (("--in-place",), ("--only", "nothing"), ("--to", "x", "--mode", "insert")):
        assert dbsnap_here("restore", name, *wrong, *place).returncode == 2


def test_excluded_columns_keep_what_is_live(
    new_database: NewDatabase, dbsnap_here: Dbsnap, tmp_path: Path
) -> None:
    database = new_database(
        "CREATE TABLE users "
        "(id int PRIMARY KEY, name text, password text NOT NULL, note text DEFAULT 'n');"
        "INSERT INTO users VALUES (1, 'Ada', 'secret 1', 'a'), (2, 'Bob', 'secret 2', 'b');"
    )
    place = ("--url", address_of(database), "--dir", str(tmp_path / "backups"))
    excluded = ("--exclude-column", "users.password", "--exclude-column", "users.note")
    assert dbsnap_here("backup", "-t", "users", *excluded, *place).returncode == 0
    run_sql(database, "UPDATE users SET name = 'x', password = 'new' WHERE id = 1")
    done = dbsnap_here("restore", "latest", "--yes", "--no-safety-backup", *place)
    assert done.returncode == 0, done.stderr
    assert query(database, "SELECT * FROM users WHERE id = 1") == [(1, "Ada", "new", "a")]
    run_sql(database, "DELETE FROM users WHERE id = 2")
    refused = dbsnap_here("restore", "latest", "--yes", "--no-safety-backup", *place)
    assert refused.returncode == 1
    assert "--fill users.password=VALUE" in refused.stderr
    fill = ("--fill", "users.password='it''s'")
    assert (
        dbsnap_here("restore", "latest", "--yes", "--no-safety-backup", *fill, *place).returncode
        == 0
    )
    assert query(database, "SELECT * FROM users WHERE id = 2") == [(2, "Bob", "it's", "n")]
    run_sql(database, "DROP TABLE users")
    assert dbsnap_here("restore", "latest", "--yes", *place).returncode == 0
    assert query(database, "SELECT id, name, password FROM users") == [
        (1, "Ada", None),
        (2, "Bob", None),
    ]


def test_a_standing_rule_holds_for_what_is_saved_and_what_that_loses_is_said(
    new_database: NewDatabase,
    dbsnap_here: Dbsnap,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dbsnap.toml").write_text('[tables.User]\nexclude_columns = ["password"]')
    (tmp_path / "schema.prisma").write_text('model User {\n id Int @id\n @@map("users")\n}')
    database = new_database(
        "CREATE TABLE users (id int PRIMARY KEY, name text, password text);"
        "INSERT INTO users VALUES (1, 'Ada', 'secret 1')"
    )
    place = ("--url", address_of(database))
    assert dbsnap_here("backup", "-t", "User", *place).returncode == 0
    run_sql(
        database,
        "UPDATE users SET name = 'x', password = 'secret 2';"
        "INSERT INTO users VALUES (2, 'Bob', 'secret 3')",
    )
    lost = "users: dbsnap.toml keeps password out of backups of tables"
    plan = ("restore", "latest", "--dry-run", *place)
    assert lost not in dbsnap_here(*plan).stdout
    assert lost not in dbsnap_here(*plan, "--mode", "replace", "--no-safety-backup").stdout
    done = dbsnap_here("restore", "latest", "--mode", "replace", "--yes", *place)
    assert (done.returncode, lost in done.stdout) == (0, True)
    (saved,) = (tmp_path / "backups").glob("*_users_before_restore.sql")
    assert "Bob" in saved.read_text()
    assert not [f for f in (tmp_path / "backups").iterdir() if b"secret" in f.read_bytes()]


def test_demands_and_keys_that_are_new_since_the_backup(
    new_database: NewDatabase, take: Callable[..., Path]
) -> None:
    database = new_database(
        "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (1, 'y'), (2, NULL)"
    )
    dump = take(database)
    run_sql(
        database,
        "DELETE FROM t WHERE b IS DISTINCT FROM 'x';"
        "ALTER TABLE t ADD PRIMARY KEY (a), ALTER b SET NOT NULL",
    )
    with pytest.raises(UsageError, match="several rows of t with the same key: a=1"):
        put_back(dump, database, "t")
    plan = plan_of(dump, database, "t", where=("a = 2",))
    assert "t.b is NOT NULL now, but NULL in 1 row of the backup" in plan.problems[0].message


@pytest.mark.parametrize(
    "name",
    ["generated_and_identity", "names_tables", "values_structured"],
)
def test_awkward_tables_lose_their_rows_and_get_them_back(
    new_database: NewDatabase, take: Callable[..., Path], name: str
) -> None:
    database = new_database((SCHEMAS / f"{name}.sql").read_text("utf-8"))
    dump = take(database)
    record = find_record(dump)
    assert record is not None
    forms = {table: facts["form"] for table, facts in record.inventory.of("table").items()}
    tables = [table for table, form in forms.items() if form in {"table", "partitioned table"}]
    assert not put_back(dump, database, *tables, mode="replace").changes_anything
    with connect(database) as connection:
        execute(connection, "SET session_replication_role TO replica")
        for table in tables:
            execute(connection, f"DELETE FROM ONLY {quote_name(*split_name(table))}")
    put_back(dump, database, *tables, mode="replace")
    assert not errors_in(verify(dump, database).findings)
