"""No password in argv, logs, records, exceptions or documents: looked for after every command.

The password holds what regular expressions, shells, URLs, passfiles and format strings stumble over,
around a word that no encoding changes: it is that word that is looked for.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psycopg
import pytest
from conftest import DEFAULT_MAJOR, dbsnap, query

from dbsnap.cli.log import logger
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_literal, quote_name
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dbsnap.postgres.url import Database

WORD = "Zq7hT2xWvK9"
PASSWORD = f"^(.*)+[$x%41%2F%s{WORD}'\"`$(id)|;&<>!~{{0}}\\ :/?#@ё✗"
ROLE = "app user"
LOUD = {"DBSNAP_LOG_LEVEL": "debug", "DBSNAP_LOG": "json"}
CONTENT = """
CREATE TABLE public.items (id int PRIMARY KEY, body text);
INSERT INTO public.items SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 20000) AS g;
"""
EMPTY_DUMP = """\
--
-- PostgreSQL database dump
--

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

--
-- PostgreSQL database dump complete
--
"""
FAILS_WHEN_LOADED = """
CREATE FUNCTION public.allowed() RETURNS boolean
    LANGUAGE sql AS $$ SELECT coalesce(pg_catalog.current_setting('app.allowed', true), '') = 'yes' $$;
SET app.allowed = 'yes';
CREATE TABLE public.guarded (id int CHECK (public.allowed()));
INSERT INTO public.guarded VALUES (1);
"""


@dataclass(frozen=True)
class PasswordServer:
    """A server on 127.0.0.1 that asks for the password, and the way in without one for tests."""

    port: int
    as_superuser: Database

    def url(self, database: str, *, password: str | None = PASSWORD, port: int = 0) -> str:
        secret = "" if password is None else ":" + quote(password, safe="")
        place = f"127.0.0.1:{port or self.port}/{database}"
        return f"postgresql://{quote(ROLE, safe='')}{secret}@{place}"


@pytest.fixture(scope="module")
def asking() -> Iterator[PasswordServer]:
    """Give a server that lets nobody in over TCP without a SCRAM password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"listen_addresses": "127.0.0.1", "port": str(port)}
    program = server_binaries(major=DEFAULT_MAJOR)
    with throwaway_server(program, settings=settings) as server:
        parameters = {**server.database().parameters, "port": str(port)}
        database = type(server.database())(parameters)
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (server.directory / "data/pg_hba.conf").write_text(rules)
        with connect(database) as connection:
            execute(
                connection,
                f"CREATE ROLE {quote_name(ROLE)} LOGIN CREATEDB PASSWORD {quote_literal(PASSWORD)}",
            )
            execute(connection, f"CREATE DATABASE app OWNER {quote_name(ROLE)}")
            execute(connection, f"CREATE DATABASE guarded OWNER {quote_name(ROLE)}")
            execute(connection, "SELECT pg_catalog.pg_reload_conf()")
        found = PasswordServer(port, database)
        wait_until_it_asks(found)
        for name, sql in (("app", CONTENT), ("guarded", FAILS_WHEN_LOADED)):
            with connect(database.with_name(name)) as connection:
                execute(connection, f"SET ROLE {quote_name(ROLE)}")
                execute(connection, sql)
        yield found


def wait_until_it_asks(server: PasswordServer) -> None:
    for _ in range(200):
        try:
            psycopg.connect(server.url("app", password="wrong")).close()
        except psycopg.OperationalError:
            psycopg.connect(server.url("app")).close()
            return
        time.sleep(0.02)
    pytest.fail("the server never asked for a password")


def places_of_the_word(
    results: Sequence[subprocess.CompletedProcess[str]], directory: Path
) -> list[str]:
    """Return every place in which the password, or the unmistakable part of it, is found."""
    found = []
    for result in results:
        command = " ".join(result.args)
        found += [f"{command}: stdout"] * (WORD in result.stdout)
        found += [f"{command}: stderr"] * (WORD in result.stderr)
    for path in directory.rglob("*"):
        if WORD in path.name or (path.is_file() and WORD.encode() in path.read_bytes()):
            found.append(str(path))
    return found


def command_lines() -> Iterator[bytes]:
    """Give the command lines of all processes; Linux has /proc where it has no ps."""
    if not Path("/proc/self/cmdline").exists():
        listed = ["ps", "-A", "-ww", "-o", "command="]
        yield from subprocess.run(listed, capture_output=True, check=True).stdout.splitlines()
        return
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            yield path.read_bytes()


