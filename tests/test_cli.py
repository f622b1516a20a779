"""The command line as a process: documents, exit codes, confirmations, and what is on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import database_names, dbsnap, drop_all_like, query, run_sql, url_of

from dbsnap.postgres.connection import connect, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

STATUSES = {"ok", "failed", "refused", "different", "not-run"}
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/app"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CONTENT = """
CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE);
INSERT INTO users VALUES (1, 'a@example.org'), (2, 'b@example.org');
CREATE TABLE notes (id int PRIMARY KEY, user_id int REFERENCES users, body text);
INSERT INTO notes VALUES (1, 1, 'first');
"""


Result = subprocess.CompletedProcess[str]


def document(result: Result, status: str) -> dict[str, Any]:
    """Return the one document on stdout; check what every document must have."""
    parsed: dict[str, Any] = json.loads(result.stdout)  # two documents, or a line beside one, fail
    assert parsed["status"] == status, parsed
    assert status in STATUSES
    assert isinstance(parsed["command"], str)
    for finding in parsed["findings"]:
        assert {"kind", "object", "message"} <= finding.keys()
        assert finding["message"]
    assert "Traceback" not in result.stderr
    return parsed


class Project:
    """A working directory whose DATABASE_URL leads to a database of its own, with one backup."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        server: ThrowawayServer,
        dbsnap: Callable[..., Result] = dbsnap,
    ) -> None:
        self.directory = directory
        self.database = database
        self.server = server
        self.dbsnap = dbsnap
        self.environment = {"DATABASE_URL": url_of(database)}

    def run(self, *arguments: str, **variables: str) -> Result:
        return self.run_in({**self.environment, **variables}, *arguments)

    def run_in(self, environment: dict[str, str], *arguments: str) -> Result:
        """Run a command line without this project's own environment."""
        return self.dbsnap(*arguments, cwd=self.directory, environment=environment)

    def state(self) -> tuple[set[str], list[tuple[Any, ...]]]:
        """Return the names of the databases made of this one, and what it holds."""
        names = {n for n in database_names(self.server) if n.startswith(self.database.name)}
        return names, query(self.database, "SELECT id, email FROM users ORDER BY id")


