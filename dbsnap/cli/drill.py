"""``dbsnap drill``: a backup, or all of them, proved on a throw-away server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.filesize import decimal

from dbsnap.cli.command import command, guard_options, jobs_option, migrations_option
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import DIFFERENT, NOT_RUN
from dbsnap.cli.terminal_text import counted, empty_table, plain
from dbsnap.errors import StorageFailed, UsageError
from dbsnap.operations.drill import drill as drill_backup
from dbsnap.operations.drill import drill_all
from dbsnap.operations.drilling.expectation import Expectation, UserCheck
from dbsnap.operations.drilling.options import DrillOptions
from dbsnap.operations.migrations import read_project
from dbsnap.postgres.url import parse_url
from dbsnap.reports.github import summary, workflow_commands
from dbsnap.reports.html import page
from dbsnap.reports.junit import junit
from dbsnap.reports.outcome import worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.config import Settings
    from dbsnap.reports.outcome import Drill, Verdict

FAILED, REFUSED = 1, 3
EXIT_CODES: dict[Verdict, int] = {
    "ok": 0,
    "refused": REFUSED,
    "different": DIFFERENT,
    "not-run": NOT_RUN,
}
MARKS = {"PASS": "[green]PASS[/]", "FAIL": "[red]FAIL[/]", "NOT RUN": "[yellow]NOT RUN[/]"}
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"

OUTPUT = click.Path(path_type=Path, dir_okay=False)


@command(reaches_database=False)
@click.argument("file", metavar="[FILE]", required=False, shell_complete=backup_names)
@click.option("--all", "every", is_flag=True, help="Drill every backup in the directory.")
@click.option("--server", metavar="URL", help="Restore into this server instead of starting one.")
@click.option(
    "--without-extension",
    "without_extensions",
    metavar="NAME",
    multiple=True,
    help="Leave an extension that the server lacks out, with what depends on it; repeatable.",
)
@click.option(
    "--without-privileges", is_flag=True, help="Leave owners and grants out of the comparison."
)
@click.option(
    "--check",
    "files",
    metavar="SQLFILE",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="One more check: a query that finds no rows where all is well; repeatable.",
)
@click.option("--junit", "junit_file", metavar="FILE", type=OUTPUT, help="Write JUnit's XML too.")
@click.option("--html", "html_file", metavar="FILE", type=OUTPUT, help="Write one page too.")
@jobs_option
@migrations_option
@guard_options
def drill(
    invocation: Invocation,
    file: str | None,
    *,
    every: bool,
    server: str | None,
    without_extensions: tuple[str, ...],
    without_privileges: bool,
    files: tuple[Path, ...],
    junit_file: Path | None,
    html_file: Path | None,
    require_migrations: bool,
    allow: tuple[str, ...],
    untrusted: bool,
) -> int:
    """Prove a backup by restoring it into a throw-away server.

    All of it is compared with its record, your checks are run, and the server is discarded. None is
    needed on this machine, and nothing of yours is touched. Where GITHUB_STEP_SUMMARY is set, a summary
    is added to it.

    Example: dbsnap drill latest

    Example: dbsnap drill --all --junit drill.xml --html drill.html
    """
    if every and file is not None:
        raise UsageError("FILE and --all exclude each other")
    _refuse_unwritable(junit_file, html_file)
    settings = invocation.settings
    options = DrillOptions(
        server=parse_url(server, origin="--server") if server is not None else None,
        checks=(*settings.checks, *_from_files(files, settings)),
        without_extensions=(*settings.without_extensions, *without_extensions),
        privileges=not without_privileges,
        allow=allow,
        untrusted=untrusted,
        migrations=read_project(
            settings.project_root, settings.prisma_migrations, required=require_migrations
        ),
        pg_bin=settings.pg_bin,
        history=settings.directory if html_file else None,
        jobs=settings.jobs,
    )
    with invocation.progress() as progress:
        if every:
            drills = drill_all(settings.directory, options=options, progress=progress)
        else:
            dump = invocation.dump_file(settings, file or "latest")
            drills = [drill_backup(dump, options=options, progress=progress)]
    verdict = worst(drills)
    invocation.show(
        _document(drills, verdict, every=every),
        lambda: _print(invocation.screen, drills, every=every),
    )
    unwritten = list(_write_reports(drills, junit_file, html_file))
    for error in unwritten:
        invocation.screen.error(error)
    return FAILED if unwritten and verdict == "ok" else EXIT_CODES[verdict]


def _from_files(files: Sequence[Path], settings: Settings) -> list[UserCheck]:
    """Return a check for each file; its name is the file's, unless dbsnap.toml has one of that name."""
    taken = {check.name for check in settings.checks}
    checks = []
    for path in files:
        name = path.name if path.name not in taken else str(path)
        if name in taken:
            raise UsageError(f"--check names {path} twice")
        taken.add(name)
        check = UserCheck(name, Expectation(), file=path.absolute())
        check.query()  # a file that is not there is worth no server
        checks.append(check)
    return checks


