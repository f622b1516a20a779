"""``dbsnap backup``: of the database that was asked for, or of every configured one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click
import structlog
from rich.filesize import decimal

from dbsnap import config
from dbsnap.cli.command import command
from dbsnap.cli.documents import Document, document, error_status, record_summary
from dbsnap.cli.invocation import exit_code
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.errors import DbsnapError
from dbsnap.operations.backup import Backup
from dbsnap.operations.backup import backup as take_backup
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.dumpfile.compression import Compression


@command(reaches_database=True)
@click.option("--reason", default="", help="Why this backup is taken; kept in its record.")
@click.option(
    "-Z",
    "--compress",
    type=click.Choice(config.COMPRESSIONS),
    help="How the dump is compressed [env: DBSNAP_COMPRESS; default: none].",
)
def backup(invocation: Invocation, target: str | None, reason: str) -> int:
    """Back up a whole database; prove that the dump holds all of it.

    Without --url, DATABASE_URL or --target every configured target is backed up, one after the other.

    Example: dbsnap backup --reason "before the migration"
    """
    settings = invocation.settings
    targets = config.targets_for_backup(settings, target)
    if len(targets) > 1:
        names = ", ".join(each.name for each in targets)
        structlog.get_logger("dbsnap").info(f"backing up every configured target: {names}")
    taken: list[Backup] = []
    failed: list[tuple[str, DbsnapError]] = []
    for each in targets:
        try:
            with invocation.progress() as progress:
                taken.append(
                    take_backup(
                        invocation.use(each).database,
                        target=each.name,
                        directory=settings.directory,
                        compression=cast("Compression", settings.compress),
                        reason=reason,
                        pg_bin=settings.pg_bin,
                        progress=progress,
                    )
                )
        except DbsnapError as error:
            if len(targets) == 1:
                raise
            failed.append((each.name, error))
    invocation.show(
        _document(taken, failed),
        lambda: _print_all(invocation.screen, taken, options=invocation.directory_option),
    )
    for name, problem in failed:
        structlog.get_logger("dbsnap").error(f"target {name} was not backed up")
        invocation.screen.error(problem)
    return exit_code(failed[0][1]) if failed else 0


def _document(taken: Sequence[Backup], failed: Sequence[tuple[str, DbsnapError]]) -> Document:
    """Return ``id`` and ``file`` where there is one backup, and all of them under ``backups``."""
    findings = [finding for each in taken for finding in each.findings]
    findings += [Finding("damaged", f"target {name}", str(error)) for name, error in failed]
    status = error_status(failed[0][1]) if failed else "ok"
    backups = [{**record_summary(each.record), "file": str(each.dump)} for each in taken]
    first = backups[0] if len(backups) == 1 else {}
    return document("backup", status, findings, **first, backups=backups)


def _print_all(screen: Screen, taken: Sequence[Backup], *, options: str) -> None:
    for number, each in enumerate(taken):
        if number:
            screen.say("")
        _print(screen, each, options=options)


def _print(screen: Screen, taken: Backup, *, options: str) -> None:
    """Print what was backed up and verified; ``options`` are what a restore of it needs as well."""
    record = taken.record
    screen.tables(record.inventory, record)
    screen.findings(taken.findings)
    screen.say(
        f"[green]VERIFIED[/] {plain(record.source.server)}: {held(record.inventory)}; "
        "all that the snapshot holds is in the file",
        indent=2,
    )
    screen.say(
        f"{plain(str(taken.dump))}  {decimal(record.dump.bytes)}, {record.duration_seconds:,.1f} s"
    )
    screen.say(f"restore it with:  dbsnap restore {plain(record.id + options)}")
