"""One run of a command line: settings in; output, and the exit code of whatever happened, out.

Errors are raised low and become messages and exit codes here alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dbsnap import config
from dbsnap.archive.storage import find_dump
from dbsnap.cli import documents
from dbsnap.cli.interruption import Interrupted, interruptions_heard, uninterrupted
from dbsnap.cli.log import logger
from dbsnap.cli.screen import Screen
from dbsnap.errors import (
    CannotRun,
    ConfirmationNeeded,
    DbsnapError,
    DumpRefused,
    OperationFailed,
    UsageError,
    VerificationFailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.config import Settings, Target
    from dbsnap.progress import Progress

EXIT_CODES: tuple[tuple[type[DbsnapError], int], ...] = (
    (UsageError, 2),
    (DumpRefused, 3),
    (VerificationFailed, 4),
    (CannotRun, 5),
    (DbsnapError, 1),
)
"""The first class that fits decides."""

DIFFERENT = 4
NOT_RUN = 5
INTERRUPTED = 130


class PlanShown(Exception):
    """--dry-run: the plan was printed, and that is all that was asked for."""


@dataclass
class Invocation:
    """One run of one command: its settings, and where its output goes."""

    command: str
    as_json: bool
    flags: config.Flags
    screen: Screen = field(default_factory=Screen)

    @property
    def settings(self) -> Settings:
        """Read the configuration of the working directory."""
        return config.load_settings(directory=Path.cwd(), environment=os.environ, flags=self.flags)

    def show(self, document: documents.Document, print_text: Callable[[], None]) -> None:
        """Give the result in the form that was asked for."""
        if self.as_json:
            print_document(document)
        else:
            print_text()

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show what is going on until the block ends."""
        progress = self.screen.progress()
        try:
            yield progress
        finally:
            progress.done()

    @property
    def at_terminal(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    @property
    def asks_on_stderr(self) -> bool:
        """Whether a plan belongs on stderr: beside a document, or with a question about it."""
        return self.as_json or (self.at_terminal and not sys.stdout.isatty())

    @property
    def directory_option(self) -> str:
        """The ``--dir`` that was given, as a further command needs it again."""
        return f" --dir {shlex.quote(str(self.flags.directory))}" if self.flags.directory else ""

    def target_option(self, target: str | None) -> str:
        """Return how a further command reaches the same database; never the address itself."""
        if self.flags.url is not None:
            return " --url … (the same address)"
        return f" --target {shlex.quote(target)}" if target else ""

    def dump_file(self, settings: Settings, name: str) -> Path:
        """Return the dump that FILE names."""
        return find_dump(settings.directory, name)

    def use(self, target: Target) -> Target:
        """Say what is to be known about a target before it is used."""
        for warning in target.database.warnings:
            logger().warning(warning)
        return target

    def ask_for_confirmation(
        self, target: Target, *, protected: bool, yes: bool, name: str | None
    ) -> None:
        """Return only if the user said yes; for a protected database by giving its name."""
        database = target.database.name
        if name not in {None, database}:
            raise ConfirmationNeeded(
                "--confirm does not give the name of the database; nothing was changed",
                hint=f"the target {target.name} is {target.database.label}",
            )
        if protected:
            if name is None and self.at_terminal:
                name = click.prompt(
                    f"{target.name} is protected. Type the name of its database", err=True
                )
            if name != database:
                raise ConfirmationNeeded(
                    f"{target.name} is a protected target; nothing was changed",
                    hint=f"confirm it by the database's name: --confirm {database}",
                )
            return
        if yes or name == database:
            return
        if not self.at_terminal or not click.confirm("Go on?", err=True):
            raise ConfirmationNeeded(
                "not confirmed; nothing was changed",
                hint="look at the plan, then repeat it with --yes",
            )


def run_command_line(group: click.Group, arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no exception leaves here."""
    name = next((a for a in arguments if a in group.list_commands(click.Context(group))), "dbsnap")
    invocation = Invocation(name, "--json" in arguments, config.Flags())
    _prepare_streams(utf8=invocation.as_json)
    with interruptions_heard():
        code = _run(group, arguments or ["--help"], invocation) or (0 if arguments else 2)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard_stdout()
        return code or 1
    return code


def _run(group: click.Group, arguments: Sequence[str], invocation: Invocation) -> int:
    try:
        return int(group.main(list(arguments), "dbsnap", standalone_mode=False) or 0)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        usage = context.get_usage() if context else ""
        return report_error(invocation, UsageError(error.format_message(), hint=usage))
    except DbsnapError as error:
        return report_error(invocation, error)
    except (KeyboardInterrupt, Interrupted, click.Abort):
        return _report_interruption(invocation)
    except BrokenPipeError:  # whoever read our output has had enough
        _discard_stdout()
        return 1
    except OSError as error:
        what = f"{error.strerror or type(error).__name__}: {error.filename or 'the output'}"
        return report_error(invocation, OperationFailed(what))
    except Exception as error:  # noqa: BLE001 - a defect of dbsnap's own: no traceback for users
        logger().debug("defect", exc_info=error)
        return report_error(
            invocation,
            DbsnapError(
                f"a defect in dbsnap: {type(error).__name__}: {error}",
                hint="please report it with the output of the same command under DBSNAP_LOG_LEVEL=debug",
            ),
        )


def exit_code(error: DbsnapError) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def report_error(invocation: Invocation, error: DbsnapError, **rest: Any) -> int:
    """Print an error once, with ``rest`` in its document; return its exit code."""
    with uninterrupted(), _output_may_be_gone():
        if isinstance(error, VerificationFailed) and not invocation.as_json:
            invocation.screen.findings(error.findings)
        invocation.screen.error(error)
        if invocation.as_json:
            print_document(documents.error_document(invocation.command, error) | rest)
    return exit_code(error)


@contextmanager
def _output_may_be_gone() -> Iterator[None]:
    """Where there is nowhere to say it, the exit code must do."""
    try:
        yield
    except OSError:
        _discard_stdout()


def _report_interruption(invocation: Invocation) -> int:
    with uninterrupted(), _output_may_be_gone():
        if invocation.as_json:
            print_document(documents.document(invocation.command, "failed", message="interrupted"))
        click.echo("interrupted: everything half-done was removed", err=True)
    return INTERRUPTED


def print_document(document: documents.Document) -> None:
    """Print a ``--json`` document."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _prepare_streams(*, utf8: bool) -> None:
    """Make sure that every character can be printed; JSON is UTF-8 in any locale (RFC 8259)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = "utf-8" if utf8 and stream is sys.stdout else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _discard_stdout() -> None:
    """Let nothing that is still in the buffer fail again when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
