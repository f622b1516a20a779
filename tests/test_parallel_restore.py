"""Several sessions bring back what one psql would have brought back, and break as cleanly."""

from __future__ import annotations

import re
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from conftest import (
    SCHEMAS,
    Started,
    address_of,
    database_names,
    eventually,
    query,
    running,
    sessions,
)

from dbsnap.dumpfile.rows import UnorderedSum
from dbsnap.errors import DumpRefused, ServerFailed, ToolFailed
from dbsnap.operations.backup import backup
from dbsnap.operations.comparing.reading import read_live
from dbsnap.operations.dumping.dump import DumpOptions
from dbsnap.operations.dumping.plan import Thresholds
from dbsnap.operations.opened import opened_backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring import loading
from dbsnap.operations.restoring.parallel_load import maintenance_kilobytes, workers_setting
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import choose
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dbsnap.dumpfile.loading.plan import LoadPlan
    from dbsnap.operations.backup import Backup
    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

AWKWARD = [
    "constraints",
    "dependency_loops",
    "event_triggers",
    "extensions",
    "generated_and_identity",
    "indexes",
    "inheritance",
    "keys_circular",
    "large_objects",
    "limit_hash_partition_by_enum",
    "limit_invalid_index",
    "materialized_views",
    "names_tables",
    "operators",
    "partitions",
    "publications",
    "schemas_crossed",
    "types",
    "wide",
]
"""The schemas of ``tests/schemas`` in which something depends on something."""

FRAMES = DumpOptions(
    jobs=2, thresholds=Thresholds(database_bytes=0, table_bytes=0, frame_bytes=1 << 16)
)
"""A dump in many small blocks, as a large database has them."""

ROWS = 4_000
ONE_LARGE = f"""
CREATE TABLE large (id integer PRIMARY KEY, word text NOT NULL);
INSERT INTO large SELECT n, repeat(md5(n::text), 4) || E'\\\\.\\n' FROM generate_series(1, {ROWS}) n;
CREATE INDEX large_word ON large (word);
CREATE TABLE small (id integer REFERENCES large, word text);
INSERT INTO small SELECT id, word FROM large WHERE id <= 500;
"""
LOADED_VIA_ROOT = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE parted (mood mood) PARTITION BY HASH (mood);
CREATE TABLE part PARTITION OF parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO parted VALUES ('sad'), ('happy');
"""
"""Its rows cannot be frozen: they go through a table of which others are parts."""

INSERTED = "SELECT relname, n_tup_ins FROM pg_stat_user_tables"
TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM {}"


def put_beside(
    taken: Backup, database: Database, jobs: int = 3, confirm: Callable[[], object] = lambda: None
) -> Restored:
    """Restore a backup of any size by several sessions, into a database of its own."""
    return restore(
        taken.dump,
        database,
        confirm=lambda _plan: confirm() and None,
        options=RestoreOptions(to=beside(database, jobs).name, jobs=jobs, parallel_from=0),
    )


def beside(database: Database, jobs: int = 3) -> Database:
    return database.with_name(f"{database.name}_{jobs}")


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Give the plans that were followed, None for a dump that one psql has read."""
    made: list[object] = []

    def planned(*arguments: object) -> object:
        made.append(plan(*arguments))
        return made[-1]

    plan: Callable[..., object] = loading.parallel_plan
    monkeypatch.setattr(loading, "parallel_plan", planned)
    return made


@pytest.mark.parametrize("stem", AWKWARD)
def test_an_awkward_database_comes_back_exactly(
    stem: str, new_database: NewDatabase, tmp_path: Path, plans: list[object]
) -> None:
    database = new_database((SCHEMAS / f"{stem}.sql").read_text())
    taken = backup(database, target="test", directory=tmp_path)
    restored = put_beside(taken, database, jobs=2 + len(stem) % 2)
    assert all("invalid" in finding.message for finding in restored.findings)
    assert all(plans)


