"""Real servers for the tests: one per PostgreSQL major, started once, with a new database per test.

``DBSNAP_TEST_MAJORS`` says which majors the session must have (``make test-matrix`` asks for four). A
server that is asked for and cannot be started is an error, never a skip.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from dbsnap.cli import run
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.load import psql
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.throwaway import ThrowawayServer, server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.url import Database

# A shell's background job ignores Ctrl-C, one under nohup SIGHUP; what the tests start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

DEFAULT_MAJOR = 18
MAJORS = [int(major) for major in os.environ.get("DBSNAP_TEST_MAJORS", "18").split(",")]
SCHEMAS = Path(__file__).parent / "schemas"
OUTER_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""What `make test` tells a make that a test runs."""

NO_CONFIGURATION = ("DATABASE_URL", "DIRECT_URL", "DIRECT_DATABASE_URL", "DBSNAP_DIR")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return two workers for each core: half of the time a test waits for a server or a process."""
    return 2 * (os.cpu_count() or 1)


class Servers:
    """Servers by major, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[int, ThrowawayServer] = {}

    def of(self, major: int) -> ThrowawayServer:
        """Return the running server of one major."""
        if major not in self._running:
            program = server_binaries(major=major)
            self._running[major] = self._stack.enter_context(throwaway_server(program))
        return self._running[major]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Give the servers of this session."""
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="session")
def server(servers: Servers) -> ThrowawayServer:
    """Give the server that most tests use."""
    return servers.of(DEFAULT_MAJOR)


@pytest.fixture
def new_database(servers: Servers) -> Iterator[Callable[..., Database]]:
    """Give a function that creates a database on a server of some major and fills it."""
    made: list[tuple[ThrowawayServer, str]] = []

    def create(sql: str = "", *, major: int = DEFAULT_MAJOR, name: str | None = None) -> Database:
        chosen = servers.of(major)
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        with connect(chosen.database()) as connection:
            execute(connection, f"CREATE DATABASE {quote_name(name)}")
        made.append((chosen, name))
        database = chosen.database(name)
        if sql:
            run_sql(database, sql)
        return database

    yield create
    for chosen, name in made:
        drop_all_like(chosen, name)


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own configuration out of the tests."""
    for name in [*os.environ]:
        if name.startswith("PG") or name in (*NO_CONFIGURATION, *OUTER_MAKE):
            monkeypatch.delenv(name)


def drop_all_like(server: ThrowawayServer, name: str) -> None:
    """Drop a database and what restores made beside it."""
    with connect(server.database()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)",
            [name, name + "_"],
        ).fetchall()
        for (found,) in rows:
            quoted = quote_name(found)
            execute(connection, f"ALTER DATABASE {quoted} IS_TEMPLATE false")
            execute(connection, f"DROP DATABASE {quoted} WITH (FORCE)")


def run_sql(database: Database, sql: str) -> None:
    """Run a script with psql, as a person would, stopping at the first error."""
    with psql(psql_of(database), database) as target:
        target.send(sql.encode())
        target.finish()


def psql_of(database: Database) -> Program:
    """Return the newest psql: it speaks to every server of the matrix."""
    return max(find_programs("psql"), key=lambda program: program.version)


def query(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, with ``public`` in the search path."""
    with connect(database) as connection:
        execute(connection, "SET search_path TO public")
        return connection.execute(sql.encode()).fetchall()


def database_names(server: ThrowawayServer) -> set[str]:
    """Return the names of all databases of a server."""
    return {row[0] for row in query(server.database(), "SELECT datname FROM pg_database")}


def url_of(database: Database) -> str:
    """Return the address of a throw-away database as a connection string."""
    return " ".join(f"{k}='{v}'" for k, v in database.parameters.items())


def dbsnap(
    *arguments: str, cwd: Path, environment: dict[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "dbsnap", *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture
def dbsnap_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Give ``dbsnap`` without a process of its own, and without the half second that one takes."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run_here(
        *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch, Path(os.devnull).open() as nothing:
            patch.setattr(sys, "stdin", nothing)
            patch.chdir(cwd or Path.cwd())
            for name, value in (environment or {}).items():
                patch.setenv(name, value)
            code = run(arguments)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    yield run_here
    for number, handler in handlers.items():
        signal.signal(number, handler)


def schema_files() -> list[Path]:
    """Return the catalogue of awkward databases."""
    return sorted(SCHEMAS.glob("*.sql"))


STARTED: list[Started] = []


@pytest.fixture(autouse=True)
def _end_what_was_started() -> Iterator[None]:
    """Leave no process behind, whatever a test's outcome is."""
    yield
    while STARTED:
        started = STARTED.pop()
        if started.process.poll() is None:
            started.kill()


class Started:
    """A running ``python -m dbsnap``, whose log lines can be waited for; ``program`` is another one."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        program: tuple[str, ...] = ("-m", "dbsnap"),
        **options: Any,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        STARTED.append(self)
        self.lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def text(self) -> str:
        """Return what was written to stderr so far."""
        return "".join(self.lines)

    def wait_for(self, words: str) -> bool:
        """Wait for a line with these words; False if the process ended without one."""
        with self._news:
            return self._news.wait_for(lambda: words in self.text or self._ended, timeout=60) and (
                words in self.text
            )

    def wait(self, timeout: float = 60) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(timeout)
        self._reader.join()
        return code

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.wait()

    def children(self) -> list[int]:
        """Return the ids of the programs it runs."""
        parent = self.process.pid
        return [pid for pid, (its_parent, _) in process_table().items() if its_parent == parent]


def process_table() -> dict[int, tuple[int, str]]:
    """Return parent and state of every process; Linux has /proc where it has no ps."""
    if Path("/proc/self/stat").exists():
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                state, parent = path.read_text().rpartition(")")[2].split()[:2]
                found[int(path.parent.name)] = (int(parent), state)
        return found
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid): (int(parent), state) for pid, parent, state in rows}


def running(pids: list[int]) -> list[int]:
    """Return those of these processes that still run."""
    table = process_table()
    return [pid for pid in pids if pid in table and not table[pid][1].startswith("Z")]


def sessions(server: ThrowawayServer, purpose: str = "dbsnap") -> list[int]:
    """Return the process ids of dbsnap's sessions on a server, but for the one that asks."""
    with connect(server.database(), purpose="tests") as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, %s)", [purpose]
        ).fetchall()
    return [row[0] for row in rows]


def eventually(condition: Callable[[], object], *, seconds: float = 10) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def address_of(database: Database) -> str:
    """Return an address as a URL, whatever characters the database's name has."""
    rest = {k: v for k, v in database.parameters.items() if k not in {"user", "dbname"}}
    user, name = (quote(database.parameters[key], safe="") for key in ("user", "dbname"))
    return f"postgresql://{user}@/{name}?{urlencode(rest)}"
