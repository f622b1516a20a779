"""A dump put together by several processes says what one of a single pg_dump says."""

from __future__ import annotations

import io
import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    DEFAULT_MAJOR,
    SCHEMAS,
    Started,
    address_of,
    dbsnap,
    drop_all_like,
    eventually,
    query,
    run_sql,
    sessions,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbsnap.archive.storage import entries
from dbsnap.dumpfile.compression import reader
from dbsnap.dumpfile.lexer import (
    Comment,
    CopyData,
    CopyStart,
    MetaCommand,
    Statement,
    lex,
)
from dbsnap.dumpfile.privileges import privilege_statements
from dbsnap.dumpfile.stored import open_dump
from dbsnap.operations.backup import backup
from dbsnap.operations.dumping.dump import DumpOptions
from dbsnap.operations.dumping.plan import LEAST_TABLE_BYTES, Thresholds, plan_parallel
from dbsnap.operations.dumping.rate import Rate
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.validate import validate
from dbsnap.postgres.asking import ask_connection
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import connect, execute, fetch_value, server_version
from dbsnap.postgres.row_parts import StoredTable, parts_of
from dbsnap.postgres.snapshot import hold_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Servers

    from dbsnap.operations.recording import Backup
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

ROWS = b"rows"
AMONG_ROWS = re.compile(
    rb"SELECT pg_catalog\.(?:setval|lo_\w+|lowrite)\(|BEGIN;|COMMIT;|COMMENT ON LARGE OBJECT "
)

ALWAYS = Thresholds(database_bytes=0, table_bytes=0, frame_bytes=8192)
"""Every table that has a page goes past pg_dump, a page or two at a time."""


def take(database: Database, directory: Path, jobs: int, **options: object) -> Backup:
    dump_options = DumpOptions(jobs=jobs, thresholds=ALWAYS)
    return backup(database, target="t", directory=directory, options=dump_options, **options)


@dataclass
class Content:
    """What a dump says: its statements in order, ``definitions`` with ``ROWS`` where rows and the like
    stand; comments, psql commands, and the rows of each COPY statement."""

    statements: list[bytes]
    definitions: list[bytes]
    comments: Counter[bytes]
    commands: list[bytes]
    rows: dict[bytes, bytes]

    def define(self, text: bytes) -> None:
        if self.definitions[-1:] != [ROWS] or text != ROWS:
            self.definitions.append(text)


def content_of(dump: Path) -> Content:
    content = Content([], [], Counter(), [], {})
    with open_dump(dump) as opened:
        for event in lex(opened.raw()):
            if isinstance(event, Statement):
                content.statements.append(event.text)
                content.define(ROWS if AMONG_ROWS.match(event.text) else event.text)
            elif isinstance(event, Comment):
                content.comments[event.text] += 1
            elif isinstance(event, MetaCommand):
                content.commands.append(event.text.split()[0])
            elif isinstance(event, CopyStart):
                current = event.text
                content.define(ROWS)
                content.rows.setdefault(current, b"")
            elif isinstance(event, CopyData):
                content.rows[current] += event.data
    return content


def assert_same_dump(parallel: Backup, plain: Backup) -> None:
    assert parallel.record.inventory == plain.record.inventory
    assert content_of(parallel.dump) == content_of(plain.dump)
    assert privileges_of(parallel) == privileges_of(plain)
    validate(parallel.dump)


def privileges_of(taken: Backup) -> list[bytes]:
    companion = taken.dump.parent / taken.record.privileges.file
    return [each.text for each in privilege_statements(io.BytesIO(companion.read_bytes()).read)]


@pytest.mark.parametrize(
    "schema",
    [
        "empty_tables",
        "extensions",
        "generated_and_identity",
        "inheritance",
        "large_objects",
        "limit_hash_partition_by_enum",
        "names_tables",
        "partitions",
        "publications",
        "roles",
        "row_level_security",
        "sequences",
        "values_structured",
        "values_text",
        "views_circular",
    ],
)
def test_awkward_databases(new_database: NewDatabase, tmp_path: Path, schema: str) -> None:
    database = new_database((SCHEMAS / f"{schema}.sql").read_text())
    plain, parallel = (take(database, tmp_path, jobs) for jobs in (1, 3))
    assert_same_dump(parallel, plain)


