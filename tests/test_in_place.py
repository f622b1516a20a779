"""restore --in-place: one transaction that leaves exactly the backup, or exactly what was there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    dbsnap,
    eventually,
    process_table,
    psql_of,
    query,
    run_sql,
    schema_files,
    sessions,
    url_of,
)

from dbsnap.errors import (
    DumpRefused,
    ToolFailed,
    UsageError,
    VerificationFailed,
)
from dbsnap.operations.backup import backup
from dbsnap.operations.opened import opened_backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring import in_place as restore_in_place
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.restoring.preflight import plan_restore
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream
from dbsnap.postgres.maintenance import maintain
from dbsnap.postgres.throwaway import server_binaries, throwaway_server
from dbsnap.postgres.verified_commit import _Until, uncommitted_session
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.operations.backup import Backup
    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

LARGE_OBJECTS = {"comments", "large_objects", "roles"}
"""Databases with large objects, which pg_dump restores in transactions of their own."""

WHOLE = [
    path.stem
    for path in schema_files()
    if not path.stem.startswith("limit_") and path.stem not in LARGE_OBJECTS
]
USUAL = [
    "empty",
    "event_triggers",
    "extensions",
    "foreign_tables",
    "inheritance",
    "names_objects",
    "operators",
    "partitions",
    "prisma",
    "publications",
    "row_level_security",
    "values_text",
    "views_circular",
]
"""Those that the other tests' runs can afford; the matrix has all of them."""

FAILING = {
    "limit_check_no_longer_true": ToolFailed,
    "limit_check_reads_other_table": ToolFailed,
    "limit_inherited_default_dropped": VerificationFailed,
    "limit_materialized_view_stale": VerificationFailed,
    "limit_orphan_rows": ToolFailed,
    "limit_search_path": ToolFailed,
}
USUALLY_FAILING = {"limit_check_no_longer_true", "limit_materialized_view_stale"}

DAMAGE = """
SET client_min_messages TO warning;
SET session_replication_role TO replica;
CREATE SCHEMA extra;
CREATE TYPE public.extra_enum AS ENUM ('a');
CREATE TYPE public.extra_composite AS (a integer);
CREATE TYPE public.extra_range AS RANGE (subtype = float8);
CREATE DOMAIN public.extra_domain AS integer;
CREATE TABLE public.extra_table (id serial PRIMARY KEY, kind public.extra_enum);
CREATE TABLE public.extra_parts (id integer) PARTITION BY LIST (id);
CREATE TABLE public.extra_part PARTITION OF public.extra_parts DEFAULT;
CREATE VIEW public.extra_view AS SELECT * FROM public.extra_table;
CREATE TABLE extra.extra (id integer GENERATED ALWAYS AS IDENTITY, kind public.extra_enum[]);
CREATE FUNCTION public.extra_step(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';
CREATE AGGREGATE public.extra_sum(integer) (sfunc = public.extra_step, stype = integer);
CREATE CAST (text AS public.extra_enum) WITH INOUT;
CREATE OPERATOR public.### (FUNCTION = public.extra_step, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR CLASS public.extra_class FOR TYPE integer USING btree AS OPERATOR 3 =;
CREATE COLLATION public.extra_collation (provider = libc, locale = 'C');
CREATE TEXT SEARCH CONFIGURATION public.extra_config (COPY = pg_catalog.simple);
CREATE PUBLICATION extra_publication FOR TABLE public.extra_table;
CREATE FOREIGN DATA WRAPPER extra_wrapper;
CREATE SERVER extra_server FOREIGN DATA WRAPPER extra_wrapper;
CREATE USER MAPPING FOR PUBLIC SERVER extra_server;
CREATE FUNCTION public.refuse_all() RETURNS event_trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT lo_from_bytea(0, 'extra');
COMMENT ON SCHEMA public IS 'extra';
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON SEQUENCES TO PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EVENT TRIGGER extra_trigger ON ddl_command_start EXECUTE FUNCTION public.refuse_all();
"""
"""One of everything that a database can hold and the backup does not."""

SMALL = """
CREATE TABLE public.marker (content text);
INSERT INTO public.marker VALUES ('old');
CREATE TABLE public.words (id integer PRIMARY KEY, word text);
INSERT INTO public.words SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n;
"""


def take(database: Database, directory: Path) -> Backup:
    return backup(database, target="test", directory=directory)


def put_back(taken: Backup, database: Database, **options: str) -> Restored:
    return restore(
        taken.dump,
        database,
        confirm=lambda _plan: None,
        options=RestoreOptions(in_place=True, **options),
    )


