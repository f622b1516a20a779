"""A backup that dies, or whose programs, sessions or disk fail, publishes nothing and leaves nothing."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from conftest import (
    DEFAULT_MAJOR,
    Started,
    address_of,
    dbsnap,
    drop_all_like,
    eventually,
    query,
    run_sql,
    running,
    sessions,
)

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import publish, staging
from dbsnap.archive.storage import entries
from dbsnap.dumpfile.contents import ContentsReader
from dbsnap.dumpfile.lexer import lex
from dbsnap.errors import ServerFailed, ToolFailed
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.dump import dump_stream, whole_database_arguments
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.snapshot import hold_snapshot
from dbsnap.postgres.url import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Servers

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.throwaway import ThrowawayServer

    NewDatabase = Callable[..., Database]

SOURCE = """
CREATE TABLE first (id integer PRIMARY KEY, word text);
INSERT INTO first SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 15000) AS n;
CREATE TABLE second (id integer);
INSERT INTO second SELECT generate_series(1, 500);
"""
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def source(servers: Servers) -> Iterator[Database]:
    """Give a database that takes a moment to dump (10 MB)."""
    server = servers.of(DEFAULT_MAJOR)
    with connect(server.database()) as connection:
        execute(connection, "CREATE DATABASE faults_backup")
    database = server.database("faults_backup")
    run_sql(database, SOURCE)
    yield database
    drop_all_like(server, database.name)


def start_backup(database: Database, directory: Path, **options: object) -> Started:
    return Started("backup", "--url", address_of(database), cwd=directory, **options)


def visible(directory: Path) -> list[str]:
    """Return what a user sees in the backups directory, but for the manifest."""
    found = [path.name for path in (directory / "backups").glob("*")]
    return sorted(name for name in found if name.startswith("backup_2"))


def hidden(directory: Path) -> set[str]:
    found = {path.name for path in (directory / "backups").glob(".*")}
    return found - {".gitignore", ".lock", ".summaries.json"}


def assert_no_backup(directory: Path) -> None:
    assert not [name for name in visible(directory) if name.endswith(".json")]
    assert entries(directory / "backups") == []


def assert_nothing_left(directory: Path, server: ThrowawayServer) -> None:
    assert_no_backup(directory)
    assert visible(directory) == []
    assert hidden(directory) == set()
    assert eventually(lambda: not sessions(server), seconds=3)


def assert_next_backup_is_alone(directory: Path, database: Database) -> None:
    own_id = backup(database, target="faults", directory=directory / "backups").record.id
    assert {name.partition(own_id)[0] for name in visible(directory)} == {""}
    assert len(visible(directory)) == 4
    assert hidden(directory) == set()


@contextmanager
def stopped_dump(database: Database, directory: Path, **options: object) -> Iterator[Started]:
    """Start a backup and stop its pg_dump in the midst, so that what follows does not depend on luck."""
    process = start_backup(database, directory, **options)
    assert process.wait_for("dumping"), process.text
    children: list[int] = []

    def stop() -> bool:
        for pid in process.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                children.append(pid)
        return bool(children)

    assert eventually(stop), process.text
    try:
        yield process
    finally:
        for pid in running(children):
            os.kill(pid, signal.SIGCONT)


def test_killed_at_many_moments(source: Database, server: ThrowawayServer, tmp_path: Path) -> None:
    for delay in (0, 0.03, 0.06, 0.09, 0.12, 0.16, 0.2, 0.25):
        process = start_backup(source, tmp_path)
        assert eventually(partial(sessions, server)), process.text
        time.sleep(delay)
        children = process.children()
        process.kill()
        if [name for name in visible(tmp_path) if name.endswith(".json")]:
            break  # it was done
        assert len(hidden(tmp_path)) <= 1
        assert eventually(lambda: not running(children) and not sessions(server), seconds=3)  # noqa: B023
    else:
        assert_no_backup(tmp_path)
        assert_next_backup_is_alone(tmp_path, source)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["connected", "dumping"])
def test_ended_by_a_signal(
    source: Database, server: ThrowawayServer, tmp_path: Path, moment: str, number: int
) -> None:
    process = start_backup(source, tmp_path)
    if moment == "connected":
        assert eventually(partial(sessions, server)), process.text
    else:
        assert process.wait_for(moment)
    children = process.children()
    code = process.kill(number)
    assert not running(children) or eventually(lambda: not running(children), seconds=3)
    if number == signal.SIGKILL:
        assert_no_backup(tmp_path)
        assert_next_backup_is_alone(tmp_path, source)
        return
    assert code == 130
    assert "interrupted" in process.text
    assert "Traceback" not in process.text
    assert_nothing_left(tmp_path, server)


@contextmanager
def inventory_waiting(database: Database, directory: Path) -> Iterator[Started]:
    """Start a backup whose inventory has to wait for others."""
    with connect(database, purpose="tests") as connection:
        connection.execute("CREATE MATERIALIZED VIEW public.slow AS SELECT 1 AS one")
        try:
            connection.execute("BEGIN; REFRESH MATERIALIZED VIEW public.slow")
            process = start_backup(database, directory)
            waiting = (
                "SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted "
                "AND application_name = 'dbsnap snapshot'"
            )
            assert eventually(lambda: connection.execute(waiting).rowcount), process.text
            yield process
        finally:
            connection.execute("ROLLBACK")
            connection.execute("DROP MATERIALIZED VIEW public.slow")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_while_the_inventory_is_read(
    source: Database, server: ThrowawayServer, tmp_path: Path, number: int
) -> None:
    with inventory_waiting(source, tmp_path) as process:
        began = time.monotonic()
        assert process.kill(number) == 130, process.text
        assert time.monotonic() - began < 5
        assert "Traceback" not in process.text
        assert_nothing_left(tmp_path, server)


def test_the_inventory_fails(source: Database, server: ThrowawayServer, tmp_path: Path) -> None:
    with inventory_waiting(source, tmp_path) as process:
        (holder,) = sessions(server, "dbsnap snapshot")
        query(server.database(), f"SELECT pg_cancel_backend({holder})")
        assert process.wait() == 1, process.text
        assert len(re.findall("^error:", process.text, re.MULTILINE)) == 1, process.text
        assert "canceling statement" in process.text
        assert "Traceback" not in process.text
        assert_nothing_left(tmp_path, server)


def test_ctrl_c_reaches_pg_dump_too(
    source: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    """A terminal sends SIGINT to every process in the foreground."""
    process = start_backup(source, tmp_path, start_new_session=True)
    assert process.wait_for("dumping"), process.text
    assert eventually(process.children), process.text
    os.killpg(process.process.pid, signal.SIGINT)
    assert process.wait() == 130, process.text
    assert_nothing_left(tmp_path, server)


INTERRUPTED_IN_FORK = """
import os, signal, sys
from pathlib import Path
from dbsnap.postgres.tools import start
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    start(Path(sys.executable), ["-c", "import time; time.sleep(60)"], environment={})
except KeyboardInterrupt:
    print("heard", Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the children from /proc")
def test_ctrl_c_while_a_program_is_started_is_heard() -> None:
    """Python drops what a signal raises within a fork; and the program must not stay behind."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_FORK],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["heard"], done.stderr


INTERRUPTED_IN_A_CALLBACK = """
import os, signal, time, weakref
from dbsnap.cli.interruption import interruptions_heard
class Something: pass
something = Something()
watched = weakref.ref(something, lambda _: os.kill(os.getpid(), signal.{signal}))
try:
    with interruptions_heard():
        del something
        time.sleep(20)
except KeyboardInterrupt as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("number", "raised"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Interrupted")]
)
def test_an_interruption_that_python_drops_is_heard(number: str, raised: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IN_A_CALLBACK.replace("{signal}", number)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == [raised], done.stderr
    assert done.stderr == ""


INTERRUPTED_AT_ITS_END = """
import os, signal, sys
import dbsnap.cli
from dbsnap.__main__ import main
class Output:
    def flush(self):
        os.kill(os.getpid(), signal.SIGINT)
def run(arguments):
    sys.stdout = Output()
    return 4
dbsnap.cli.run = run
main()
"""


def test_a_ctrl_c_after_the_end_changes_nothing_and_shows_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_ITS_END],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, "")