@pytest.fixture(scope="module")
def backed_up(
    server: ThrowawayServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Give a project that tests only look at."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    run_sql(server.database(), f"CREATE DATABASE {name}")
    project = Project(tmp_path_factory.mktemp("project"), server.database(name), server)
    run_sql(project.database, CONTENT)
    assert project.run("backup", "--reason", "the first one").returncode == 0
    yield project
    drop_all_like(server, name)


@pytest.fixture
def project(
    new_database: Callable[..., Database],
    server: ThrowawayServer,
    tmp_path: Path,
    backed_up: Project,
    dbsnap_here: Callable[..., Result],
) -> Project:
    """Give a project that a test may change; its backup is one of an equal database.

    What it runs, it runs in this process: that the same comes out of a process is shown with the other.
    """
    directory = tmp_path / "project"
    shutil.copytree(backed_up.directory, directory)
    return Project(directory, new_database(CONTENT), server, dbsnap_here)


@pytest.fixture
def here(
    backed_up: Project, dbsnap_here: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Give a function that runs a command line in this process, in the project to look at."""
    monkeypatch.chdir(backed_up.directory)
    for name, value in backed_up.environment.items():
        monkeypatch.setenv(name, value)
    return dbsnap_here


# What every command says in JSON


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "latest"],
        ["validate", "latest"],
        ["verify", "latest"],
        ["diff", "latest", "latest"],
        ["doctor"],
        ["restore", "latest", "--dry-run"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_only_looks_gives_one_document(
    backed_up: Project, arguments: list[str]
) -> None:
    before = backed_up.state()
    result = backed_up.run(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    assert document(result, "ok")["command"] == arguments[0]
    assert backed_up.state() == before


def test_backup_restore_and_rollback_give_one_document_each(project: Project) -> None:
    taken = document(project.run("backup", "--reason", "why\nnot", "--json"), "ok")
    assert Path(taken["file"]).is_file()
    assert Path(taken["file"]).name == taken["id"] + ".sql"
    assert [backup["id"] for backup in taken["backups"]] == [taken["id"]]
    assert taken["reason"] == "why\nnot"

    run_sql(project.database, "DELETE FROM notes; DELETE FROM users WHERE id = 2")
    restored = document(project.run("restore", taken["id"], "--yes", "--json"), "ok")
    assert restored["plan"]["way"] == "swap"
    assert restored["rows"] == 3
    names, users = project.state()
    assert names == {project.database.name, restored["plan"]["kept"]}
    assert users == [(1, "a@example.org"), (2, "b@example.org")]

    planned = document(project.run("rollback", "--dry-run", "--json"), "ok")
    assert project.state() == (names, users)
    back = document(project.run("rollback", "--yes", "--json"), "ok")
    assert planned["restored"] == back["restored"] == restored["plan"]["kept"]
    assert project.state()[1] == [(1, "a@example.org")]
    assert project.state()[0] == {project.database.name, back["kept"]}


def test_list_names_every_backup_and_what_is_wrong_with_one(project: Project) -> None:
    assert project.run("backup").returncode == 0
    listed = document(project.run("list", "--json"), "ok")
    assert listed["findings"] == []
    first, second = listed["backups"]
    assert first["reason"] == "the first one"
    assert {first["status"], second["status"]} == {"verified"}
    (project.directory / "backups" / first["file"]).unlink()
    (project.directory / "backups" / f"{second['id']}.json").write_text("{")
    listed = document(project.run("list", "--json"), "ok")
    assert [line["status"] for line in listed["backups"]] == ["incomplete", "damaged"]
    assert [finding["kind"] for finding in listed["findings"]] == ["damaged", "damaged"]
    assert {finding["object"] for finding in listed["findings"]} == {
        f"backup {first['id']}",
        f"backup {second['id']}",
    }


def test_diff_names_what_changed(project: Project) -> None:
    run_sql(project.database, "INSERT INTO users VALUES (3, 'c'); DROP TABLE notes")
    assert project.run("backup").returncode == 0
    older, newer = (line["id"] for line in document(project.run("list", "--json"), "ok")["backups"])
    changed = document(project.run("diff", older, newer, "--json"), "different")
    messages = {finding["message"] for finding in changed["findings"]}
    assert "table notes was dropped" in messages
    assert any(message.startswith("users: 1 row more") for message in messages)
    shown = project.run("diff", older).stdout
    assert "table notes was dropped" in shown
    assert f"from {older}" in shown


# How every command fails


@pytest.mark.parametrize(
    ("arguments", "code", "command"),
    [
        (["--json"], 2, "dbsnap"),
        (["--json", "list"], 2, "list"),
        (["unheard", "--json"], 2, "dbsnap"),
        (["backup", "--unheard", "--json"], 2, "backup"),
        (["backup", "extra", "--json"], 2, "backup"),
        (["backup", "--json", "--compress", "rar"], 2, "backup"),
        (["backup", "--json", "--reason"], 2, "backup"),
        (["backup", "--json", "--target", "unheard"], 2, "backup"),
        (["backup", "--json", "--url", ""], 2, "backup"),
        (["backup", "--json", "--url", "mysql://localhost/app"], 2, "backup"),
        (["backup", "--json", "--url", UNREACHABLE], 5, "backup"),
        (["backup", "--json", "--dir", ""], 2, "backup"),
        (["backup", "--json", "--dir", "a_file/backups"], 1, "backup"),
        (["restore", "--json"], 2, "restore"),
        (["restore", "unheard", "--yes", "--json"], 2, "restore"),
        (["restore", "latest", "--yes", "--json", "--url", UNREACHABLE], 5, "restore"),
        (["restore", "latest", "--json", "--to", "x", "--in-place", "--yes"], 2, "restore"),
        (["restore", "latest", "--json", "--to", "postgres", "--yes"], 2, "restore"),
        (["restore", "latest", "--json", "--privileges", "some"], 2, "restore"),
        (["restore", "latest", "--json"], 2, "restore"),
        (["restore", "latest", "--json", "--yes", "--confirm", "another"], 2, "restore"),
        (["rollback", "--json", "--yes"], 2, "rollback"),
        (["rollback", "--json", "--yes", "--url", UNREACHABLE], 5, "rollback"),
        (["validate", "--json"], 2, "validate"),
        (["validate", "--json", "unheard"], 2, "validate"),
        (["validate", "--json", os.fsdecode(b"\xff\xfe")], 2, "validate"),
        (["verify", "--json", "unheard"], 2, "verify"),
        (["verify", "--json", "--url", UNREACHABLE], 5, "verify"),
        (["show", "--json", "unheard"], 2, "show"),
        (["show", "--json", "--url", UNREACHABLE], 2, "show"),
        (["diff", "--json"], 2, "diff"),
        (["diff", "--json", "latest", "unheard"], 2, "diff"),
        (["list", "--json", "--dir", "a_file"], 2, "list"),
        (["doctor", "--json", "--url", UNREACHABLE], 5, "doctor"),
        (["doctor", "--json", "--target", "unheard"], 2, "doctor"),
        (["demo", "--json", "--unheard"], 2, "demo"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_fails_gives_one_document(
    backed_up: Project,
    here: Callable[..., Result],
    arguments: list[str],
    code: int,
    command: str,
) -> None:
    (backed_up.directory / "a_file").touch()
    before = backed_up.state(), sorted((backed_up.directory / "backups").iterdir())
    result = here(*arguments)
    assert result.returncode == code, result.stderr
    failed = document(result, "failed" if code == 1 else "not-run")
    assert failed["command"] == command
    assert failed["findings"]
    assert (backed_up.state(), sorted((backed_up.directory / "backups").iterdir())) == before
    assert "error: " in result.stderr or command == "doctor"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["backup", "--unheard"], 2),
        (["backup", "--dir", "a_file/backups"], 1),
        (["verify", "--url", UNREACHABLE], 5),
    ],
)
def test_a_command_that_fails_tells_people_once(
    backed_up: Project, arguments: list[str], code: int
) -> None:
    (backed_up.directory / "a_file").touch()
    result = backed_up.run(*arguments)
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.count("error: ") == 1
    assert "Traceback" not in result.stderr


def test_no_database_says_what_to_set(
    here: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL")
    for command in (["backup"], ["restore", "latest"], ["verify"], ["rollback"]):
        result = here(*command)
        assert (result.returncode, result.stdout) == (2, "")
        assert "DATABASE_URL" in result.stderr
        assert "make demo" in result.stderr
        assert len(result.stderr.splitlines()) == 2
        assert document(here(*command, "--json"), "not-run")
    assert list(tmp_path.iterdir()) == []
    assert here("doctor", "--json").returncode == 0


def test_a_damaged_dump_is_refused_with_exit_code_3(project: Project) -> None:
    files = (project.directory / "backups").glob("*.sql")
    (dump,) = (path for path in files if not path.name.endswith("_privileges.sql"))
    dump.write_bytes(dump.read_bytes().replace(b"a@example.org", b"x@example.org"))
    before = project.state()
    for arguments in (["validate", "latest"], ["verify"], ["restore", "latest", "--yes"]):
        result = project.run(*arguments, "--json")
        assert result.returncode == 3, result.stderr
        refused = document(result, "refused")
        assert refused["rule"]
        assert [finding["kind"] for finding in refused["findings"]] == ["damaged"]
    assert project.state() == before


def test_a_difference_ends_verify_with_exit_code_4(project: Project) -> None:
    assert project.run("backup").returncode == 0
    assert project.run("verify").returncode == 0
    run_sql(project.database, "DELETE FROM notes; DROP INDEX IF EXISTS x; CREATE TABLE new ()")
    result = project.run("verify", "--json")
    assert result.returncode == 4
    different = document(result, "different")
    messages = {(f["kind"], f["object"], f["message"]) for f in different["findings"]}
    assert ("different", "table public.notes", "notes: 1 row missing") in messages
    assert ("unexpected", "table public.new", "table new is not in the backup") in messages
    shown = project.run("verify")
    assert shown.returncode == 4
    assert "✗ notes: 1 row missing\n" in shown.stdout
    assert "DIFFERENT" in shown.stdout
    assert "error" not in shown.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("as_json", [True, False])
def test_an_interrupted_backup_ends_with_130_and_leaves_nothing(
    project: Project, number: int, as_json: bool
) -> None:
    before = sorted((project.directory / "backups").iterdir())
    arguments = ["backup", *(["--json"] if as_json else [])]
    with blocked(project.database), started(project, arguments) as process:
        wait_until_blocked(project)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    if as_json:
        assert json.loads(stdout)["status"] == "failed"
        assert json.loads(stdout)["command"] == "backup"
    else:
        assert stdout == ""
    assert sorted((project.directory / "backups").iterdir()) == before


def test_nohup_stays_in_force(project: Project) -> None:
    with (
        blocked(project.database) as unblock,
        started(project, ["backup"], wrapper=["nohup"]) as process,
    ):
        wait_until_blocked(project)
        process.send_signal(signal.SIGHUP)
        unblock()
        stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "VERIFIED" in stdout


class blocked:  # noqa: N801 - reads as a statement
    """Hold a lock in a database that every backup of it waits for."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __enter__(self) -> Callable[[], None]:
        self.connected = connect(self.database)
        connection = self.connected.__enter__()
        execute(connection, "BEGIN")
        execute(connection, "LOCK public.users IN ACCESS EXCLUSIVE MODE")
        return lambda: execute(connection, "ROLLBACK")

    def __exit__(self, *_: object) -> None:
        self.connected.__exit__(None, None, None)


@contextmanager
def started(
    project: Project, arguments: Sequence[str], *, wrapper: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Start a command line; a test that fails does not wait for its end."""
    with subprocess.Popen(
        [*wrapper, sys.executable, "-m", "dbsnap", *arguments],
        cwd=project.directory,
        env={**os.environ, **project.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until_blocked(project: Project) -> None:
    waiting = (
        "SELECT 1 FROM pg_stat_activity "
        f"WHERE datname = '{project.database.name}' AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 30
    while not query(project.server.database(), waiting):
        assert time.monotonic() < deadline, "the backup never waited for the lock"
        time.sleep(0.05)


# stdout and stderr


def test_results_go_to_stdout_and_logs_to_stderr(project: Project) -> None:
    result = project.run("backup")
    assert "VERIFIED" in result.stdout
    assert "dumping" not in result.stdout
    assert "dumping" in result.stderr
    assert "VERIFIED" not in result.stderr
    logged = project.run("verify", DBSNAP_LOG="json")
    lines = [json.loads(line) for line in logged.stderr.splitlines()]
    assert lines
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    quiet = project.run("verify", DBSNAP_LOG_LEVEL="error")
    assert quiet.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["show", "--json"], ["list"], ["--help"]])
def test_a_reader_that_goes_away_gets_no_traceback(
    backed_up: Project, arguments: list[str]
) -> None:
    with started(backed_up, arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read()
        process.wait(timeout=30)
    assert process.returncode in {1, 2}
    assert stderr == ""


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["show"], ["--version"]])
def test_a_full_disk_under_stdout_is_an_error(backed_up: Project, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has /dev/full")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "dbsnap", *arguments],
            cwd=backed_up.directory,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == "error: No space left on device: the output\n"


def test_any_name_can_be_printed_in_any_locale(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database('CREATE TABLE "añ✗\U0001f600\x1b[2J[red]\n" (a int)')
    environment = {"DATABASE_URL": url_of(database), "PYTHONIOENCODING": "latin-1"}

    def output(*arguments: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "dbsnap", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    shown = output("backup").decode("latin-1")
    assert r"añ\u2717\U0001f600\x1b[2J[red]\n" in shown
    assert "\x1b" not in shown
    tables = json.loads(output("show", "--json").decode("utf-8"))["inventory"]["objects"]["table"]
    assert list(tables) == ['public."añ✗\U0001f600\x1b[2J[red]\n"']


def test_help_of_every_command(here: Callable[..., Result]) -> None:
    listed = here("--help")
    assert listed.returncode == 0
    assert "..." not in listed.stdout.split("Commands:")[1]
    commands = re.findall(r"^  ([a-z]+) ", listed.stdout.split("Commands:")[1], re.MULTILINE)
    assert len(commands) >= 10
    for command in commands:
        result = here(command, "-h")
        assert result.returncode == 0
        assert "Example: dbsnap " in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80
    assert here("--version").stdout.startswith("dbsnap, version ")
    assert here().returncode == 2


# Nothing changes without a yes


def test_without_a_terminal_a_restore_shows_its_plan_and_ends(project: Project) -> None:
    run_sql(project.database, "DELETE FROM notes; DELETE FROM users")
    before = project.state()
    for arguments in (["restore", "latest"], ["restore", "latest", "--confirm", "another"]):
        result = project.run(*arguments)
        assert result.returncode == 2
        assert result.stdout.startswith("Plan ")
        assert "nothing was changed" in result.stderr
        assert project.state() == before
    dry = project.run("restore", "latest", "--dry-run")
    assert dry.returncode == 0
    assert dry.stdout.startswith("Plan ")
    refused = project.run("restore", "latest", "--json")
    assert refused.returncode == 2
    assert document(refused, "not-run")["plan"]["database"] == project.database.name
    assert project.state() == before
    assert project.run("restore", "latest", "--yes").returncode == 0
    assert project.state()[1] == [(1, "a@example.org"), (2, "b@example.org")]
    before = project.state()
    rolled = project.run("rollback")
    assert rolled.returncode == 2
    assert rolled.stdout.startswith("Plan")
    assert project.run("rollback", "--dry-run").returncode == 0
    assert project.state() == before


@pytest.mark.parametrize("by", ["target", "url", "environment"])
def test_a_protected_database_needs_its_name(project: Project, by: str) -> None:
    """Production from .env is protected, whichever way its database is named."""
    address = url_of(project.database)
    (project.directory / ".env").write_text(f'DATABASE_URL="{address}"\n')
    environment = {"DATABASE_URL": address} if by == "environment" else {}
    options = {"target": ["--target", "production"], "url": ["--url", address]}.get(by, [])

    def run(*arguments: str) -> Result:
        return project.run_in(environment, *arguments, *options)

    before = project.state()
    for refused in ([], ["--yes"], ["--yes", "--confirm", "production"]):
        result = run("restore", "latest", *refused)
        assert result.returncode == 2, result.stderr
        assert project.state() == before
    assert run("restore", "latest", "--dry-run").returncode == 0
    name = project.database.name
    assert run("restore", "latest", "--confirm", name).returncode == 0
    assert len(project.state()[0]) == 2
    before = project.state()
    assert run("rollback", "--yes").returncode == 2
    assert project.state() == before
    assert run("rollback", "--confirm", name).returncode == 0


def test_beside_a_protected_database_a_yes_will_do(project: Project) -> None:
    (project.directory / ".env").write_text(f'DATABASE_URL="{url_of(project.database)}"\n')
    other = f"{project.database.name}_copy"
    result = project.run_in(
        {}, *("restore", "latest", "--target", "production", "--to", other, "--yes")
    )
    assert result.returncode == 0, result.stderr
    assert project.state()[0] == {project.database.name, other}


def test_a_restore_goes_to_local_and_nowhere_else(project: Project) -> None:
    (project.directory / ".env").write_text(f'DATABASE_URL="{url_of(project.database)}"\n')
    result = project.run_in({}, "restore", "latest", "--yes")
    assert result.returncode == 2
    assert "--target production" in result.stderr
    assert project.state()[0] == {project.database.name}


# Several targets


def test_backup_takes_every_target(project: Project, new_database: Callable[..., Database]) -> None:
    second = new_database("CREATE TABLE only_here (a int)")
    (project.directory / ".env.local").write_text(f'DATABASE_URL="{url_of(project.database)}"\n')
    (project.directory / ".env").write_text(f'DATABASE_URL="{url_of(second)}"\n')
    result = project.run_in({}, "backup", "--json", "--dir", "both")
    assert result.returncode == 0, result.stderr
    assert "local, production" in result.stderr
    taken = document(result, "ok")
    assert [(b["target"], b["database"]) for b in taken["backups"]] == [
        ("local", project.database.name),
        ("production", second.name),
    ]
    assert "id" not in taken
    shown = project.run_in({}, "backup", "--dir", "both")
    assert shown.stdout.count("VERIFIED") == 2


def test_a_target_that_fails_does_not_stop_the_others(project: Project) -> None:
    (project.directory / ".env.local").write_text(f"DATABASE_URL={UNREACHABLE}\n")
    (project.directory / ".env").write_text(f'DATABASE_URL="{url_of(project.database)}"\n')
    result = project.run_in({}, "backup", "--json", "--dir", "both")
    assert result.returncode == 5
    partly = document(result, "not-run")
    assert [backup["target"] for backup in partly["backups"]] == ["production"]
    assert [finding["object"] for finding in partly["findings"]] == ["target local"]
    assert Path(partly["backups"][0]["file"]).is_file()
    shown = project.run_in({}, "backup", "--dir", "both")
    assert shown.returncode == 5
    assert "VERIFIED" in shown.stdout
    assert "target local was not backed up" in shown.stderr


# At a terminal


def at_terminal(
    project: Project,
    *arguments: str,
    answers: Sequence[tuple[str, str]] = (),
    columns: int = 80,
    stdout: int | None = None,
) -> tuple[int, str]:
    """Run dbsnap on a terminal, answer its questions, and return exit code and raw output."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "dbsnap", *arguments],
        cwd=project.directory,
        env={**os.environ, **project.environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    )
    os.close(theirs)
    screen = b""
    waiting = list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed: the process has ended
                break
            screen += piece
        if waiting and waiting[0][0].encode() in screen:
            os.write(ours, waiting.pop(0)[1].encode())
    os.close(ours)
    process.wait(timeout=30)
    assert not waiting, f"never asked: {waiting[0][0]}\n{screen.decode()}"
    return process.returncode, screen.decode()


def lines_on(screen: str) -> list[str]:
    """Return what was printed, without colours, each line as it was at its end."""
    text = ESCAPES.sub("", screen)
    return [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]


def test_a_terminal_gets_a_bar(project: Project) -> None:
    code, screen = at_terminal(project, "backup")
    assert code == 0
    assert "━" in screen
    assert "dumping" in screen
    assert "[info" not in screen
    assert any(line.startswith("VERIFIED") for line in lines_on(screen))


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2), ("\x04", 130)])
def test_a_terminal_is_asked(project: Project, answer: str, code: int) -> None:
    run_sql(project.database, "DELETE FROM notes; DELETE FROM users")
    before = project.state()
    found, screen = at_terminal(project, "restore", "latest", answers=[("Go on? [y/N]", answer)])
    assert found == code
    assert "Plan" in screen.partition("Go on?")[0]
    assert "Traceback" not in screen
    assert (project.state() == before) == (code != 0)


