"""``dbsnap diff``: what changed between two backups, or from a backup to the live database."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.filesize import decimal

from dbsnap import config
from dbsnap.cli.command import command
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import DIFFERENT
from dbsnap.cli.terminal_text import counted, empty_table, plain
from dbsnap.errors import UsageError
from dbsnap.inventory import short_name
from dbsnap.operations.catalogue import show_backup
from dbsnap.operations.diff import diff_backups, diff_live

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.diff import Difference

TABLES_SHOWN = 40


@command(reaches_database=True)
@click.argument("older", metavar="A", shell_complete=backup_names)
@click.argument("newer", metavar="[B]", required=False, shell_complete=backup_names)
@click.option("--live", is_flag=True, help="Compare A with the live database instead.")
@click.option("--exit-code", is_flag=True, help="Exit 4 where anything changed, for scripts.")
def diff(
    invocation: Invocation,
    older: str,
    newer: str | None,
    target: str | None,
    *,
    live: bool,
    exit_code: bool,
) -> int:
    """Say what changed from backup A to backup B, from their records.

    B is the latest backup unless it is named; no dump is read. With --live it is the database,
    which is then read as verify reads it.

    Example: dbsnap diff backup_20260124_103000_app latest
    """
    if live and newer is not None:
        raise UsageError("--live takes the place of B", hint=f"dbsnap diff {older} --live")
    if not live and (target is not None or invocation.flags.url is not None):
        raise UsageError("two backups are compared without a database", hint="add --live")
    directory = invocation.settings.directory
    difference = (
        _since(invocation, older, target)
        if live
        else diff_backups(directory, older, "latest" if newer is None else newer)
    )
    invocation.show(_document(difference), lambda: _print(invocation.screen, difference))
    return DIFFERENT if exit_code and difference.changes else 0


def _since(invocation: Invocation, name: str, target: str | None) -> Difference:
    settings = invocation.settings
    record = show_backup(settings.directory, name)
    chosen = invocation.use(config.target_for_reading(settings, target))
    with invocation.progress() as progress:
        return diff_live(
            invocation.dump_file(settings, name),
            record,
            chosen.database,
            pg_bin=settings.pg_bin,
            progress=progress,
        )


def _document(difference: Difference) -> Document:
    return document(
        "diff",
        "different" if difference.changes else "ok",
        difference.findings,
        older=difference.older,
        newer=difference.newer,
        tables=[asdict(table) for table in difference.tables],
        bytes={"before": difference.bytes_before, "after": difference.bytes_after},
    )


def _print(screen: Screen, difference: Difference) -> None:
    screen.findings(difference.findings)
    _print_tables(screen, difference)
    sizes = decimal(difference.bytes_before)
    if difference.bytes_after is not None:
        sizes += f" → {decimal(difference.bytes_after)}"
    screen.say(
        f"{counted(len(difference.changes), 'difference')} from {plain(difference.older)} "
        f"({difference.older_taken}) to {plain(difference.newer)} "
        f"({difference.newer_taken or 'now'}); {sizes}",
        indent=2,
    )


def _print_tables(screen: Screen, difference: Difference) -> None:
    """Print rows and sizes of the tables in which they changed."""
    if not difference.tables:
        return
    with_sizes = difference.bytes_after is not None
    titles = ["table", "rows", "were", *(["size", "was"] if with_sizes else []), ""]
    table = empty_table(titles, right=set(titles[1:-1]), folded="table")
    for one in difference.tables[:TABLES_SHOWN]:
        rows = [_number(one.rows_after), _number(one.rows_before)]
        sizes = [_size(one.bytes_after), _size(one.bytes_before)] if with_sizes else []
        change = "" if one.change == "changed" else one.change
        table.add_row(plain(short_name(one.table)), *rows, *sizes, change)
    screen.out.out("\n".join(screen.lines_of(table, width=screen.out.width)))
    if len(difference.tables) > TABLES_SHOWN:
        screen.say(f"… and {counted(len(difference.tables) - TABLES_SHOWN, 'table')} more")


def _number(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def _size(size: int | None) -> str:
    return "-" if size is None else decimal(size)