def test_what_was_half_published_is_removed_by_the_next(source: Database, tmp_path: Path) -> None:
    """Killed between the first rename and the record's, which is the commit point."""
    script = f"""
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from dbsnap.archive.publishing import staging
directory = Path({str(tmp_path / "backups")!r})
with staging(directory, "app", datetime(2026, 1, 1, tzinfo=UTC)) as stage:
    for suffix in (".sql", "_privileges.sql", "_restore.sh"):
        stage.write(suffix, b"half")
        stage.path(suffix).rename(directory / stage.path(suffix).name)
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert len(visible(tmp_path)) == 3
    assert_no_backup(tmp_path)
    assert_next_backup_is_alone(tmp_path, source)


def test_interrupted_while_publishing(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with suppress(KeyboardInterrupt), staging(tmp_path / "backups", "app", now) as stage:
        stage.write(".sql", b"half")
        stage.path(".sql").rename(tmp_path / "backups" / stage.path(".sql").name)
        raise KeyboardInterrupt
    assert visible(tmp_path) == []
    assert hidden(tmp_path) == set()


def test_a_published_backup_outlives_the_end_of_its_staging(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with suppress(KeyboardInterrupt), staging(tmp_path / "backups", "app", now) as stage:
        stage.write(".sql", b"whole")
        stage.write(".json", b"{}")
        publish(stage, tmp_path / "backups")
        raise KeyboardInterrupt
    assert len(visible(tmp_path)) == 2


def test_killed_before_its_staging_directory_was_locked(tmp_path: Path) -> None:
    abandoned = tmp_path / "backups" / ".backup_20250101_000000_app.partial"
    abandoned.mkdir(parents=True)
    with staging(tmp_path / "backups", "app", datetime(2026, 1, 1, tzinfo=UTC)):
        assert not abandoned.exists()


def test_pg_dump_is_killed(source: Database, server: ThrowawayServer, tmp_path: Path) -> None:
    with stopped_dump(source, tmp_path) as process:
        for pid in process.children():
            os.kill(pid, signal.SIGKILL)
    assert process.wait() == 1
    assert "pg_dump" in process.text
    assert "Traceback" not in process.text
    assert_nothing_left(tmp_path, server)


@pytest.mark.parametrize(
    ("purpose", "words"),
    [
        ("dbsnap snapshot", "the server ended the session that holds the snapshot"),
        (
            "dbsnap pg_dump",
            r"due to administrator command|server closed the connection|pg_dump failed",
        ),
    ],
)
def test_a_session_is_terminated(
    source: Database, server: ThrowawayServer, tmp_path: Path, purpose: str, words: str
) -> None:
    with stopped_dump(source, tmp_path) as process:
        assert eventually(lambda: sessions(server, "dbsnap snapshot"))
        pids = sessions(server, purpose)
        if not pids:  # pg_dump was stopped before it had connected
            for pid in process.children():
                os.kill(pid, signal.SIGCONT)
            assert eventually(lambda: sessions(server, purpose)), process.text
            pids = sessions(server, purpose)
        query(server.database(), f"SELECT pg_terminate_backend({pids[0]})")
    assert process.wait() == 1, process.text
    assert re.search(words, process.text)
    assert_nothing_left(tmp_path, server)


def limit_files_to(size: int) -> Callable[[], None]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("compress", ["none", "zstd", "gzip"])
def test_the_file_may_not_grow(
    source: Database, server: ThrowawayServer, tmp_path: Path, compress: str
) -> None:
    size = 4096 if compress != "none" else MEBIBYTE
    process = Started(
        *("backup", "-Z", compress, "--url", address_of(source)),
        cwd=tmp_path,
        preexec_fn=limit_files_to(size),
    )
    assert process.wait() == 1, process.text
    assert str(tmp_path / "backups") in process.text.replace("\n", "")
    assert "File too large" in process.text
    assert_nothing_left(tmp_path, server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a directory on a file system of one mebibyte, where this user may mount one."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root may mount a small disk; test_the_file_may_not_grow covers the rest")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_the_disk_is_full(source: Database, server: ThrowawayServer, small_disk: Path) -> None:
    process = start_backup(source, small_disk)
    assert process.wait() == 1, process.text
    assert str(small_disk / "backups") in process.text
    assert "No space left on device" in process.text
    assert_nothing_left(small_disk, server)


def test_a_directory_that_cannot_be_one(
    source: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = dbsnap(
        *("backup", "--dir", "file/backups", "--url", address_of(source)),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "file/backups" in done.stderr
    assert "Not a directory" in done.stderr
    assert eventually(lambda: not sessions(server))


def test_a_directory_that_may_not_be_written(
    source: Database, server: ThrowawayServer, tmp_path: Path
) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    if os.geteuid() == 0:  # root may write everywhere but where nobody may
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(directory)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("root that may not mount finds no directory it may not write")
    else:
        directory.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        process = start_backup(source, tmp_path)
        assert process.wait() == 1
        assert str(directory) in process.text
        assert list(directory.iterdir()) == []
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", "-l", str(directory)], check=True)
    assert eventually(lambda: not sessions(server))


def test_two_backups_within_one_second(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database("CREATE TABLE t (id integer); INSERT INTO t VALUES (1)")
    now = datetime(2026, 1, 24, 10, 30, tzinfo=UTC)
    taken: list[str] = []

    def take() -> None:
        done = backup(database, target="t", directory=tmp_path, clock=lambda: now)
        taken.append(done.record.id)

    both = [threading.Thread(target=take) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(set(taken)) == 2
    manifest = json.loads((tmp_path / "backup_manifest.json").read_text())
    assert sorted(line["id"] for line in manifest["backups"]) == sorted(taken)
    assert [entry.problem for entry in entries(tmp_path)] == ["", ""]
    for own_id in taken:
        restored = restore(
            tmp_path / f"{own_id}.sql",
            database,
            confirm=lambda plan: None,
            options=RestoreOptions(to=f"{database.name}_{own_id[-6:].lower()}"),
        )
        assert restored.inventory.total_rows() == 1


def test_six_processes_at_once(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database("CREATE TABLE t (id integer); INSERT INTO t VALUES (1)")
    processes = [start_backup(database, tmp_path) for _ in range(6)]
    for process in processes:
        assert process.wait() == 0, process.text
    manifest = json.loads((tmp_path / "backups/backup_manifest.json").read_text())
    listed = [line["id"] for line in manifest["backups"]]
    records = [name for name in visible(tmp_path) if name.endswith(".json")]
    assert len(set(listed)) == len(records) == 6
    assert {line["status"] for line in manifest["backups"]} == {"verified"}
    assert len(visible(tmp_path)) == 24
    assert hidden(tmp_path) == set()


def test_files_are_private_under_any_umask(source: Database, tmp_path: Path) -> None:
    process = start_backup(source, tmp_path, preexec_fn=lambda: os.umask(0))
    assert process.wait() == 0, process.text
    directory = tmp_path / "backups"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_a_killed_manifest_writer_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".backup_manifest.json.partial").write_text("half")
    rebuild_manifest(tmp_path)
    assert json.loads((tmp_path / "backup_manifest.json").read_text())["backups"] == []
    assert not (tmp_path / ".backup_manifest.json.partial").exists()


# -- the snapshot


BUSY = """
CREATE TABLE events (id bigserial PRIMARY KEY, word text NOT NULL);
INSERT INTO events (word) SELECT md5(n::text) FROM generate_series(1, 20000) AS n;
CREATE TABLE emptied (id integer);
INSERT INTO emptied SELECT generate_series(1, 5000);
CREATE TABLE dropped (id integer);
INSERT INTO dropped SELECT generate_series(1, 5000);
CREATE TABLE altered (id integer);
INSERT INTO altered SELECT generate_series(1, 5000);
"""
WRITES = "INSERT INTO public.events (word) SELECT 'new' FROM generate_series(1, 20)"
DELETES = "DELETE FROM public.events WHERE id IN (SELECT id FROM public.events ORDER BY id LIMIT 7)"
IMPATIENT = "SET lock_timeout TO '50ms';"
MIGRATIONS = [
    "TRUNCATE public.emptied",
    "DROP TABLE public.dropped",
    "ALTER TABLE public.altered ADD COLUMN IF NOT EXISTS extra text DEFAULT 'x'",
]


@contextmanager
def disturbed(database: Database, statements: list[str]) -> Iterator[list[int]]:
    """Run each statement again and again in a session of its own; yields how often each succeeded."""
    stop = threading.Event()
    succeeded = [0] * len(statements)

    def disturb(number: int, sql: str) -> None:
        with connect(database, purpose="tests") as connection:
            execute(connection, IMPATIENT)
            while not stop.is_set():
                try:
                    execute(connection, sql)
                    succeeded[number] += 1
                except psycopg.Error:
                    stop.wait(0.01)

    threads = [
        threading.Thread(target=disturb, args=(number, sql))
        for number, sql in enumerate(statements)
    ]
    for thread in threads:
        thread.start()
    try:
        yield succeeded
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_backup_under_heavy_writes_is_exact(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(BUSY)
    rows: list[int] = []
    with disturbed(database, [WRITES, WRITES, DELETES]) as succeeded:
        for _ in range(3):
            done = backup(database, target="t", directory=tmp_path)
            facts = done.record.inventory.of("table")["public.events"]
            rows.append(facts["rows"])
            counted = sum(b.rows for b in done.record.dump.blocks if b.table == "public.events")
            assert counted == facts["rows"]
    assert min(succeeded) > 0
    assert len(set(rows)) == 3  # the writes did reach the table between the snapshots
    copy = database.with_name(f"{database.name}_copy")
    restored = restore(
        done.dump, database, confirm=lambda plan: None, options=RestoreOptions(to=copy.name)
    )
    assert restored.inventory.of("table")["public.events"]["rows"] == rows[-1]
    verified = dbsnap(
        *("verify", "latest", "--dir", str(tmp_path), "--url", address_of(copy)),
        cwd=tmp_path,
    )
    assert verified.returncode == 0, verified.stdout


def test_truncate_drop_and_alter_wait_for_the_dump(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    """They are not MVCC-safe: without the locks the dump would lose rows without a word."""
    database = new_database(BUSY)
    with hold_snapshot(database) as snapshot:
        program = choose("pg_dump", snapshot.connection.info.server_version)
        arguments = whole_database_arguments(snapshot.identifier, "UTF8", lock_wait_seconds=30)
        with disturbed(database, MIGRATIONS) as succeeded:
            contents = ContentsReader()
            with dump_stream(program, database, arguments) as read:
                for event in lex(read):
                    contents.feed(event)
                    time.sleep(0.0005)
            assert succeeded == [0, 0, 0]
    tables = contents.contents().inventory.of("table")
    assert {name: facts["rows"] for name, facts in tables.items()} == {
        "public.altered": 5000,
        "public.dropped": 5000,
        "public.emptied": 5000,
        "public.events": 20000,
    }
    with disturbed(database, MIGRATIONS) as succeeded:  # and afterwards they do succeed
        assert eventually(lambda: all(succeeded))


def test_every_backup_during_migrations_is_exact_or_refused(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(BUSY)
    again = [
        "TRUNCATE public.emptied",
        "INSERT INTO public.emptied SELECT generate_series(1, 1000)",
        """BEGIN; DROP TABLE public.dropped; CREATE TABLE public.dropped (id integer);
        INSERT INTO public.dropped SELECT generate_series(1, 1000); COMMIT""",
        WRITES,
    ]
    exact = 0
    dropped = {5000, 1000}  # before and after the first migration, which may come late
    with disturbed(database, again):
        for _ in range(5):
            try:
                done = backup(database, target="t", directory=tmp_path)
            except (ServerFailed, ToolFailed):
                continue
            exact += 1
            counted: dict[str, int] = {}
            for block in done.record.dump.blocks:
                counted[block.table] = block.rows
            promised = done.record.inventory.of("table")
            assert counted == {name: facts["rows"] for name, facts in promised.items()}
            assert counted["public.dropped"] in dropped
            dropped &= {counted["public.dropped"], 1000}
    assert exact


def test_a_table_that_stays_locked_is_named(new_database: NewDatabase) -> None:
    database = new_database(BUSY)
    with connect(database, purpose="the migration") as holder:
        execute(holder, "BEGIN; LOCK TABLE public.events IN ACCESS EXCLUSIVE MODE")
        pid = holder.info.backend_pid
        with (
            pytest.raises(ServerFailed, match=r"within 1 seconds") as caught,
            hold_snapshot(database, lock_wait_seconds=1),
        ):
            pass
    message = str(caught.value)
    assert "public.events is locked by session" in message
    assert str(pid) in message
    assert "the migration" in message
    with hold_snapshot(database, lock_wait_seconds=1):  # once it is free
        pass


def test_pg_dump_does_not_wait_for_ever_behind_a_migration(new_database: NewDatabase) -> None:
    database = new_database(BUSY)
    with (
        hold_snapshot(database) as snapshot,
        connect(database, purpose="the migration") as migration,
    ):
        queue = threading.Thread(
            target=ignore_errors, args=(migration, "ALTER TABLE public.events ADD COLUMN c int")
        )
        queue.start()
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert eventually(lambda: query(database, waiting))
        program = choose("pg_dump", snapshot.connection.info.server_version)
        arguments = whole_database_arguments(snapshot.identifier, "UTF8", lock_wait_seconds=1)
        with pytest.raises(ToolFailed, match=r"statement timeout|lock timeout"):
            read_whole_dump(program, database, arguments)
        migration.cancel_safe()
        queue.join()


def read_whole_dump(program: Program, database: Database, arguments: list[str]) -> None:
    with dump_stream(program, database, arguments) as read:
        while read(MEBIBYTE):
            pass


def ignore_errors(connection: psycopg.Connection, sql: str) -> None:
    try:
        execute(connection, sql)
    except psycopg.Error:
        return


@pytest.mark.parametrize(
    "settings",
    [
        {"idle_in_transaction_session_timeout": "100ms", "statement_timeout": "100ms"},
        {"lock_timeout": "1ms", "idle_session_timeout": "100ms", "transaction_timeout": "150ms"},
        {"default_transaction_read_only": "on", "default_transaction_isolation": "serializable"},
        {"search_path": "nowhere", "DateStyle": "SQL, DMY", "row_security": "on"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_role_with_settings_that_hinder(
    source: Database, server: ThrowawayServer, tmp_path: Path, settings: dict[str, str]
) -> None:
    role = "dbsnap_test_hindered"
    with connect(server.database(), purpose="tests") as connection:
        execute(connection, f"CREATE ROLE {role} LOGIN SUPERUSER")
        try:
            for name, value in settings.items():
                execute(connection, f"ALTER ROLE {role} SET {quote_name(name)} TO '{value}'")
                if name == "search_path":
                    execute(connection, f"ALTER ROLE {role} SET bytea_output TO 'escape'")
            hindered = Database({**source.parameters, "user": role})
            done = dbsnap("backup", "--json", "--url", address_of(hindered), cwd=tmp_path)
        finally:
            execute(connection, f"DROP ROLE {role}")
    assert done.returncode == 0, done.stderr
    record = json.loads(
        (tmp_path / "backups" / f"{json.loads(done.stdout)['id']}.json").read_text()
    )
    assert sum(block["rows"] for block in record["dump"]["blocks"]) == 15500