def test_the_plan_is_shown_beside_the_question(project: Project, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as output:
        code, screen = at_terminal(
            *(project, "restore", "latest"),
            answers=[("Go on?", "n\n")],
            stdout=output.fileno(),
        )
    assert code == 2
    assert "Plan" in screen.partition("Go on?")[0]
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(("right", "code"), [(True, 0), (False, 2)])
def test_a_terminal_is_asked_for_a_protected_name(project: Project, right: bool, code: int) -> None:
    (project.directory / ".env").write_text(f'DATABASE_URL="{url_of(project.database)}"\n')
    before = project.state()
    typed = project.database.name if right else "production"
    found, screen = at_terminal(
        *(project, "restore", "latest", "--yes"),
        answers=[("Type the name of its database", f"{typed}\n")],
    )
    assert found == code, screen
    assert (project.state() == before) == (not right)


def test_no_word_is_broken_at_80_columns(project: Project) -> None:
    run_sql(project.database, "DELETE FROM notes; ALTER TABLE users ADD COLUMN c text DEFAULT 'x'")
    assert project.run("backup", "--reason", "long " * 40).returncode == 0
    assert at_terminal(project, "restore", "latest", "--yes")[0] == 0
    first = min((project.directory / "backups").glob("backup_2*.json")).stem
    for arguments in (
        ["backup"],
        ["list"],
        ["show"],
        ["verify", first],
        ["validate", "latest"],
        ["diff", first],
        ["doctor"],
        ["restore", "latest", "--dry-run"],
        ["rollback", "--dry-run"],
    ):
        code, screen = at_terminal(project, *arguments)
        assert code == (4 if arguments[0] == "verify" else 0), screen
        lines = lines_on(screen)
        for line in lines:
            assert len(line) <= 80 or " " not in line.strip(), (arguments, line)
    listed = lines_on(at_terminal(project, "list")[1])
    assert any(line.split()[:1] == [first] for line in listed), (first, listed)
    assert any(line.startswith("  long long") and line.endswith("…") for line in listed)


def test_every_difference_is_named_but_a_terminal_is_not_flooded(project: Project) -> None:
    assert project.run("backup").returncode == 0
    run_sql(project.database, "".join(f"CREATE TABLE new_{n} ();" for n in range(60)))
    lines = project.run("verify").stdout.splitlines()
    assert {f"✗ table new_{n} is not in the backup" for n in range(60)} <= set(lines)
    code, screen = at_terminal(project, "verify")
    assert code == 4
    lines = lines_on(screen)
    assert len([line for line in lines if line.startswith("✗ ")]) == 50
    assert any(re.match(r"  … and \d+ more \(see --json\)", line) for line in lines)


def test_without_a_terminal_a_backup_is_one_line_of_list(project: Project) -> None:
    reason = "long " * 60 + "end"
    assert project.run("backup", "--reason", reason).returncode == 0
    title, first, second, total = project.run("list").stdout.splitlines()
    titles = ("id", "table", "date", "records", "size", "status", "age", "target", "reason")
    assert title.split() == list(titles)
    assert first.endswith("the first one")
    assert second.endswith(reason)
    assert total.startswith("2 backups, ")


def test_one_is_singular_and_thousands_are_separated(
    new_database: Callable[..., Database],
    dbsnap_here: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    database = new_database("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    monkeypatch.setenv("DATABASE_URL", url_of(database))
    monkeypatch.chdir(tmp_path)

    def shown(*arguments: str) -> str:
        result = dbsnap_here(*arguments)
        assert result.returncode in {0, 4}, result.stderr
        return result.stdout

    text = (
        shown("backup")
        + shown("list")
        + shown("show")
        + shown("verify")
        + shown("validate", "latest")
    )
    run_sql(database, "INSERT INTO t SELECT generate_series(2, 1234)")
    text += shown("verify")
    assert "1,233 rows" in text
    text += shown("backup") + shown("diff", min(tmp_path.glob("backups/backup_2*.json")).stem)
    assert "1 row;" in text
    assert "1 table," in text
    assert "1 backup," in text
    assert "1,234 rows; 1 table, 1 index, 1 constraint" in text
    assert not re.search(r"(?<![\d,])1 (rows|tables|indexes|constraints|backups|differences)", text)