class CommandLines:
    """Reads the command lines of all processes, again and again, while a block runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._ended.wait(0.002):  # leaves a core to what it watches
            self.seen.update(command_lines())

    def having(self, word: str) -> list[bytes]:
        return [line for line in self.seen if word.encode() in line]


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"x{WORD}x")
    leaking = subprocess.CompletedProcess(["list"], 0, WORD, WORD)
    assert places_of_the_word([leaking], tmp_path) == [
        "list: stdout",
        "list: stderr",
        str(tmp_path / "file"),
    ]
    with CommandLines() as lines:
        subprocess.run(["sleep", "0.3"], check=True)
    assert lines.having("sleep")


def test_every_command_that_succeeds_keeps_the_password(
    asking: PasswordServer,
    dbsnap_here: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environment = {**LOUD, "DATABASE_URL": asking.url("app")}
    results = []
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> None:
        result = dbsnap(*arguments, cwd=tmp_path, environment=environment)
        assert result.returncode == code, result.stderr
        results.append(result)

    with CommandLines() as lines:
        run("backup", "--reason", "with a password")
        run("backup", "--json", "--compress", "gzip")
        run("restore", "latest", "--yes", "--drop-old")
        run("restore", "latest", "--yes", "--json", "--privileges", "require")
    for command in (["restore", "latest", "--dry-run"], ["rollback", "--yes", "--json"]):
        results.append(dbsnap_here(*command))
        assert results[-1].returncode == 0, results[-1].stderr
    for command in (["list"], ["show"], ["validate", "latest"], ["diff", "latest"], ["doctor"]):
        results += [dbsnap_here(*command), dbsnap_here(*command, "--json")]
        assert [result.returncode for result in results[-2:]] == [0, 0]
    results.append(dbsnap_here("verify", "--json"))
    assert results[-1].returncode == 0, results[-1].stderr
    with connect(asking.as_superuser.with_name("app")) as connection:
        execute(connection, "DELETE FROM public.items WHERE id = 7")
    run("verify", code=4)
    assert lines.having("pg_dump"), "the samples missed pg_dump"
    assert lines.having("psql"), "the samples missed psql"
    assert lines.having(WORD) == []
    assert places_of_the_word(results, tmp_path) == []


EVERY_COMMAND = ("backup", "verify", "restore", "rollback", "doctor")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("case", "code", "commands"),
    [
        ("wrong password", 5, EVERY_COMMAND),
        ("no password", 5, EVERY_COMMAND),
        ("unreachable", 5, EVERY_COMMAND),
        ("wrong database", 5, ("backup", "verify", "doctor")),
        ("TLS demanded", 5, EVERY_COMMAND),
        ("channel binding demanded", 5, ("backup", "doctor")),
        ("unencoded", 2, EVERY_COMMAND),
        ("unknown parameter", 2, EVERY_COMMAND),
        ("not an address", 2, EVERY_COMMAND),
    ],
)
def test_every_command_that_cannot_connect_keeps_the_password(
    asking: PasswordServer,
    dbsnap_here: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    case: str,
    code: int,
    commands: Sequence[str],
    as_json: bool,
) -> None:
    address = {
        "wrong password": asking.url("app", password=PASSWORD + "x"),
        "no password": asking.url("app", password=None),
        "unreachable": asking.url("app", port=1),
        "wrong database": asking.url("no_such_database"),
        "TLS demanded": asking.url("app") + "?sslmode=require",
        "channel binding demanded": asking.url("app") + "?channel_binding=require",
        "unencoded": f"postgresql://app:x/{WORD}@127.0.0.1:{asking.port}/app",
        "unknown parameter": asking.url("app") + f"?{WORD}={WORD}",
        "not an address": f"://app:{WORD}@127.0.0.1/app",
    }[case]
    for name, value in {**LOUD, "DATABASE_URL": address}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    dump = tmp_path / "plain.sql"
    dump.write_text(EMPTY_DUMP)
    results = []
    for command in commands:
        arguments = {"verify": [str(dump)], "restore": [str(dump), "--yes"]}.get(command, [])
        arguments += ["--yes"] if command == "rollback" else []
        arguments += ["--json"] if as_json else []
        result = dbsnap_here(command, *arguments)
        assert result.returncode == code, (command, result.stdout, result.stderr)
        assert "Traceback" not in result.stderr
        assert not as_json or json.loads(result.stdout)["status"] == "not-run"
        results.append(result)
    assert places_of_the_word(results, tmp_path) == []


def test_a_passphrase_that_no_variable_carries_is_refused(
    asking: PasswordServer, tmp_path: Path
) -> None:
    environment = {**LOUD, "DATABASE_URL": asking.url("app") + f"?sslpassword={WORD}"}
    result = dbsnap("backup", "--json", cwd=tmp_path, environment=environment)
    assert result.returncode == 2
    assert "sslpassword" in json.loads(result.stdout)["message"]
    assert places_of_the_word([result], tmp_path) == []


def test_a_psql_that_fails_in_the_middle_keeps_the_password(
    asking: PasswordServer,
    dbsnap_here: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    environment = {**LOUD, "DATABASE_URL": asking.url("guarded")}
    before = query(asking.as_superuser, "SELECT datname FROM pg_database ORDER BY 1")
    taken = dbsnap("backup", cwd=tmp_path, environment=environment)
    assert taken.returncode == 0, taken.stderr
    results = [taken]
    for arguments in (["--yes"], ["--yes", "--json"], ["--yes", "--in-place"]):
        result = dbsnap_here("restore", "latest", *arguments, cwd=tmp_path, environment=environment)
        assert result.returncode == 1, result.stderr
        assert "violates check constraint" in result.stderr
        results.append(result)
    assert places_of_the_word(results, tmp_path) == []
    assert query(asking.as_superuser, "SELECT datname FROM pg_database ORDER BY 1") == before
    assert query(asking.as_superuser.with_name("guarded"), "SELECT id FROM guarded") == [(1,)]


def passfile(path: Path, server: PasswordServer) -> Path:
    """Write a passfile, colons and backslashes of its fields escaped (libpq, "The Password File")."""
    fields = ["127.0.0.1", str(server.port), "*", ROLE, PASSWORD]
    escaped = [field.replace("\\", "\\\\").replace(":", "\\:") for field in fields]
    path.touch(mode=0o600)
    path.write_text(":".join(escaped) + "\n")
    return path


@pytest.mark.parametrize("way", ["PGPASSWORD", "PGPASSFILE", "HOME", "passfile in the address"])
def test_a_password_outside_the_address_works_for_every_process(
    asking: PasswordServer, tmp_path: Path, way: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    address = asking.url("app", password=None)
    given: Mapping[str, str] = {
        "PGPASSWORD": {"PGPASSWORD": PASSWORD},
        "PGPASSFILE": {"PGPASSFILE": str(tmp_path / "secrets")},
        "HOME": {"HOME": str(home)},
        "passfile in the address": {"DATABASE_URL": f"{address}?passfile={tmp_path / 'secrets'}"},
    }[way]
    passfile(tmp_path / "secrets", asking)
    passfile(home / ".pgpass", asking)
    environment = {**LOUD, "HOME": str(project), "DATABASE_URL": address, **given}
    results = []
    for arguments in (["backup"], ["restore", "latest", "--yes", "--drop-old"], ["verify"]):
        result = dbsnap(*arguments, "--json", cwd=project, environment=environment)
        assert result.returncode == 0, result.stderr
        results.append(result)
    assert places_of_the_word(results, project) == []
    refused = dbsnap(
        "backup", cwd=project, environment={"HOME": str(project), "DATABASE_URL": address}
    )
    assert refused.returncode == 5
    assert "password" in refused.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_trace_of_a_defect_shows_no_variables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("DBSNAP_LOG_LEVEL", "debug")
    monkeypatch.setenv("DBSNAP_LOG", form)

    def connecting(password: str) -> None:
        address = f"postgresql://app:{password}@localhost/app"
        raise RuntimeError(str(len(address)))

    try:
        connecting(WORD)
    except RuntimeError as error:
        logger().debug("defect", exc_info=error)
    logged = capsys.readouterr().err
    assert "RuntimeError" in logged
    assert "connecting" in logged  # where it happened
    assert WORD not in logged
    assert form != "json" or json.loads(logged)


def test_the_environment_of_the_tests_holds_no_password() -> None:
    assert not any(name.startswith("PG") for name in os.environ)
