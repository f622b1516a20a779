"""The swap: atomic under clients that reconnect, keeping a database's own settings and any name."""

from __future__ import annotations

import json
import threading
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import (
    DEFAULT_MAJOR,
    MAJORS,
    Started,
    address_of,
    database_names,
    dbsnap,
    drop_all_like,
    eventually,
    query,
    run_sql,
    sessions,
)
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from dbsnap.errors import CannotRun, OperationFailed, RightMissing, ServerFailed, UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.rollback import rollback
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.maintenance import maintain
from dbsnap.postgres.properties import read_properties
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.side import (
    NAME_BYTES,
    kept_databases,
    kept_name,
    lock_restores_into,
    moment_after,
    side_name,
)
from dbsnap.postgres.throwaway import server_binaries, throwaway_server
from dbsnap.postgres.url import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Servers

    from dbsnap.operations.backup import Backup
    from dbsnap.postgres.throwaway import ThrowawayServer

    NewDatabase = Callable[..., Database]

CONTENT = """
CREATE TABLE marker (content text);
INSERT INTO marker VALUES ('backup');
CREATE TABLE counted (id integer PRIMARY KEY);
INSERT INTO counted SELECT generate_series(1, 1000);
"""
CHANGED = """
UPDATE marker SET content = 'live';
DELETE FROM counted WHERE id > 10;
"""
NOW = datetime(2026, 1, 24, 10, 30, tzinfo=UTC)


def agree(_plan: object) -> None:
    """Confirm any plan."""


def taken(database: Database, directory: Path) -> Backup:
    return backup(database, target="t", directory=directory)


def content(database: Database) -> tuple[str, int]:
    return query(database, "SELECT content, (SELECT count(*) FROM counted) FROM marker")[0]


def beside(server: ThrowawayServer, database: Database) -> set[str]:
    names = database_names(server)
    return {name for name in names if name.startswith(database.name)} - {database.name}


# -- clients