def _refuse_unwritable(*outputs: Path | None) -> None:
    """Say before the work, and not after it, that a report would have nowhere to go."""
    for path in outputs:
        if path is not None and not os.access(path if path.exists() else path.parent, os.W_OK):
            raise UsageError(
                f"{path} cannot be written",
                hint=f"is there a directory {path.parent}, and may you write to it?",
            )


def _write_reports(
    drills: Sequence[Drill], junit_file: Path | None, html_file: Path | None
) -> Iterator[StorageFailed]:
    """Write every report there is a place for; yield what keeps one from being written."""
    summary_file = os.environ.get(SUMMARY_VARIABLE)
    outputs: list[tuple[Path | None, Callable[[Sequence[Drill]], str], str]] = [
        (junit_file, junit, "w"),
        (html_file, page, "w"),
        (Path(summary_file) if summary_file else None, summary, "a"),
    ]
    for path, render, mode in outputs:
        if path is not None:
            try:
                with path.open(mode, encoding="utf-8") as file:
                    file.write(render(drills))
            except OSError as error:
                yield StorageFailed(f"{path} cannot be written: {error.strerror}")


def _document(drills: Sequence[Drill], verdict: Verdict, *, every: bool) -> Document:
    findings = [finding for drill in drills for finding in drill.findings]
    parts = [_drill_document(drill) for drill in drills]
    rest: Document = {"drills": parts} if every else parts[0]
    return document("drill", verdict, findings, **{k: v for k, v in rest.items() if k != "status"})


def _drill_document(drill: Drill) -> Document:
    return {
        "status": drill.verdict,
        **{
            name: getattr(drill, name)
            for name in ("backup", "file", "database", "taken_at", "source", "server", "rows")
        },
        "bytes": drill.bytes,
        "raw_bytes": drill.raw_bytes,
        "seconds_to_restore": _rounded(drill.seconds_to_restore),
        "duration_seconds": _rounded(drill.seconds),
        "left_out": list(drill.left_out),
        "checks": [
            {
                "name": check.name,
                "outcome": check.outcome,
                "message": check.message,
                "seconds": _rounded(check.seconds),
                "findings": [finding.as_json() for finding in check.findings],
            }
            for check in drill.checks
        ],
        "tables": [
            {"table": table.name, "rows": table.rows, "bytes": table.bytes}
            for table in drill.tables
        ],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _print(screen: Screen, drills: Sequence[Drill], *, every: bool) -> None:
    """Print each drill's checks, or of many one line for each, and the verdict of all."""
    if every:
        _print_rows(screen, drills)
    for drill in drills if not every else [d for d in drills if d.verdict != "ok"]:
        _print_drill(screen, drill, bad_only=every)
    if "GITHUB_ACTIONS" in os.environ:
        for line in workflow_commands(drills):
            screen.out.out(line)


def _print_drill(screen: Screen, drill: Drill, *, bad_only: bool) -> None:
    screen.say(f"[bold]{plain(drill.backup)}[/]")
    width = max(len(check.name) for check in drill.checks if check.reached)
    shown = [check for check in drill.checks if check.reached]
    for check in shown if not bad_only else [c for c in shown if c.outcome != "PASS"]:
        space = " " * (8 - len(check.outcome))
        name = plain(check.name.ljust(width))
        screen.say(f"  {MARKS[check.outcome]}{space}{name}  {plain(check.message)}", indent=4)
        screen.findings([f for f in check.findings if f.message != check.message])
    if drill.not_reached:
        screen.say(f"  {MARKS['NOT RUN']} {drill.not_reached}")
    for name in drill.left_out:
        screen.say(f"  [yellow]left out[/] {plain(name)}", indent=4)
    screen.say(f"{MARKS[drill.outcome]} {plain(drill.backup)}: {_held(drill)}", indent=2)


def _print_rows(screen: Screen, drills: Sequence[Drill]) -> None:
    titles = ["verdict", "backup", "rows", "size", "restored in"]
    table = empty_table(titles, right={"rows", "size", "restored in"}, folded="backup")
    for drill in drills:
        seconds = drill.seconds_to_restore
        table.add_row(
            MARKS[drill.outcome],
            plain(drill.backup),
            f"{drill.rows:,}",
            decimal(drill.bytes),
            "" if seconds is None else f"{seconds:,.1f} s",
        )
    screen.out.print(table)


def _held(drill: Drill) -> str:
    held = f"{counted(len(drill.tables), 'table')}, {counted(drill.rows, 'row')}, {decimal(drill.bytes)}"
    seconds = drill.seconds_to_restore
    if seconds is None:
        return f"{held}; {plain(drill.reason)}"
    return f"{held}; restored and compared in {seconds:,.1f} s; nothing of it is left"