def test_a_small_dump_or_one_without_a_record_is_read_by_one_psql(
    new_database: NewDatabase, tmp_path: Path, plans: list[object]
) -> None:
    database = new_database("CREATE TABLE t (x integer); INSERT INTO t VALUES (1);")
    taken = backup(database, target="test", directory=tmp_path)
    options = RestoreOptions(to=beside(database, 0).name, jobs=3)
    restore(taken.dump, database, confirm=lambda _: None, options=options)
    put_beside(taken, database, jobs=1)
    put_beside(taken, database, jobs=2)
    alone = tmp_path / "alone.sql"
    alone.write_bytes(taken.dump.read_bytes())
    options = RestoreOptions(to=beside(database, 4).name, jobs=4, parallel_from=0)
    restore(alone, database, confirm=lambda _: None, options=options)
    assert [bool(plan) for plan in plans] == [False, False, True, False]


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_table_with_most_of_the_rows_is_shared(
    compression: str, new_database: NewDatabase, tmp_path: Path, plans: list[LoadPlan]
) -> None:
    database = new_database(ONE_LARGE)
    taken = backup(
        database, target="test", directory=tmp_path, compression=compression, options=FRAMES
    )
    assert not put_beside(taken, database, jobs=2).findings
    filled = beside(database, 2)
    assert [[table.table for table in plan.shared] for plan in plans] == [["public.large"]]
    assert query(filled, TRANSACTIONS.format("large"))[0][0] in {1, 2}  # one for each session
    assert query(filled, TRANSACTIONS.format("small")) == [(1,)]
    assert not verify(taken.dump, filled).findings