class Client(threading.Thread):
    """Runs a query in a loop and connects again when it is thrown out, as a pool does."""

    def __init__(self, database: Database, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address = make_conninfo("", **database.parameters)
        self._stop_it = stop
        self.seen: list[tuple[float, tuple[str, int]]] = []
        self.thrown_out = 0
        self.wrong: list[Exception] = []

    def run(self) -> None:
        while not self._stop_it.is_set():
            try:
                with psycopg.connect(self._address, autocommit=True) as connection:
                    self._query(connection)
            except psycopg.OperationalError:
                self.thrown_out += 1
            except psycopg.Error as error:  # a table that is not there, for example
                self.wrong.append(error)
                return

    def _query(self, connection: psycopg.Connection) -> None:
        sql = "SELECT content, (SELECT count(*) FROM public.counted) FROM public.marker"
        while not self._stop_it.is_set():
            rows = connection.execute(sql).fetchall()
            self.seen.append((time.monotonic(), rows[0]))


def test_clients_that_reconnect_do_not_stop_the_swap(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    stop = threading.Event()
    clients = [Client(database, stop) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        restore(done.dump, database, confirm=agree)
        swapped = time.monotonic()
        time.sleep(0.5)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert [client.wrong for client in clients] == [[]] * 8
    for client in clients:
        contents = [row for _, row in client.seen]
        assert set(contents) == {("live", 10), ("backup", 1000)}
        assert contents == sorted(contents, reverse=True)  # the old one, and from then on the new
        assert {row for moment, row in client.seen if moment > swapped} == {("backup", 1000)}
        assert client.thrown_out >= 1
    (kept,) = beside(server, database)
    assert content(database.with_name(kept)) == ("live", 10)


def test_no_connection_stays_open(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    restore(taken(database, tmp_path).dump, database, confirm=agree)
    rollback(database, confirm=agree)
    assert eventually(lambda: not sessions(server))


# -- who cannot be ended


@pytest.fixture(scope="module")
def prepared_server() -> Iterator[ThrowawayServer]:
    settings = {"max_prepared_transactions": "5"}
    with throwaway_server(server_binaries(major=DEFAULT_MAJOR), settings=settings) as server:
        yield server


def test_a_prepared_transaction_stops_the_swap(
    prepared_server: ThrowawayServer, tmp_path: Path
) -> None:
    with connect(prepared_server.database()) as connection:
        execute(connection, "CREATE DATABASE app")
    database = prepared_server.database("app")
    run_sql(database, CONTENT)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    run_sql(database, "BEGIN; DELETE FROM marker WHERE false; PREPARE TRANSACTION 'pending one'")
    begun = time.monotonic()
    with pytest.raises(ServerFailed, match="prepared transaction 'pending one'") as caught:
        restore(done.dump, database, confirm=agree)
    assert time.monotonic() - begun < 5  # it does not lock clients out to find that in vain
    assert "nothing was changed" in str(caught.value)
    assert "ROLLBACK PREPARED" in caught.value.hint
    assert beside(prepared_server, database) == set()
    assert content(database) == ("live", 10)
    run_sql(database, "ROLLBACK PREPARED 'pending one'")
    restore(done.dump, database, confirm=agree)
    assert content(database) == ("backup", 1000)


@pytest.fixture
def owner(server: ThrowawayServer) -> Iterator[Callable[[Database], Database]]:
    """Give a function that makes a database that of a role which is no superuser."""
    role = f"dbsnap_test_{uuid.uuid4().hex[:8]}"
    owned: list[Database] = []
    with connect(server.database(), purpose="tests") as connection:
        execute(connection, f"CREATE ROLE {role} LOGIN CREATEDB")

        def give(database: Database) -> Database:
            execute(connection, f"ALTER DATABASE {quote_name(database.name)} OWNER TO {role}")
            owned.append(database)
            as_owner = Database({**database.parameters, "user": role})
            run_sql(database, f"ALTER SCHEMA public OWNER TO {role}")
            return as_owner

        yield give
        for database in owned:
            drop_all_like(server, database.name)
        execute(connection, f"DROP ROLE {role}")


def test_a_superusers_session_stops_an_owner(
    new_database: NewDatabase,
    owner: Callable[[Database], Database],
    server: ThrowawayServer,
    tmp_path: Path,
) -> None:
    database = new_database()
    as_owner = owner(database)
    run_sql(as_owner, CONTENT)
    done = taken(as_owner, tmp_path)
    run_sql(as_owner, CHANGED)
    with connect(database, purpose="tests") as superuser:
        pid = superuser.info.backend_pid
        with pytest.raises(ServerFailed, match=f"session {pid} of postgres") as caught:
            restore(done.dump, as_owner, confirm=agree)
        assert "nothing was changed" in str(caught.value)
        assert superuser.execute("SELECT 1").fetchone() == (1,)
    assert beside(server, database) == set()
    assert content(database) == ("live", 10)
    # Its own sessions it may end.
    with connect(as_owner, purpose="tests"):
        restore(done.dump, as_owner, confirm=agree)
    assert content(database) == ("backup", 1000)
    rollback(as_owner, confirm=agree)
    assert content(database) == ("live", 10)


def test_a_role_without_createdb_is_told_so(
    new_database: NewDatabase,
    owner: Callable[[Database], Database],
    server: ThrowawayServer,
    tmp_path: Path,
) -> None:
    database = new_database()
    as_owner = owner(database)
    run_sql(as_owner, CONTENT)
    done = taken(as_owner, tmp_path)
    run_sql(server.database(), f"ALTER ROLE {as_owner.parameters['user']} NOCREATEDB")
    with pytest.raises(RightMissing, match="CREATEDB"):
        restore(done.dump, as_owner, confirm=agree)
    assert beside(server, database) == set()


# -- there and back


def test_rollback_and_back_again(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    # All of it within one second: names must neither clash nor lose their order.
    restore(done.dump, database, confirm=agree, clock=lambda: NOW)
    seen = [content(database)]
    for _ in range(4):
        rollback(database, confirm=agree, clock=lambda: NOW)
        seen.append(content(database))
        assert len(beside(server, database)) == 1
    assert seen == [("backup", 1000), ("live", 10)] * 2 + [("backup", 1000)]
    run_sql(database, "UPDATE marker SET content = 'third'")
    restore(done.dump, database, confirm=agree, clock=lambda: NOW - timedelta(days=1))
    assert len(beside(server, database)) == 2
    rollback(database, confirm=agree, clock=lambda: NOW - timedelta(days=1))
    assert content(database) == ("third", 1000)  # the last one replaced, under any clock


def test_rollback_without_a_restore(new_database: NewDatabase) -> None:
    with pytest.raises(UsageError, match="nothing to put back"):
        rollback(new_database(CONTENT), confirm=agree)


def test_rollback_of_a_database_that_was_dropped(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    restore(taken(database, tmp_path).dump, database, confirm=agree)
    run_sql(server.database(), f"DROP DATABASE {quote_name(database.name)}")
    rollback(database, confirm=agree)
    assert content(database) == ("backup", 1000)
    assert beside(server, database) == set()


def test_a_plan_that_was_overtaken(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    """Somebody else restores while the user still looks at the plan."""
    database = new_database(CONTENT)
    done = taken(database, tmp_path)

    def overtaken(_plan: object) -> None:
        restore(done.dump, database, confirm=agree)

    with pytest.raises(OperationFailed, match="by another dbsnap meanwhile; nothing was changed"):
        restore(done.dump, database, confirm=overtaken)
    assert len(beside(server, database)) == 1


def test_two_restores_at_once(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    with maintain(database) as other:
        lock_restores_into(other, database.name)
        with pytest.raises(OperationFailed, match="another dbsnap is restoring into"):
            restore(done.dump, database, confirm=agree)
    assert beside(server, database) == set()


def test_a_database_changed_during_the_restore_is_not_swapped(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)

    def change(_plan: object) -> None:
        run_sql(server.database(), f"COMMENT ON DATABASE {quote_name(database.name)} IS 'changed'")

    with pytest.raises(OperationFailed, match=r"was changed during the restore \(comment\)"):
        restore(done.dump, database, confirm=change)
    assert beside(server, database) == set()


# -- names


STRANGE_NAMES = [
    "with space",
    'quo"ted',
    "it's",
    "a=b",
    "dbname=postgres",
    "x://y",
    "back\\slash",
    "per%cent%s",
    "semi;colon",
    "--dashes",
    "Ünïcödé 表",
    "line\nbreak",
    "a" * 63,
    "表" * 21,
    "x" * 39 + "é" * 12,
    "in_restore_20250101_000000_it",
]


@pytest.fixture
def named(
    new_database: NewDatabase, server: ThrowawayServer
) -> Iterator[Callable[[str], Database]]:
    """Give a function that makes a database of this name; all that appears meanwhile is dropped."""
    before = database_names(server)
    yield lambda name: new_database(CONTENT, name=name)
    for made in database_names(server) - before:
        drop_all_like(server, made)


@pytest.mark.parametrize("name", STRANGE_NAMES, ids=lambda name: repr(name)[:24])
def test_names_of_any_kind(
    named: Callable[[str], Database], server: ThrowawayServer, tmp_path: Path, name: str
) -> None:
    before = database_names(server)
    database = named(name)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    restored = restore(done.dump, database, confirm=agree)
    assert content(database) == ("backup", 1000)
    (kept,) = database_names(server) - before - {name}
    assert kept == restored.plan.kept
    assert len(kept.encode()) <= NAME_BYTES
    assert content(database.with_name(kept)) == ("live", 10)
    rollback(database, confirm=agree)
    assert content(database) == ("live", 10)
    assert len(database_names(server) - before) == 2


@pytest.mark.parametrize("name", ["line\nbreak", """a=b://'"c" %s\\"""])
def test_names_of_any_kind_on_the_command_line(
    named: Callable[[str], Database], tmp_path: Path, name: str
) -> None:
    database = named(name)
    arguments = ("--json", "--dir", str(tmp_path), "--url", address_of(database))
    for command in (["backup"], ["restore", "latest", "--yes"], ["verify"], ["rollback", "--yes"]):
        done = dbsnap(*command, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["status"] == "ok"


def test_long_names_that_begin_alike_are_kept_apart(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    stem = "tenant_of_the_customer_database_in_production_number"
    first, second = (new_database(CONTENT, name=f"{stem}_{n}") for n in (1, 2))
    with maintain(first) as maintenance:
        try:
            restore(taken(first, tmp_path).dump, first, confirm=agree)
            assert len(kept_databases(maintenance, first.name)) == 1
            assert kept_databases(maintenance, second.name) == []
            with pytest.raises(UsageError, match="nothing to put back"):
                rollback(second, confirm=agree)
        finally:
            for kept in kept_databases(maintenance, first.name):
                execute(maintenance.connection, f"DROP DATABASE {quote_name(kept)}")


database_name = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
).filter(lambda name: len(name.encode()) <= NAME_BYTES)
moment = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(database_name, database_name, moment)
def test_made_up_names_fit_and_differ(one: str, other: str, now: datetime) -> None:
    for naming in (side_name, kept_name):
        made = naming(one, now)
        assert len(made.encode()) <= NAME_BYTES
        assert made.endswith(f"_{now:%Y%m%d_%H%M%S}")
        assert made != one
        if one != other and zlib.crc32(one.encode()) != zlib.crc32(other.encode()):
            assert made != naming(other, now)


@given(st.lists(moment, max_size=4), moment)
def test_names_sort_as_the_databases_were_replaced(earlier: list[datetime], now: datetime) -> None:
    kept: list[str] = []
    for clock in [*earlier, now]:
        kept.append(kept_name("app", moment_after(kept, clock)))
    assert kept == sorted(set(kept))


# -- what belongs to a database itself


SETTINGS = """
ALTER DATABASE {name} SET search_path TO "$user", public, "Odd, schema";
ALTER DATABASE {name} SET work_mem TO '7MB';
ALTER DATABASE {name} SET default_transaction_read_only TO 'on';
ALTER DATABASE {name} SET my.own TO 'it''s "quoted", = and \\ too';
ALTER ROLE {role} IN DATABASE {name} SET statement_timeout TO '1min';
ALTER ROLE {role} IN DATABASE {name} SET search_path TO only_this;
COMMENT ON DATABASE {name} IS 'it''s ours
on two lines';
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {role} WITH GRANT OPTION;
ALTER DATABASE {name} CONNECTION LIMIT 17;
ALTER DATABASE {name} IS_TEMPLATE true;
"""
PROPERTIES = """
SELECT to_jsonb(d) - 'oid' - 'datname' - 'datfrozenxid' - 'datminmxid' - 'datacl',
    datacl::text, shobj_description(oid, 'pg_database'),
    (SELECT array_agg((setrole::regrole, setting)::text ORDER BY setrole, setting)
     FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE setdatabase = d.oid)
FROM pg_database AS d WHERE datname = '{name}'
"""


@pytest.fixture
def with_settings(new_database: NewDatabase, server: ThrowawayServer) -> Iterator[Database]:
    """Give a database that has everything a database itself can have."""
    role = f"dbsnap_test_{uuid.uuid4().hex[:8]}"
    name = f"test_{uuid.uuid4().hex[:12]}"
    run_sql(server.database(), f"CREATE ROLE {role} LOGIN CREATEDB")
    create = (
        f"CREATE DATABASE {name} TEMPLATE template0 OWNER {role} ENCODING 'LATIN1' "
        "LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    run_sql(server.database(), create)
    database = server.database(name)
    run_sql(database, CONTENT)
    run_sql(server.database(), SETTINGS.format(name=name, role=role))
    yield database
    drop_all_like(server, name)
    run_sql(server.database(), f"DROP ROLE {role}")


def test_what_belongs_to_the_database_survives(
    with_settings: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = with_settings
    before = query(server.database(), PROPERTIES.format(name=database.name))
    done = taken(database, tmp_path)
    restore(done.dump, database, confirm=agree)
    assert query(server.database(), PROPERTIES.format(name=database.name)) == before
    rollback(database, confirm=agree)
    assert query(server.database(), PROPERTIES.format(name=database.name)) == before
    restored = restore(done.dump, database, confirm=agree, options=RestoreOptions(drop_old=True))
    assert restored.plan.kept is None
    assert query(server.database(), PROPERTIES.format(name=database.name)) == before
    # A template that was replaced is dropped all the same; the one of the rollback stays.
    assert len(beside(server, database)) == 1


def test_a_template_that_is_not_swapped_leaves_nothing(
    with_settings: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    done = taken(with_settings, tmp_path)

    def change(_plan: object) -> None:
        run_sql(server.database(), f"ALTER DATABASE {with_settings.name} CONNECTION LIMIT 3")

    with pytest.raises(OperationFailed, match="was changed during the restore"):
        restore(done.dump, with_settings, confirm=change)
    assert beside(server, with_settings) == set()


def test_an_empty_search_path_survives(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    run_sql(server.database(), f"ALTER DATABASE {database.name} SET search_path TO ''")
    before = query(server.database(), PROPERTIES.format(name=database.name))
    restore(taken(database, tmp_path).dump, database, confirm=agree)
    assert query(server.database(), PROPERTIES.format(name=database.name)) == before


# -- where there is nothing to replace, and where nothing may be


def test_a_database_that_does_not_exist_is_created(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    run_sql(server.database(), f"DROP DATABASE {quote_name(database.name)}")
    restored = restore(done.dump, database, confirm=agree)
    assert restored.plan.way == "create"
    assert content(database) == ("backup", 1000)
    assert beside(server, database) == set()
    with connect(server.database()) as connection:
        properties = read_properties(connection, database.name)
    assert properties is not None
    assert properties.encoding == done.record.source.encoding


def test_to_restores_beside_everything(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    copy = f"{database.name}_copy"
    restore(done.dump, database, confirm=agree, options=RestoreOptions(to=copy))
    assert content(database) == ("live", 10)
    assert content(database.with_name(copy)) == ("backup", 1000)
    assert beside(server, database) == {copy}
    run_sql(database.with_name(copy), "UPDATE marker SET content = 'precious'")
    with pytest.raises(UsageError, match="exists already"):
        restore(done.dump, database, confirm=agree, options=RestoreOptions(to=copy))
    assert content(database.with_name(copy)) == ("precious", 1000)
    assert beside(server, database) == {copy}


def test_to_shows_nothing_half_filled_under_its_name(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    taken(database, tmp_path)
    copy = f"{database.name}_copy"
    arguments = ("restore", "latest", "--yes", "--to", copy, "--dir", str(tmp_path))
    process = Started(*arguments, "--url", address_of(database), cwd=tmp_path)
    assert process.wait_for("loading into"), process.text
    process.kill()
    assert copy not in database_names(server)
    again = Started(*arguments, "--url", address_of(database), cwd=tmp_path)
    assert again.wait() == 0, again.text
    assert beside(server, database) == {copy}


def test_drop_old(new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    run_sql(database, CHANGED)
    restore(done.dump, database, confirm=agree, options=RestoreOptions(drop_old=True))
    assert content(database) == ("backup", 1000)
    assert beside(server, database) == set()


def test_what_drop_old_could_not_drop_goes_with_the_next_restore(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database(CONTENT)
    done = taken(database, tmp_path)
    left = f"{database.name}_discard_20250101_000000"
    run_sql(server.database(), f"CREATE DATABASE {left} IS_TEMPLATE true")
    restore(done.dump, database, confirm=agree, options=RestoreOptions(drop_old=True))
    assert beside(server, database) == set()


HANDMADE = """\
--
-- PostgreSQL database dump
--

-- Dumped from database version {version}
-- Dumped by pg_dump version {version}

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

{statements}
--
-- PostgreSQL database dump complete
--

"""


@pytest.mark.parametrize(
    ("version", "statements", "words"),
    [
        ("99.1", "", "the backup is from PostgreSQL 99"),
        ("15.1", "CREATE EXTENSION nosuch WITH SCHEMA public;\n", "lacks the extensions nosuch"),
        (
            "15.1",
            'CREATE EXTENSION IF NOT EXISTS "no-such" WITH SCHEMA public;\n',
            "lacks the extensions no-such",
        ),
    ],
)
def test_refused_before_anything_is_created(
    new_database: NewDatabase,
    server: ThrowawayServer,
    tmp_path: Path,
    version: str,
    statements: str,
    words: str,
) -> None:
    database = new_database(CONTENT)
    dump = tmp_path / "handmade.sql"
    dump.write_text(HANDMADE.format(version=version, statements=statements))
    asked: list[object] = []
    options = RestoreOptions(allow=("extension",))
    with pytest.raises(CannotRun, match=words):
        restore(dump, database, confirm=asked.append, options=options)
    assert asked == []
    assert beside(server, database) == set()
    assert content(database) == ("backup", 1000)
    arguments = ("--allow", "extension", "--yes", "--json", "--url", address_of(database))
    done = dbsnap("restore", str(dump), *arguments, cwd=tmp_path)
    assert done.returncode == 5
    assert words in json.loads(done.stdout)["message"]


def test_the_handmade_dump_itself_is_fine(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(CONTENT)
    dump = tmp_path / "handmade.sql"
    dump.write_text(
        HANDMADE.format(
            version="15.1",
            statements="CREATE TABLE public.t (id integer);\n"
            "COPY public.t (id) FROM stdin;\n1\n\\.\n",
        )
    )
    restore(dump, database, confirm=agree)
    assert query(database, "SELECT count(*) FROM t") == [(1,)]


@pytest.mark.matrix
@pytest.mark.skipif(len(MAJORS) < 2, reason="needs several majors: make test-matrix")
def test_a_newer_servers_backup_is_refused_by_an_older(
    new_database: NewDatabase, servers: Servers, tmp_path: Path
) -> None:
    newer, older = max(MAJORS), min(MAJORS)
    done = taken(new_database(CONTENT, major=newer), tmp_path)
    database = new_database(CONTENT, major=older)
    with pytest.raises(CannotRun, match=f"the backup is from PostgreSQL {newer}"):
        restore(done.dump, database, confirm=agree)
    assert beside(servers.of(older), database) == set()