def dump_of(database: Database) -> str:
    """Return what pg_dump writes of a database, but for its random key."""
    program = max(find_programs("pg_dump"), key=lambda program: program.version)
    with dump_stream(program, database, []) as read:
        text = b"".join(iter(lambda: read(1 << 20), b"")).decode()
    return "\n".join(line for line in text.splitlines() if "restrict " not in line)


def damage(database: Database) -> None:
    run_sql(database, DAMAGE)
    tables = query(
        database,
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE relkind = 'r' AND relnamespace NOT IN "
        "(SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^extra|information_schema') "
        "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') "
        "AND relname !~ '^extra' ORDER BY 1",
    )
    with connect(database) as connection:
        execute(connection, "SET search_path TO public; SET session_replication_role TO replica")
        for (name,) in tables[:10]:
            execute(connection, f"TRUNCATE ONLY {name} CASCADE")
        for (name,) in tables[:1]:
            execute(connection, f"DROP TABLE {name} CASCADE")


def restores_exactly(stem: str, new_database: NewDatabase, directory: Path, major: int) -> None:
    path = Path(__file__).parent / f"schemas/{stem}.sql"
    database = new_database(path.read_text(), major=major)
    taken = take(database, directory)
    before = dump_of(database)
    if stem != "event_triggers":  # its own trigger would refuse the damage
        damage(database)
        assert verify(taken.dump, database).findings
    else:
        query(database, "DELETE FROM ddl_log RETURNING 1")
    restored = put_back(taken, database, privileges="require")
    assert not verify(taken.dump, database).findings
    if stem != "reworded":  # what the server words anew each time
        assert dump_of(database) == before
    unreachable = [finding.object for finding in restored.findings]
    assert unreachable in ([], ["statistics"])