@pytest.mark.parametrize("superuser", [True, False])
def test_rows_that_are_frozen_are_not_counted_for_autovacuum(
    superuser: bool, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(ONE_LARGE + LOADED_VIA_ROOT)
    taken = backup(database, target="test", directory=tmp_path, options=FRAMES)
    role = f"{database.name}_loader"
    kind = "SUPERUSER" if superuser else "CREATEDB"
    loaded = beside(database, 2)
    with connect(database.with_name("postgres")) as connection:
        execute(connection, f"CREATE ROLE {role} LOGIN {kind}")
        try:
            put_beside(taken, database.with_role(role, None), jobs=2)
            counted = dict(query(loaded, INSERTED))
        finally:
            execute(connection, f"DROP DATABASE IF EXISTS {loaded.name}")
            execute(connection, f"DROP ROLE {role}")
    assert counted == {"large": ROWS, "small": 0 if superuser else 500, "parted": 0, "part": 2}


def test_rows_in_another_order_are_still_compared(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(ONE_LARGE)
    taken = backup(database, target="test", directory=tmp_path)
    psql = choose("psql", 180000, pg_bin=())
    read = partial(read_live, database, psql=psql, progress=NoProgress(), jobs=3)
    wrong = UnorderedSum(1)
    content = taken.record.inventory.of("table")["public.large"]["content"]
    with opened_backup(taken.dump, progress=NoProgress()) as opened:
        with read(opened, shuffled={"public.large": wrong}) as reading:
            assert reading.inventory.of("table")["public.large"]["content"] == content
        query(database, "UPDATE large SET word = 'other' WHERE id = 1 RETURNING 1")
        with read(opened, shuffled={"public.large": wrong}) as reading:
            assert reading.inventory.of("table")["public.large"]["content"] != content


def test_a_check_that_reads_a_later_table_is_met(new_database: NewDatabase, tmp_path: Path) -> None:
    """One psql cannot load this dump; a table whose check calls a function comes after all others."""
    database = new_database((SCHEMAS / "limit_check_reads_other_table.sql").read_text())
    taken = backup(database, target="test", directory=tmp_path)
    with pytest.raises(ToolFailed):
        put_beside(taken, database, jobs=1)
    assert not put_beside(taken, database, jobs=2).findings


@pytest.mark.parametrize(
    "stem", ["limit_check_no_longer_true", "limit_orphan_rows", "limit_search_path"]
)
def test_a_failure_is_told_as_one_psql_tells_it(
    stem: str, new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database((SCHEMAS / f"{stem}.sql").read_text())
    taken = backup(database, target="test", directory=tmp_path)
    with pytest.raises(ToolFailed) as by_psql:
        put_beside(taken, database, 1)
    with pytest.raises(ServerFailed) as by_several:
        put_beside(taken, database, 3)
    reason = str(by_psql.value).partition("ERROR:  ")[2]
    assert reason
    assert reason in str(by_several.value)
    assert not {name for name in database_names(server) if name.startswith(f"{database.name}_")}
    line = int(re.findall(r"line ([0-9]+) of the dump", str(by_several.value))[0])
    last = int(re.findall(r"psql:<stdin>:([0-9]+):", str(by_psql.value))[0])
    text = taken.dump.read_text().splitlines()
    assert last - 3 < line <= last, text[line - 1]  # psql names the end of what failed


def overwrite(path: Path, before: bytes, after: bytes) -> None:
    content = path.read_bytes()
    assert before in content
    with path.open("r+b") as file:
        file.seek(content.index(before))
        file.write(after)


def test_rows_that_change_after_the_guard_has_read_them_are_not_restored(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE t (x text); INSERT INTO t VALUES ('aaa');")
    taken = backup(database, target="test", directory=tmp_path)
    with pytest.raises(DumpRefused, match="changed"):
        put_beside(taken, database, confirm=lambda: overwrite(taken.dump, b"aaa", b"bbb"))
    assert not {name for name in database_names(server) if name.startswith(f"{database.name}_")}


def test_statements_are_those_that_the_guard_has_read(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE t (x text); COMMENT ON TABLE t IS 'guarded';")
    taken = backup(database, target="test", directory=tmp_path)
    put_beside(taken, database, confirm=lambda: overwrite(taken.dump, b"guarded", b"harmful"))
    comment = "SELECT obj_description('t'::regclass, 'pg_class')"
    assert query(beside(database), comment) == [("guarded",)]


@pytest.mark.parametrize(
    ("usual", "jobs", "expected"), [(65_536, 2, 131_072), (4_096, 64, 65_536), (2**20, 2, 2**20)]
)
def test_a_server_that_gives_more_memory_is_not_given_less(
    usual: int, jobs: int, expected: int
) -> None:
    assert maintenance_kilobytes(usual, jobs) == expected


@pytest.mark.parametrize(
    ("size", "waiting", "sessions", "own_processes"),
    [
        (500, 0, 2, True),
        (500, 1, 2, True),  # many small tables do not keep another session busy for long
        (500, 400, 2, False),
        (500, 400, 4, True),
        (500, 2000, 4, False),
        (0, 0, 2, False),
    ],
)
def test_the_server_builds_with_processes_of_its_own_where_sessions_would_be_idle(
    size: int, waiting: int, sessions: int, own_processes: bool
) -> None:
    setting = workers_setting(size, waiting, sessions=sessions)
    assert setting.startswith(b"RESET") == own_processes


SLOW_INDEX = """
CREATE FUNCTION public.takes_long(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_catalog.pg_sleep(20) WHERE x = 0 AND current_database() LIKE '%_restore_%';
    RETURN x;
END $$;
CREATE TABLE a AS SELECT generate_series(0, 2000) AS x;
CREATE INDEX ON a (public.takes_long(x));
CREATE TABLE b AS TABLE a;
CREATE TABLE c AS TABLE a;
CREATE INDEX ON c (x);
"""
"""An index that takes long to build, but only in a restore."""

PROGRAM = """
from functools import partial
from dbsnap.__main__ import main
from dbsnap.cli import restore
restore.RestoreOptions = partial(restore.RestoreOptions, parallel_from=0)
main()
"""
"""``dbsnap`` to which no dump is too small for several sessions."""


@pytest.fixture
def slow(new_database: NewDatabase, tmp_path: Path) -> Iterator[Callable[[], Started]]:
    database = new_database(SLOW_INDEX)
    taken = backup(database, target="test", directory=tmp_path)

    def start() -> Started:
        arguments = ["restore", str(taken.dump), "--yes", "--jobs", "3", "--drop-old"]
        process = Started(
            *arguments, "--url", address_of(database), cwd=tmp_path, program=("-c", PROGRAM)
        )
        sleeping = f"SELECT FROM pg_stat_activity WHERE datname LIKE '{database.name}_restore_%' "
        assert eventually(lambda: query(database, sleeping + "AND wait_event = 'PgSleep'")), (
            process.text
        )
        # One more session for what is not loaded.
        assert len(query(database, sleeping)) <= 3 + 1
        return process

    yield start
    names = "SELECT datname FROM pg_database WHERE datname LIKE '{}_%'"
    assert not query(database, names.format(database.name))
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_several_sessions_work(
    slow: Callable[[], Started], number: int, server: ThrowawayServer
) -> None:
    process = slow()
    children = process.children()
    assert process.kill(number) == 130, process.text
    assert not running(children)
    assert eventually(lambda: not sessions(server), seconds=3)


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("pg_terminate_backend(pid, 5000)", "terminating connection due to administrator command"),
        ("pg_cancel_backend(pid)", "canceling statement due to user request"),
    ],
)
def test_a_session_is_lost_while_several_work(
    slow: Callable[[], Started], ending: str, expected: str, server: ThrowawayServer
) -> None:
    process = slow()
    query(
        server.database(),
        f"SELECT {ending} FROM pg_stat_activity "
        "WHERE application_name = 'dbsnap load' AND wait_event = 'PgSleep'",
    )
    assert process.wait() == 1, process.text
    assert expected in process.text
    assert eventually(lambda: not sessions(server), seconds=3)


SOME_SECONDS = """
CREATE TABLE large (id integer PRIMARY KEY, word text NOT NULL);
INSERT INTO large SELECT n, repeat(md5(n::text), 3) FROM generate_series(1, 120000) n;
CREATE INDEX large_word ON large (word);
CREATE TABLE other AS SELECT id, id % 1000 + 1 AS one, word FROM large WHERE id <= 60000;
ALTER TABLE other ADD PRIMARY KEY (id);
ALTER TABLE other ADD FOREIGN KEY (one) REFERENCES large;
ALTER TABLE other ADD FOREIGN KEY (id) REFERENCES large;
CREATE INDEX other_word ON other (word);
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_ended_at_many_moments(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path, number: int
) -> None:
    """In rows, indexes, keys and comparing alike: the live database stays as it was."""
    database = new_database(SOME_SECONDS)
    taken = backup(database, target="test", directory=tmp_path, options=FRAMES)
    query(database, "INSERT INTO other VALUES (60001, 1, 'new') RETURNING id")
    arguments = ["restore", str(taken.dump), "--yes", "--jobs", "3", "--url", address_of(database)]
    halves = f"SELECT datname FROM pg_database WHERE datname LIKE '{database.name}_restore_%'"
    moments = 0
    for delay in (0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.1, 1.4, 1.7):
        process = Started(*arguments, cwd=tmp_path, program=("-c", PROGRAM))
        assert process.wait_for("loading into"), process.text
        time.sleep(delay)
        children = process.children()
        if process.kill(number) == 0 or "Traceback" in process.text:
            break  # it was done
        if not query(database, "SELECT FROM other WHERE word = 'new'"):
            break  # it was as good as done
        assert eventually(lambda: not running(children) and not sessions(server))  # noqa: B023
        assert len(query(database, halves)) == (1 if number == signal.SIGKILL else 0)
        moments += 1
    assert "Traceback" not in process.text
    assert moments > 3
    again = Started(*arguments, cwd=tmp_path, program=("-c", PROGRAM))
    assert again.wait() == 0, again.text
    assert not query(database, halves)
    assert not verify(taken.dump, database).findings


def test_a_table_that_cannot_be_analysed_leaves_the_others_their_statistics(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    """One has a foreign child whose server nobody reaches."""
    database = new_database((SCHEMAS / "foreign_tables.sql").read_text())
    taken = backup(database, target="test", directory=tmp_path)
    restored = put_beside(taken, database)
    warnings = [finding.message for finding in restored.findings if "ANALYZE" in finding.message]
    assert len(warnings) == 1
    assert warnings[0].startswith('ANALYZE of "public"."local" failed')
    found = query(
        beside(database), "SELECT reltuples FROM pg_class WHERE relname = 'measured_here'"
    )
    assert found == [(2,)]
