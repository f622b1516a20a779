"""A restore that dies, or whose programs, sessions or server die, leaves the old or the new database."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from conftest import (
    DEFAULT_MAJOR,
    Started,
    address_of,
    database_names,
    dbsnap,
    drop_all_like,
    eventually,
    query,
    run_sql,
    running,
    sessions,
)

from dbsnap.errors import ToolFailed
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.throwaway import _control, server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Servers

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

ROWS = 25_000
BACKED_UP = f"""
CREATE TABLE marker (content text);
INSERT INTO marker VALUES ('backup');
CREATE TABLE big (id integer PRIMARY KEY, word text NOT NULL, amount numeric);
INSERT INTO big SELECT n, repeat(md5(n::text), 5), n * 1.5 FROM generate_series(1, {ROWS}) AS n;
CREATE INDEX big_word ON big (word);
CREATE INDEX big_amount ON big (amount, word);
"""
LIVE = """
CREATE TABLE marker (content text);
INSERT INTO marker VALUES ('live');
CREATE TABLE big (id integer PRIMARY KEY, word text NOT NULL, amount numeric);
INSERT INTO big SELECT n, 'live', n FROM generate_series(1, 300) AS n;
CREATE TABLE only_here (id integer);
"""
SLOW = """
CREATE FUNCTION public.takes_long() RETURNS boolean LANGUAGE sql VOLATILE
    AS 'SELECT pg_sleep(current_setting(''slow.seconds'', true)::float) IS NOT NULL';
CREATE TABLE slow (id integer CHECK (takes_long()));
INSERT INTO slow VALUES (1);
"""
"""One row that takes as long to load as the server's setting ``slow.seconds`` says."""

WHOLE = """
SELECT (SELECT content FROM public.marker), (SELECT count(*) FROM public.big),
    (SELECT md5(string_agg(big::text, ',' ORDER BY id)) FROM public.big),
    (SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace)
"""
SWAP_PHASES = [
    "checking",
    "loading into",
    "analysing",
    "reading what",
    "comparing content",
    "putting it in the place",
    "is now the restored",
]
IN_PLACE_PHASES = ["loading into", "reading back"]


@dataclass
class Arena:
    """A live database, what it looks like old and new, and a backup of what it should become."""

    server: ThrowawayServer
    directory: Path
    name: str
    old: tuple[object, ...] = ()
    new: tuple[object, ...] = ()

    @property
    def live(self) -> Database:
        return self.server.database(self.name)

    def prepare(self, backed_up: str) -> None:
        source = self.create(f"{self.name}_source", backed_up)
        dbsnap_ok("backup", "--url", address_of(source), cwd=self.directory)
        self.new = self.look(source)
        self.old = self.look(self.create(f"{self.name}_old", LIVE))
        self.reset()

    def create(self, name: str, sql: str) -> Database:
        with connect(self.server.database()) as connection:
            execute(connection, f"CREATE DATABASE {quote_name(name)}")
        run_sql(self.server.database(name), sql)
        return self.server.database(name)

    def reset(self) -> None:
        """Make the live database the old one again, alone."""
        with connect(self.server.database()) as connection:
            for name in self.all_of_it():
                execute(connection, f"DROP DATABASE {quote_name(name)} WITH (FORCE)")
            execute(
                connection,
                f"CREATE DATABASE {quote_name(self.name)} TEMPLATE {quote_name(self.name + '_old')}",
            )

    def all_of_it(self) -> set[str]:
        kept = {f"{self.name}_source", f"{self.name}_old"}
        return {n for n in database_names(self.server) if n.startswith(self.name)} - kept

    def half_done(self) -> set[str]:
        return {n for n in self.all_of_it() if "_restore_" in n or "_discard_" in n}

    def look(self, database: Database | None = None) -> tuple[object, ...]:
        return query(database or self.live, WHOLE)[0]

    def state(self) -> str:
        """Say which of the two the live database is; anything else is a failure."""
        found = self.look()
        assert found in (self.old, self.new)
        return "old" if found == self.old else "new"

    def start(self, *arguments: str) -> Started:
        return Started(*arguments, "--yes", "--url", address_of(self.live), cwd=self.directory)

    def restore(self, *arguments: str) -> Started:
        return self.start("restore", "latest", *arguments)

    def assert_next_restore_succeeds(self) -> None:
        process = self.restore()
        assert process.wait() == 0, process.text
        assert self.state() == "new"
        assert not self.half_done()