@pytest.mark.parametrize("stem", USUAL)
def test_an_awkward_database_comes_back_in_place(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    restores_exactly(stem, new_database, tmp_path, 18)


@pytest.mark.matrix
@pytest.mark.parametrize("stem", sorted(set(WHOLE) - set(USUAL)))
def test_every_other_database_comes_back_in_place(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    restores_exactly(stem, new_database, tmp_path, 18)


@pytest.mark.matrix
@pytest.mark.parametrize("major", [15, 16, 17])
@pytest.mark.parametrize("stem", sorted(set(USUAL) - {"extensions"}))
def test_it_comes_back_in_place_in_older_servers(
    stem: str, major: int, new_database: NewDatabase, tmp_path: Path
) -> None:
    restores_exactly(stem, new_database, tmp_path, major)


@pytest.mark.parametrize(
    "stem",
    [
        pytest.param(stem, marks=[] if stem in USUALLY_FAILING else pytest.mark.matrix)
        for stem in FAILING
    ],
)
def test_what_does_not_come_back_is_not_committed(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database((Path(__file__).parent / f"schemas/{stem}.sql").read_text())
    taken = take(database, tmp_path)
    run_sql(database, "CREATE TABLE public.extra (id integer); INSERT INTO public.extra VALUES (1)")
    before = dump_of(database)
    with pytest.raises(FAILING[stem]):
        put_back(taken, database)
    assert dump_of(database) == before


def test_a_missing_schema_public_comes_back_and_goes(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path / "with")
    run_sql(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA other; CREATE TABLE other.t ()")
    without = take(database, tmp_path / "without")
    put_back(taken, database, privileges="none")
    assert query(database, "SELECT content FROM public.marker") == [("old",)]
    put_back(without, database)
    assert not verify(without.dump, database).findings


@pytest.mark.parametrize("stem", ["large_objects", "roles"])
def test_large_objects_are_refused_with_the_reason(
    stem: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database((Path(__file__).parent / f"schemas/{stem}.sql").read_text())
    take(database, tmp_path)
    before = dump_of(database)
    run = dbsnap(
        *("restore", "latest", "--in-place", "--yes", "--json"),
        *("--dir", str(tmp_path), "--url", url_of(database)),
        cwd=tmp_path,
    )
    assert run.returncode == 5, run.stderr
    assert "BEGIN" in run.stdout
    assert "large objects" in run.stdout
    assert dump_of(database) == before


def test_the_command_line_restores_in_place(
    server: ThrowawayServer, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    common = ["--dir", str(tmp_path), "--url", url_of(database)]
    planned = dbsnap("restore", "latest", "--in-place", "--dry-run", *common, cwd=tmp_path)
    assert planned.returncode == 0
    assert "in one transaction" in planned.stdout
    assert dbsnap("restore", "latest", "--in-place", *common, cwd=tmp_path).returncode == 2
    assert query(database, "SELECT content FROM marker") == [("new",)]
    run = dbsnap("restore", "latest", "--in-place", "--yes", "--json", *common, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["status"] == "ok"
    assert not verify(taken.dump, database).findings
    assert {name for (name,) in query(server.database(), "SELECT datname FROM pg_database")} >= {
        database.name
    }


def test_a_record_that_promises_something_else_exits_4(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    before = dump_of(database)
    path = tmp_path / f"{taken.record.id}.json"
    document = json.loads(path.read_text())
    # A fact that no dump states, so that the guard cannot know better.
    document["inventory"]["objects"]["column"]["public.words.word"]["storage"] = "promised"
    path.write_text(json.dumps(document))
    run = dbsnap(
        *("restore", "latest", "--in-place", "--yes", "--json"),
        *("--dir", str(tmp_path), "--url", url_of(database)),
        cwd=tmp_path,
    )
    assert run.returncode == 4, run.stdout
    assert any("words.word" in f["message"] for f in json.loads(run.stdout)["findings"])
    assert dump_of(database) == before


def test_other_rows_than_expected_are_not_committed(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    before = dump_of(database)
    with opened_backup(taken.dump, progress=NoProgress()) as opened, maintain(database) as upkeep:
        options = RestoreOptions(in_place=True)
        plan = plan_restore(opened, database, upkeep, options, now=datetime.now(UTC), pg_bin=())
        promised = replace(
            opened, expected=opened.expected.with_facts("table", "public.words", rows=999)
        )
        with pytest.raises(VerificationFailed, match="words: 1 row more than in the backup"):
            restore_in_place.restore_in_place(promised, plan, options, progress=NoProgress())
    assert dump_of(database) == before


@pytest.mark.parametrize("cut", [b"\nALTER TABLE ONLY", b"\n500\t", b"\\.\n"])
def test_a_truncated_dump_is_refused_before_anything(
    cut: bytes, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    program = max(find_programs("pg_dump"), key=lambda program: program.version)
    with dump_stream(program, database, ["--no-owner", "--no-privileges"]) as read:
        text = b"".join(iter(lambda: read(1 << 20), b""))
    (tmp_path / "cut.sql").write_bytes(text[: text.index(cut) + 3])
    with pytest.raises(DumpRefused):
        restore(
            tmp_path / "cut.sql",
            database,
            confirm=lambda _plan: pytest.fail("the plan was made"),
            options=RestoreOptions(in_place=True),
        )


def reader_of(text: bytes) -> Callable[[int], bytes]:
    pieces = iter([text[i : i + 1000] for i in range(0, len(text), 1000)])
    return lambda _size: next(pieces, b"")


TABLE = b"CREATE TABLE public.copied (id integer, word text);\n"
COPY = TABLE + b"COPY public.copied FROM stdin;\n1\tone\n2\ttwo\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(COPY, id="copy"),
        pytest.param(COPY + b"3\tthr", id="row"),
        pytest.param(b"\\restrict key\n" + COPY + b"3\tthr", id="restricted"),
        pytest.param(
            b"CREATE TABLE public.copied (id integer); INSERT INTO public.copied VALUES (1",
            id="statement",
        ),
        pytest.param(b"CREATE TABLE public.copied (word text DEFAULT 'open", id="string"),
        pytest.param(b"CREATE TABLE public.copied (id integer);\nDO $$ BEGIN", id="dollar"),
        pytest.param(b"CREATE TABLE public.copied (id integer);\n/* open", id="comment"),
    ],
)
def test_a_truncated_dump_that_no_guard_saw_is_not_committed(
    text: bytes, new_database: NewDatabase
) -> None:
    database = new_database()
    with (
        _ToolFailedOrNothing(),
        uncommitted_session(psql_of(database), database) as session,
    ):
        session.load(reader_of(text), lambda _count: None)
    assert query(database, "SELECT to_regclass('public.copied')") == [(None,)]
    with uncommitted_session(psql_of(database), database) as session:
        session.load(reader_of(COPY + b"\\.\n"), lambda _count: None)
        session.commit()
    assert query(database, "SELECT count(*) FROM copied") == [(2,)]


class _ToolFailedOrNothing:
    """psql takes some truncated dumps for whole ones; then there is no error, but no commit either."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> bool:
        return kind is not None and issubclass(kind, ToolFailed)


def test_an_error_names_the_line_of_the_dump(new_database: NewDatabase) -> None:
    database = new_database()
    text = b"SELECT 1;\n" * 50 + b"SELECT wrong;\n"
    with (
        pytest.raises(ToolFailed, match=r"dump\.sql:51: ERROR"),
        uncommitted_session(psql_of(database), database) as session,
    ):
        session.load(reader_of(text), lambda _count: None)


def test_large_scripts_and_answers_do_not_block(new_database: NewDatabase) -> None:
    database = new_database()
    with uncommitted_session(psql_of(database), database) as session:
        session.run(
            "SELECT repeat('x', 100);\n" * 12_000
        )  # 1.2 MB out, while there is still more in
        rows = session.ask(
            "SELECT jsonb_build_array(n, repeat(E'a\\\\ \"\\n', 100)) "
            "FROM generate_series(1, 20000) AS n"
        )
        assert rows[-1] == [20000, 'a\\ "\n' * 100]
        assert len(rows) == 20000
        session.load(reader_of(b"SELECT repeat('x', 1000);\n" * 4000), lambda _count: None)
        assert session.attempt("SELECT no_such_function();") is not None
        assert session.attempt("CREATE TABLE public.kept ();") is None
        session.commit()
    assert query(database, "SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_an_answer_ends_at_its_marker_however_it_arrives(size: int) -> None:
    for text in (b"", b"m", b"mar", b"row\nmark", b"markmarkrow\n" * 5):
        stream = text + b"marker\n"
        pieces = iter([stream[i : i + size] for i in range(0, len(stream), size)])
        read = _Until(b"marker\n", lambda: next(pieces)).read  # noqa: B023
        assert b"".join(iter(lambda: read(2), b"")) == text  # noqa: B023


def test_settings_of_role_and_database_do_not_matter(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    with connect(database) as connection:
        for setting in (
            "default_transaction_read_only TO on",
            "default_transaction_isolation TO serializable",
            "statement_timeout TO '1ms'",
            "idle_in_transaction_session_timeout TO '1ms'",
            "transaction_timeout TO '20ms'",
            "search_path TO nowhere",
            "client_encoding TO 'LATIN1'",
        ):
            execute(connection, f'ALTER DATABASE "{database.name}" SET {setting}')
    put_back(taken, database)
    assert not verify(taken.dump, database).findings


class KillingPsql(NoProgress):
    """Kills dbsnap's psql when a phase is reached."""

    def __init__(self, phase: str) -> None:
        self.wanted = phase
        self.killed = False

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        if text.startswith(self.wanted):
            for pid, (parent, _) in process_table().items():
                if parent == os.getpid() and "psql" in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)
                    self.killed = True


@pytest.mark.parametrize("phase", ["loading into", "reading back"])
def test_a_killed_psql_leaves_the_database_as_it_was(
    phase: str, server: ThrowawayServer, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    before = dump_of(database)
    progress = KillingPsql(phase)
    with pytest.raises(ToolFailed, match="signal 9"):
        restore(
            taken.dump,
            database,
            confirm=lambda _plan: None,
            options=RestoreOptions(in_place=True),
            progress=progress,
        )
    assert progress.killed
    assert dump_of(database) == before
    assert eventually(lambda: not sessions(server))


def test_a_killed_dbsnap_leaves_the_database_as_it_was(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    program = (
        "import os, signal, sys\n"
        "from dbsnap.progress import NoProgress\n"
        "from dbsnap.operations.restore import restore\n"
        "from dbsnap.operations.restoring.plan import RestoreOptions\n"
        "from dbsnap.postgres.url import Database\n"
        "from pathlib import Path\n"
        "class Dying(NoProgress):\n"
        "    def phase(self, text, *, total_bytes=None):\n"
        "        if text.startswith('reading back'):\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "restore(Path(sys.argv[1]), Database(dict(a.split('=', 1) for a in sys.argv[2:])),\n"
        "    confirm=lambda plan: None, options=RestoreOptions(in_place=True), progress=Dying())\n"
    )
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    before = dump_of(database)
    parameters = [f"{key}={value}" for key, value in database.parameters.items()]
    died = subprocess.run(
        [sys.executable, "-c", program, str(taken.dump), *parameters], check=False, timeout=60
    )
    assert died.returncode == -signal.SIGKILL
    assert dump_of(database) == before


def test_the_server_ends_the_statement_of_a_killed_psql(
    server: ThrowawayServer, new_database: NewDatabase
) -> None:
    database = new_database()
    with uncommitted_session(psql_of(database), database) as session:
        timer = threading.Timer(0.3, lambda: os.kill(session._source.process.pid, signal.SIGKILL))
        timer.start()
        with pytest.raises(ToolFailed, match="signal 9"):
            session.run("SELECT pg_sleep(60);")
    assert eventually(lambda: not sessions(server), seconds=10)


def test_failures_that_only_happen_in_place_come_with_advice() -> None:
    detail = "ERROR:  canceling statement due to lock timeout"
    with pytest.raises(ToolFailed) as failure, restore_in_place._advice():
        raise ToolFailed("psql failed", detail=detail)
    assert "end it" in failure.value.hint
    assert failure.value.detail == detail


@contextmanager
def readers(database: Database, count: int, seen: list[tuple[str, int]]) -> Iterator[None]:
    """Let clients that reconnect, and one that stays, read all the time; collect what they see."""
    stop = threading.Event()

    def read(*, stay: bool) -> None:
        sql = b"SELECT (SELECT content FROM public.marker), (SELECT count(*) FROM public.words)"
        while not stop.is_set():
            with connect(database, purpose="reader") as connection:
                while True:
                    seen.append(connection.execute(sql).fetchall()[0])
                    if stop.is_set() or not stay:
                        break

    threads = [
        threading.Thread(target=read, kwargs={"stay": number == 0}) for number in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_readers_see_the_old_or_the_new_database(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'; DELETE FROM public.words")
    seen: list[tuple[str, int]] = []
    with readers(database, 3, seen):
        for _ in range(2):
            put_back(taken, database)
    assert set(seen) == {("new", 0), ("old", 1000)}
    assert seen[-1] == ("old", 1000)


@pytest.mark.matrix
def test_two_thousand_tables_in_one_transaction(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(
        "DO $$ BEGIN FOR i IN 1..2000 LOOP "
        "EXECUTE format('CREATE TABLE public.t%s (id integer)', i); "
        "EXECUTE format('INSERT INTO public.t%s VALUES (%s)', i, i); END LOOP; END $$"
    )
    taken = take(database, tmp_path)
    query(database, "DELETE FROM t7 RETURNING 1")
    put_back(taken, database)
    assert query(database, "SELECT id FROM t7") == [(7,)]


def test_too_many_locks_for_one_transaction_are_explained(tmp_path: Path) -> None:
    tables = (
        "DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format("
        "'CREATE TABLE public.t%s (id serial PRIMARY KEY, name text)', i); "
        "COMMIT; END LOOP; END $$"
    )
    settings = {"max_locks_per_transaction": "10", "max_connections": "20"}
    with throwaway_server(server_binaries(major=18), settings=settings) as small:
        database = small.database("many")
        with connect(small.database()) as connection:
            execute(connection, "CREATE DATABASE many")
        run_sql(database, SMALL)
        taken = take(database, tmp_path)
        run_sql(database, tables)
        with pytest.raises(ToolFailed) as failure:
            put_back(taken, database)
        assert "max_locks_per_transaction" in failure.value.hint
        assert query(database, "SELECT count(*) FROM t300") == [(0,)]


PEAK = """
import sys
from dbsnap.cli import run
code = run(sys.argv[1:])
print(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to read its memory")
def test_memory_stays_flat(new_database: NewDatabase, tmp_path: Path) -> None:
    peaks = []
    for rows in (10, 60_000):
        database = new_database(
            "CREATE TABLE big AS SELECT n AS id, repeat(md5(n::text), 30) AS text "
            f"FROM generate_series(1, {rows}) AS n"
        )
        directory = tmp_path / str(rows)
        taken = take(database, directory)
        run = subprocess.run(
            [
                *(sys.executable, "-c", PEAK, "restore", "latest", "--in-place", "--yes"),
                *("--dir", str(directory), "--url", url_of(database)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert run.returncode == 0, run.stderr
        peaks.append(int(run.stdout.split()[-1]))
    assert taken.record.dump.bytes > 50e6
    assert peaks[1] - peaks[0] < 30_000, f"kB, for 58 MB of rows: {peaks}"


def test_in_place_needs_a_database_and_no_other_name(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    with pytest.raises(UsageError, match="--in-place needs the database to exist"):
        put_back(taken, database.with_name(database.name + "_none"))
    with pytest.raises(UsageError, match="exclude each other"):
        put_back(taken, database, to="elsewhere")