def test_sql_ascii(server: ThrowawayServer, tmp_path: Path) -> None:
    """Bytes of any encoding; a table whose name is no ASCII stays with pg_dump."""
    name = "test_parallel_ascii"
    with connect(server.database()) as connection:
        execute(connection, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        database = server.database(name)
        run_sql(
            database,
            r"""CREATE TABLE t AS SELECT n, E'\351\377' || n AS v FROM generate_series(1, 900) n;
            CREATE TABLE "tä" AS SELECT 1 AS "ö";""",
        )
        plain, parallel = (take(database, tmp_path, jobs) for jobs in (1, 2))
        assert_same_dump(parallel, plain)
        blocks = [block.table for block in parallel.record.dump.blocks]
        assert len(blocks) > len(set(blocks)) == 2
    finally:
        drop_all_like(server, name)


TABLES = st.lists(
    st.tuples(
        st.integers(0, 3000),
        st.sampled_from(["n", "repeat('x', n % 700)", "E'\\\\.\\n' || n", "NULL::text", "''"]),
    ),
    min_size=1,
    max_size=4,
)


@given(TABLES, st.integers(2, 4), st.integers(1, 60000))
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_tables_any_frames(
    new_database: NewDatabase,
    tmp_path: Path,
    tables: list[tuple[int, str]],
    jobs: int,
    frame_bytes: int,
) -> None:
    """Split in any way, a table has the rows, and the fingerprint, that it has in one piece."""
    database = new_database(
        "".join(
            f"CREATE TABLE t{i} AS SELECT n, {value} AS v FROM generate_series(1, {rows}) AS n;"
            f"DELETE FROM t{i} WHERE n % 7 = {i};"
            for i, (rows, value) in enumerate(tables)
        )
    )
    thresholds = replace(ALWAYS, frame_bytes=frame_bytes)
    plain = take(database, tmp_path, 1)
    options = DumpOptions(jobs=jobs, thresholds=thresholds)
    parallel = backup(database, target="t", directory=tmp_path, options=options, compression="zstd")
    assert_same_dump(parallel, plain)


def test_restored_by_psql_and_by_dbsnap(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(
        """CREATE TABLE parent (id int PRIMARY KEY, v text);
        CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent, w text);
        INSERT INTO parent SELECT n, md5(n::text) FROM generate_series(1, 4000) n;
        INSERT INTO child (parent, w) SELECT n, repeat('é', 40) FROM generate_series(1, 4000) n;
        CREATE INDEX ON child (w); SELECT lo_from_bytea(1001, 'large');"""
    )
    taken = take(database, tmp_path, 2, compression="gzip")
    read = reader(io.BytesIO(taken.dump.read_bytes()).read, "gzip")
    raw = b"".join(iter(lambda: read(1 << 16), b""))
    blocks = taken.record.dump.blocks
    assert Counter(block.table for block in blocks)["public.child"] > 2
    for block in blocks:  # the record's index leads to each of them
        body = raw[block.raw_offset : block.raw_offset + block.raw_length]
        assert body.count(b"\n") == block.rows
    begins = {member[2] for member in taken.record.dump.members}
    statements = [m.start() for m in re.finditer(rb"^COPY public\.child ", raw, re.MULTILINE)]
    heading = raw.rfind(b"--\n-- Data for Name: child;", 0, statements[0])
    assert begins >= {heading, *statements[1:]}  # each of the frames is a member of its own
    by_psql = new_database(raw.decode())
    with_dbsnap = database.with_name(f"{database.name}_again")
    restore(
        taken.dump, by_psql, confirm=lambda _: None, options=RestoreOptions(to=with_dbsnap.name)
    )
    try:
        for copy in (by_psql, with_dbsnap):
            found = query(copy, "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM child c")
            assert found == query(
                database, "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM child c"
            )
    finally:
        run_sql(database.with_name("postgres"), f"DROP DATABASE {with_dbsnap.name};")


def test_reading_the_inventory_leaves_no_locks(new_database: NewDatabase) -> None:
    """A server remembers so many; the words of an index, and counting a table, take some, too."""
    tables = (f"CREATE TABLE t{n} (a serial PRIMARY KEY, b int UNIQUE);\n" for n in range(20))
    database = new_database("".join(tables))
    with hold_snapshot(database) as snapshot:

        def locks() -> int:
            own = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"
            return int(fetch_value(snapshot.connection, own))

        before = locks()
        version = server_version(snapshot.connection)
        inventory = read_inventory(snapshot.ask, version)
        assert locks() == before
        assert read_inventory(ask_connection(snapshot.connection), version) == inventory
        assert locks() > before + 40


# What happens to a database large enough for several jobs, dumped slowly enough to be disturbed.


@pytest.fixture(scope="module")
def large(servers: Servers) -> Iterator[Database]:
    server = servers.of(DEFAULT_MAJOR)
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE parallel_large")
    database = server.database("parallel_large")
    run_sql(
        database,
        """CREATE TABLE one AS SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 90000) n;
        CREATE TABLE two AS SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 30000) n;
        CREATE TABLE three AS SELECT generate_series(1, 500) AS n;""",
    )
    yield database
    drop_all_like(server, database.name)


def slow_backup(
    database: Database, directory: Path, *, jobs: int = 3, **options: object
) -> Started:
    arguments = ["--url", address_of(database), "--jobs", str(jobs), "--max-rate", "20M"]
    started = Started("backup", *arguments, cwd=directory, **options)
    assert started.wait_for("dumping"), started.text
    return started


def assert_nothing_kept(directory: Path, server: ThrowawayServer) -> None:
    assert entries(directory / "backups") == []
    assert not list((directory / "backups").glob("backup_2*"))
    assert not list((directory / "backups").glob(".backup*"))
    assert eventually(lambda: not sessions(server), seconds=5)


@pytest.mark.parametrize(
    ("purpose", "jobs", "words"),
    [
        ("dbsnap snapshot", 3, "the server ended the session that holds the snapshot"),
        ("dbsnap psql", 3, "psql failed|psql ended"),
        ("dbsnap pg_dump", 1, "pg_dump"),  # beside others it has little to do
    ],
)
def test_a_session_is_terminated(
    large: Database, server: ThrowawayServer, tmp_path: Path, purpose: str, jobs: int, words: str
) -> None:
    started = slow_backup(large, tmp_path, jobs=jobs)
    assert eventually(lambda: sessions(server, purpose)), started.text
    query(server.database(), f"SELECT pg_terminate_backend({sessions(server, purpose)[0]})")
    assert started.wait() == 1, started.text
    assert re.search(words, started.text), started.text
    assert "Traceback" not in started.text
    assert len(re.findall("^error:", started.text, re.MULTILINE)) == 1, started.text
    assert_nothing_kept(tmp_path, server)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_dbsnap_is_ended(
    large: Database, server: ThrowawayServer, tmp_path: Path, number: int
) -> None:
    started = slow_backup(large, tmp_path)
    assert eventually(lambda: len(sessions(server, "dbsnap psql")) > 1), started.text
    code = started.kill(number)
    assert code == (130 if number == signal.SIGINT else -number), started.text
    assert "Traceback" not in started.text
    assert eventually(lambda: not sessions(server), seconds=5)
    assert entries(tmp_path / "backups") == []


def test_the_disk_is_full(large: Database, server: ThrowawayServer, tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - not everywhere

    size = 24 << 20
    started = Started(
        *("backup", "--url", address_of(large), "--jobs", "2"),
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert started.wait() == 1, started.text
    assert "cannot write the backup" in started.text
    assert_nothing_kept(tmp_path, server)


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the system knows no batch work")
def test_what_reads_much_gives_way(
    large: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    started = slow_backup(large, tmp_path)
    assert eventually(lambda: len(sessions(server, "dbsnap psql")) > 1), started.text
    programs = [pid for pid in started.children() if "psql" in command_of(pid)]
    assert len(programs) > 1
    assert {os.sched_getscheduler(pid) for pid in programs} == {os.SCHED_BATCH}
    assert os.sched_getscheduler(started.process.pid) == os.SCHED_OTHER
    assert started.wait() == 0, started.text


def sessions_of_dbsnap(connection: Connection) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbsnap%'"
    return int(fetch_value(connection, query))


def test_never_more_connections_than_jobs_and_two(
    large: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    for jobs in (2, 4):
        most = 0
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            with connect(server.database(), purpose="tests") as connection:
                while not done.is_set():  # noqa: B023
                    if (found := sessions_of_dbsnap(connection)) > most:
                        time.sleep(0.05)  # a session is listed for a moment after it was left
                        most = max(most, min(found, sessions_of_dbsnap(connection)))

        watcher = threading.Thread(target=watch)
        watcher.start()
        options = DumpOptions(jobs=jobs, max_rate=40 << 20)
        taken = backup(large, target="t", directory=tmp_path, options=options)
        done.set()
        watcher.join()
        assert len(taken.record.dump.blocks) > 3  # it was split
        assert jobs < most <= jobs + 2


def test_jobs_and_rate_from_the_command_line(
    large: Database, tmp_path: Path, dbsnap_here: Callable[..., object]
) -> None:
    began = time.monotonic()
    done = dbsnap(
        "backup", "--url", address_of(large), "-j", "2", "--max-rate", "40M", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began > 77 / 40  # 77 MB of rows
    refused = dbsnap_here("backup", "--url", address_of(large), "--max-rate", "fast", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--max-rate 20M" in refused.stderr


# What is decided, without a server.


@given(st.integers(0, 5000), st.integers(0, 10**10), st.integers(1, 10**9))
def test_parts_cover_a_table_once(pages: int, size: int, part_bytes: int) -> None:
    table = StoredTable("s", "t", ("a",), "s.t", "a", pages, size)
    parts = parts_of(table, part_bytes)
    assert parts[0].first == 0
    assert parts[-1].end is None
    assert all(a.end == b.first for a, b in pairwise(parts))
    assert all(part.end is None or part.first < part.end for part in parts)


@given(
    st.lists(st.integers(0, 10**9), max_size=30),
    st.integers(1, 16),
    st.integers(0, 10**9),
    st.integers(0, 10**7),
)
def test_what_stays_with_pg_dump_is_little(
    sizes: list[int], jobs: int, database_bytes: int, table_bytes: int
) -> None:
    sizes.sort(reverse=True)
    tables = [
        StoredTable("public", f"t{i}", ("a",), f"public.t{i}", "a", size // 8192 + 1, size)
        for i, size in enumerate(sizes)
    ]
    thresholds = Thresholds(database_bytes, table_bytes)
    plan = plan_parallel(tables, jobs=jobs, thresholds=thresholds)
    assert plan is None or thresholds.reached(sum(sizes), sizes[0])
    if plan is None:
        small = max(sizes, default=0) < min(table_bytes, LEAST_TABLE_BYTES)
        assert jobs == 1 or sum(sizes) <= database_bytes or small or not any(sizes)
        return
    assert sum(sizes) >= database_bytes
    left = sizes[len(plan.tables) :]
    assert sum(left) <= sum(sizes) / jobs / 2 or left[0] < LEAST_TABLE_BYTES
    assert all(size < table_bytes for size in left)
    assert min(table.bytes for table in plan.tables) >= min(table_bytes, LEAST_TABLE_BYTES)
    assert (jobs * 3 * plan.frame_bytes <= 64 << 20) or plan.frame_bytes == 1 << 20
    assert set(plan.tables) == set(tables[: len(plan.tables)])
    assert [len(parts) for parts in plan.parts()[: len(plan.whole)]] == [1] * len(plan.whole)
    share = sum(table.bytes for table in plan.tables) / jobs
    assert sum(table.bytes for table in plan.whole) <= share * jobs
    if any(size and size <= share for size in sizes[: len(plan.tables)]):
        assert plan.whole
    assert all(table.bytes <= share for table in plan.whole)


def test_very_many_tables() -> None:
    """This takes minutes where each table is compared with each; and the small ones stay together."""
    tables = [
        StoredTable("public", f"t{i}", ("a",), f"public.t{i}", "a", 100, (20000 - i) * 40)
        for i in range(20000)
    ]
    plan = plan_parallel(tables, jobs=2, thresholds=Thresholds())
    assert plan is not None
    assert min(table.bytes for table in plan.tables) >= LEAST_TABLE_BYTES
    assert plan_parallel(tables[-5000:], jobs=2, thresholds=Thresholds(database_bytes=0)) is None


def test_a_rate_is_kept_by_all_together() -> None:
    rate = Rate(1_000_000)
    began = time.monotonic()
    threads = [threading.Thread(target=rate.took, args=(100_000,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.25 < time.monotonic() - began < 2
    rate.end()
    rate.took(10**9)  # nobody waits any more
    assert time.monotonic() - began < 3