def dbsnap_ok(*arguments: str, cwd: Path) -> str:
    done = dbsnap(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shared(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    arena = Arena(servers.of(DEFAULT_MAJOR), tmp_path_factory.mktemp("arena"), "arena")
    arena.prepare(BACKED_UP)
    yield arena
    drop_all_like(arena.server, arena.name)


@pytest.fixture
def arena(shared: Arena) -> Arena:
    if shared.all_of_it() != {shared.name} or shared.look() != shared.old:
        shared.reset()
    return shared


@pytest.fixture(scope="module")
def slow_server() -> Iterator[ThrowawayServer]:
    """Give a server of this module's own, which may crash, and where loading takes a while."""
    settings = {"slow.seconds": "20"}
    with throwaway_server(server_binaries(major=DEFAULT_MAJOR), settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def slow_shared(slow_server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    arena = Arena(slow_server, tmp_path_factory.mktemp("slow"), "arena")
    set_seconds(slow_server, 0)
    arena.prepare(BACKED_UP.replace(str(ROWS), "300") + SLOW)
    set_seconds(slow_server, 20)
    return arena


@pytest.fixture
def slow(slow_shared: Arena) -> Arena:
    slow_shared.reset()
    return slow_shared


def set_seconds(server: ThrowawayServer, seconds: int) -> None:
    with connect(server.database()) as connection:
        execute(connection, f"ALTER SYSTEM SET slow.seconds TO '{seconds}'")
        execute(connection, "SELECT pg_reload_conf()")


def loading(arena: Arena) -> Started:
    """Start a restore and return it in the middle of its slow statement."""
    process = arena.restore()
    assert eventually(
        lambda: query(
            arena.server.database(),
            "SELECT FROM pg_stat_activity WHERE application_name = 'dbsnap psql' "
            "AND wait_event = 'PgSleep'",
        )
    ), process.text
    return process


def assert_nothing_left(arena: Arena, process: Started) -> None:
    assert arena.all_of_it() == {arena.name}, process.text
    assert arena.state() == "old"
    assert eventually(lambda: not sessions(arena.server))


@pytest.mark.parametrize("phase", SWAP_PHASES)
def test_killed_in_any_phase(arena: Arena, phase: str) -> None:
    process = arena.restore()
    assert process.wait_for(phase), process.text
    children = process.children()
    process.kill()
    if phase == SWAP_PHASES[-1]:
        assert arena.state() == "new"
    elif phase != SWAP_PHASES[-2]:
        assert arena.state() == "old"
    assert len(arena.half_done()) <= 1
    assert eventually(lambda: not sessions(arena.server) and not running(children), seconds=3)
    arena.assert_next_restore_succeeds()


def test_killed_at_fifteen_moments(arena: Arena) -> None:
    whole = arena.restore()
    assert whole.wait_for("checking")
    begun = time.monotonic()
    assert whole.wait() == 0
    duration = time.monotonic() - begun
    arena.reset()
    seen = []
    for part in range(15):
        process = arena.restore()
        assert process.wait_for("checking")
        time.sleep(duration * part / 15)
        process.kill()
        seen.append(arena.state())
        # Each removes what the one before left behind, as soon as it holds the lock.
        assert len(arena.half_done()) <= 1
    assert "old" in seen
    arena.assert_next_restore_succeeds()
    assert eventually(lambda: not sessions(arena.server), seconds=3)


@pytest.mark.parametrize(
    ("phase", "number"),
    [(phase, signal.SIGTERM) for phase in SWAP_PHASES[:-1]]
    + [(phase, signal.SIGINT) for phase in SWAP_PHASES[1:-1:2]],
)
def test_interrupted_in_any_phase(arena: Arena, phase: str, number: int) -> None:
    process = arena.restore()
    assert process.wait_for(phase), process.text
    children = process.children()
    code = process.kill(number)
    assert not arena.half_done(), process.text
    assert not running(children)
    assert eventually(lambda: not sessions(arena.server), seconds=3)
    if "is now the restored" in process.text:  # too late: Python at its end hears no signals
        assert code in {0, 130, -number}
        assert arena.state() == "new"
    else:
        assert code == 130, process.text
        assert arena.state() == "old"
        assert "Traceback" not in process.text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_while_creating_the_side_database(slow: Arena, number: int) -> None:
    # Whoever holds template0's lock makes CREATE DATABASE wait.
    with connect(slow.server.database(), purpose="tests") as blocker:
        execute(blocker, "BEGIN")
        execute(blocker, "COMMENT ON DATABASE template0 IS 'blocked'")
        execute(blocker, "ALTER DATABASE template0 RENAME TO template9")
        process = slow.restore()
        assert eventually(
            lambda: query(
                slow.server.database(),
                "SELECT FROM pg_stat_activity WHERE application_name = 'dbsnap restore' "
                "AND wait_event_type = 'Lock'",
            )
        ), process.text
        process.process.send_signal(number)
        time.sleep(0.1)
        execute(blocker, "ROLLBACK")
    assert process.wait() == (130 if number != signal.SIGKILL else -signal.SIGKILL), process.text
    assert eventually(lambda: not sessions(slow.server))
    if number != signal.SIGKILL:
        assert_nothing_left(slow, process)
    assert slow.state() == "old"


@pytest.mark.parametrize("stuck", ["live", "side"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_between_the_renames(arena: Arena, stuck: str, number: int) -> None:
    """A session that is stopped cannot be ended, so a RENAME waits for it: the first or the second."""
    process = arena.restore()
    assert process.wait_for("comparing content"), process.text
    name = arena.name if stuck == "live" else next(iter(arena.half_done()))
    with connect(arena.server.database(name), purpose="tests") as session:
        os.kill(session.info.backend_pid, signal.SIGSTOP)
        try:
            assert eventually(lambda: renaming(arena)), process.text
            process.process.send_signal(number)
            if number == signal.SIGKILL:
                # The server notices that its client is gone, and does not wait on.
                assert eventually(lambda: not sessions(arena.server), seconds=3)
            else:
                time.sleep(0.2)
        finally:
            os.kill(session.info.backend_pid, signal.SIGCONT)
    assert process.wait() == (130 if number != signal.SIGKILL else -signal.SIGKILL), process.text
    assert arena.state() == "old"
    assert bool(arena.half_done()) == (number == signal.SIGKILL)
    assert eventually(lambda: not sessions(arena.server))
    if number == signal.SIGKILL:
        arena.assert_next_restore_succeeds()


def renaming(arena: Arena) -> bool:
    """Say whether a RENAME has been waiting, for longer than sessions take to be ended."""
    return bool(
        query(
            arena.server.database(),
            "SELECT FROM pg_stat_activity WHERE application_name = 'dbsnap restore' "
            "AND query LIKE '%RENAME%' AND state = 'active' "
            "AND clock_timestamp() > query_start + interval '0.3 s'",
        )
    )


@pytest.mark.parametrize("delay", [0, 0.05])
@pytest.mark.parametrize("phase", IN_PLACE_PHASES)
def test_killed_in_place(arena: Arena, phase: str, delay: float) -> None:
    process = arena.restore("--in-place")
    assert process.wait_for(phase), process.text
    time.sleep(delay)
    children = process.children()
    process.kill()
    assert eventually(lambda: not sessions(arena.server) and not running(children), seconds=5)
    assert arena.state() in {"old", "new"}
    assert arena.all_of_it() == {arena.name}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", IN_PLACE_PHASES)
def test_interrupted_in_place(arena: Arena, phase: str, number: int) -> None:
    process = arena.restore("--in-place")
    assert process.wait_for(phase), process.text
    assert process.kill(number) == 130, process.text
    assert_nothing_left(arena, process)


def test_in_place_succeeds_after_having_been_killed(arena: Arena) -> None:
    process = arena.restore("--in-place")
    assert process.wait_for("loading into")
    process.kill()
    again = arena.restore("--in-place")
    assert again.wait() == 0, again.text
    assert arena.state() == "new"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_rollback_ended_in_its_swap(arena: Arena, number: int) -> None:
    arena.assert_next_restore_succeeds()
    with connect(arena.live, purpose="tests") as session:
        os.kill(session.info.backend_pid, signal.SIGSTOP)
        try:
            process = arena.start("rollback")
            assert eventually(lambda: renaming(arena)), process.text
            process.process.send_signal(number)
            time.sleep(0.2)
        finally:
            os.kill(session.info.backend_pid, signal.SIGCONT)
    assert process.wait() == (130 if number != signal.SIGKILL else -signal.SIGKILL), process.text
    assert arena.state() == "new"
    again = arena.start("rollback")
    assert again.wait() == 0, again.text
    assert arena.state() == "old"


def test_rollback_killed_at_any_moment(arena: Arena) -> None:
    arena.assert_next_restore_succeeds()
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6):
        process = arena.start("rollback")
        time.sleep(delay)
        process.kill()
        state = arena.state()
        assert len(arena.all_of_it()) == 2
    again = arena.start("rollback")
    assert again.wait() == 0, again.text
    assert arena.state() != state


def test_psql_is_killed(slow: Arena) -> None:
    process = loading(slow)
    for pid in process.children():
        os.kill(pid, signal.SIGKILL)
    assert process.wait() == 1
    assert "psql was ended by signal 9" in process.text
    assert_nothing_left(slow, process)


def test_the_session_of_psql_is_terminated(slow: Arena) -> None:
    process = loading(slow)
    terminate(slow, "dbsnap psql")
    assert process.wait() == 1
    assert "terminating connection due to administrator command" in process.text
    assert_nothing_left(slow, process)


def test_the_maintenance_session_is_terminated(slow: Arena) -> None:
    set_seconds(slow.server, 1)
    try:
        process = loading(slow)
        terminate(slow, "dbsnap restore")
        assert process.wait() == 1
    finally:
        set_seconds(slow.server, 20)
    assert "administrator command" in process.text or "closed the connection" in process.text
    assert "Traceback" not in process.text
    assert_nothing_left(slow, process)


def terminate(arena: Arena, purpose: str) -> None:
    (pid,) = sessions(arena.server, purpose)
    query(arena.server.database(), f"SELECT pg_terminate_backend({pid}, 5000)")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_within_a_statement_that_takes_long(slow: Arena, number: int) -> None:
    """Nobody waits for the twenty seconds that the statement would take."""
    process = loading(slow)
    children = process.children()
    process.kill(number)
    assert eventually(lambda: not running(children), seconds=3)
    assert eventually(lambda: not sessions(slow.server), seconds=3)
    assert slow.state() == "old"
    if number != signal.SIGKILL:
        assert_nothing_left(slow, process)


def test_in_place_killed_within_a_statement_that_takes_long(slow: Arena) -> None:
    process = slow.restore("--in-place")
    assert eventually(
        lambda: query(
            slow.server.database(), "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        )
    ), process.text
    process.kill()
    assert eventually(lambda: not sessions(slow.server), seconds=3)
    assert slow.state() == "old"


def crash(server: ThrowawayServer) -> None:
    postmaster = int((server.directory / "data/postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGQUIT)
    assert eventually(lambda: not running([postmaster]))


def start_again(server: ThrowawayServer) -> None:
    with suppress_tool_failure():
        _control(server, ["stop", "-m", "immediate", "-w"])
    _control(server, ["start", "-w", "-l", str(server.directory / "log")])


class suppress_tool_failure:  # noqa: N801 - reads as a statement
    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, *rest: object) -> bool:
        return kind is ToolFailed


def test_the_server_crashes_while_it_is_loaded(slow: Arena) -> None:
    process = loading(slow)
    crash(slow.server)
    assert process.wait() == 1
    assert "Traceback" not in process.text
    assert "the next restore drops it" in process.text
    start_again(slow.server)
    assert slow.state() == "old"
    assert len(slow.half_done()) == 1
    set_seconds(slow.server, 0)
    try:
        slow.assert_next_restore_succeeds()
    finally:
        set_seconds(slow.server, 20)


def test_the_server_crashes_during_the_swap(slow: Arena) -> None:
    set_seconds(slow.server, 0)
    try:
        with connect(slow.live, purpose="tests") as session:
            pid = session.info.backend_pid
            os.kill(pid, signal.SIGSTOP)
            process = slow.restore()
            assert eventually(lambda: renaming(slow)), process.text
            crash_hard = int(
                (slow.server.directory / "data/postmaster.pid").read_text().splitlines()[0]
            )
            os.kill(crash_hard, signal.SIGQUIT)
            os.kill(pid, signal.SIGCONT)
        assert process.wait() == 1
        assert "Traceback" not in process.text
        start_again(slow.server)
        assert slow.state() == "old"
        slow.assert_next_restore_succeeds()
    finally:
        set_seconds(slow.server, 20)
