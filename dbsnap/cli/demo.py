"""``dbsnap demo``: a tour; each step's command is run as a user would run it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbsnap.cli import run
from dbsnap.cli.command import command
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import INTERRUPTED, print_document
from dbsnap.config_sources import ADDRESS_VARIABLES
from dbsnap.errors import OperationFailed
from dbsnap.operations.demo import DEMO_STEPS, address, damage, demo_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping, Sequence

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.demo import DemoStep
    from dbsnap.postgres.url import Database

    Run = Callable[[Sequence[str]], int]
    """Runs one dbsnap command line in this process and returns its exit code."""

NEXT = """\
With a database of your own:
  export DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/DATABASE
  dbsnap doctor                               what this machine has, what that database needs
  dbsnap backup --reason "my first backup"
  dbsnap restore latest --dry-run             what a restore would do"""


@command(reaches_database=False)
def demo(invocation: Invocation) -> int:
    """Take the whole tour on a throw-away PostgreSQL with sample data.

    Example: dbsnap demo
    """
    if invocation.as_json:
        result, code = tour_document(run)
        print_document(result)
        return code
    return take_tour(run, invocation.screen)


def take_tour(run: Run, screen: Screen) -> int:
    """Take every step on a throw-away server, print it as it is taken, and leave nothing behind.

    Returns 0, or 130 when a step was interrupted. Raises OperationFailed naming the step that ended
    otherwise than it should, and ToolUnavailable where there is no server to start.
    """
    started = time.monotonic()
    screen.out.print("Starting a throw-away PostgreSQL with a sample database of its own.")
    with _surroundings() as (database, directory):
        screen.out.print(f"Backups go to {directory} until the tour is over.", markup=False)
        for number, step in enumerate(DEMO_STEPS, start=1):
            screen.out.print(f"\n{number}. {step.title}", style="bold", markup=False)
            screen.out.print(f"$ {step.shown}", style="cyan", markup=False)
            if step.sql:
                screen.out.print(damage(database, step.sql), markup=False)
            elif _checked(step, run(step.arguments)) == INTERRUPTED:
                return INTERRUPTED
    seconds = time.monotonic() - started
    screen.out.print(
        f"\n{len(DEMO_STEPS)} steps in {seconds:.0f} s. The server and its backups are gone again."
    )
    screen.out.print(NEXT, markup=False)
    return 0


def tour_document(run: Run) -> tuple[Document, int]:
    """Take every step in silence; return one document with those of all steps, and the exit code.

    Ends and raises as ``take_tour`` does.
    """
    started = time.monotonic()
    steps: list[Document] = []
    exit_code = 0
    with _surroundings() as (database, _):
        for step in DEMO_STEPS:
            result, exit_code = _step_document(step, run, database)
            steps.append({"title": step.title, "command": step.shown, **result})
            if exit_code == INTERRUPTED:
                break
    seconds = round(time.monotonic() - started, 1)
    interrupted = exit_code == INTERRUPTED
    rest: dict[str, Any] = {"message": "interrupted"} if interrupted else {}
    result = document(
        "demo", "failed" if interrupted else "ok", steps=steps, duration_seconds=seconds, **rest
    )
    return result, INTERRUPTED if interrupted else 0


def _step_document(step: DemoStep, run: Run, database: Database) -> tuple[Document, int]:
    if step.sql:
        return {"exit_code": 0, "output": damage(database, step.sql)}, 0
    captured = io.StringIO()
    with contextlib.redirect_stdout(captured):
        exit_code = run([*step.arguments, "--json"])
    _checked(step, exit_code)
    return {"exit_code": exit_code, "document": json.loads(captured.getvalue())}, exit_code


def _checked(step: DemoStep, exit_code: int) -> int:
    if exit_code not in {step.expected_exit, INTERRUPTED}:
        raise OperationFailed(
            f"the demo stopped at `{step.shown}`: "
            f"exit code {exit_code} instead of {step.expected_exit}",
            hint="nothing but the demo's own throw-away server was touched",
        )
    return exit_code


@contextmanager
def _surroundings() -> Iterator[tuple[Database, Path]]:
    """Start the sample database and make it the only one that is configured.

    The working directory is an empty temporary one, so that no ``dbsnap.toml`` or ``.env`` of the
    user's is read. Gives the database and the directory for backups.
    """
    paths = os.environ.get("DBSNAP_PG_BIN", "").split(os.pathsep)
    pg_bin = [Path(path).absolute() for path in paths if path]
    with (
        _environment_without_databases() as environment,
        tempfile.TemporaryDirectory(prefix="dbsnap-demo-") as directory,
        demo_database(pg_bin=pg_bin) as database,
        contextlib.chdir(directory),
    ):
        backups = Path(directory, "backups")
        environment["DATABASE_URL"] = address(database)
        environment["DBSNAP_DIR"] = str(backups)
        environment["DBSNAP_PG_BIN"] = os.pathsep.join(map(str, pg_bin))
        yield database, backups


@contextmanager
def _environment_without_databases() -> Iterator[MutableMapping[str, str]]:
    """Take everything that leads to another database out of the environment until the end."""
    kept = dict(os.environ)
    try:
        for name in kept:
            if name in {*ADDRESS_VARIABLES, "DBSNAP_COMPRESS"} or name.startswith("PG"):
                del os.environ[name]
        yield os.environ
    finally:
        os.environ.clear()
        os.environ.update(kept)
