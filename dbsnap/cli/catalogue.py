"""``dbsnap list`` and ``show``: what is known of backups without opening a dump."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from rich.filesize import decimal
from rich.text import Text

from dbsnap.archive.manifest import tables_of
from dbsnap.cli.command import command
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, document, summary_document
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import age, counted, empty_table, plain
from dbsnap.errors import UsageError
from dbsnap.inventory import short_name
from dbsnap.operations import catalogue
from dbsnap.operations.catalogue import Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from dbsnap.archive.record import Record
    from dbsnap.archive.storage import Entry
    from dbsnap.archive.summaries import Summary
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.report import Finding

COLUMNS = ("id", "table", "date", "records", "size", "status", "age", "target")
DISPENSABLE = ("target", "date", "table")
"""What a narrow terminal does without, in this order: the id says two of them."""

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@command(reaches_database=False)
@click.option("-t", "--table", metavar="NAME", default="", help="Only backups of this table.")
@click.option("--database", metavar="NAME", default="", help="Only of this database.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(["verified", "incomplete", "damaged"]),
    help="Only those in this state; may be repeated.",
)
@click.option("--since", metavar="WHEN", help="Only since a date (UTC), or for 12h, 7d, 2w.")
def list_(
    invocation: Invocation, table: str, database: str, statuses: Sequence[str], since: str | None
) -> int:
    """List the backups, oldest first. In NAME * stands for any characters.

    Example: dbsnap list --table mods --since 7d
    """
    directory = invocation.settings.directory
    earliest = _moment(since, datetime.now(UTC)) if since else None
    wanted = Wanted(table, database, statuses, earliest)
    what = "backup" if wanted == Wanted() else "such backup"
    shown, findings = catalogue.list_backups(directory, wanted)
    invocation.show(
        _list_document(shown, findings),
        lambda: _print_list(invocation.screen, shown, directory, what=what),
    )
    return 0


@command(reaches_database=False)
@click.argument("file", metavar="[FILE]", default="latest", shell_complete=backup_names)
def show(invocation: Invocation, file: str) -> int:
    """Show what a backup holds, from its record.

    Example: dbsnap show latest
    """
    record = catalogue.show_backup(invocation.settings.directory, file)
    invocation.show(
        document("show", "ok", **record.as_json()),
        lambda: _print_record(invocation.screen, record),
    )
    return 0


def _moment(text: str, now: datetime) -> datetime:
    """Return the moment that ``--since`` names, in UTC."""
    if span := re.fullmatch(r"([0-9]{1,5}) ?([hdw])", text):
        return now - int(span[1]) * UNITS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since is no date: {text}",
            hint="for example 2026-01-24, 2026-01-24T10:30, 12h or 7d",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list_document(shown: Sequence[Entry], findings: Sequence[Finding]) -> Document:
    now = datetime.now(UTC)
    lines = [
        {
            **(summary_document(entry.summary) if entry.summary else {}),
            "id": entry.id,
            "table": tables_of(entry),
            "status": entry.status,
            "pinned": entry.pinned,
            "age_seconds": int((now - taken_at).total_seconds())
            if (taken_at := entry.taken_at)
            else None,
        }
        for entry in shown
    ]
    dates = [entry.summary.created_at for entry in shown if entry.summary]
    totals = {
        "backups": len(shown),
        "rows": sum(entry.summary.rows for entry in shown if entry.summary),
        "bytes": _bytes(shown),
        "oldest": min(dates, default=None),
        "newest": max(dates, default=None),
    }
    return document("list", "ok", findings, backups=lines, totals=totals)


def _print_list(screen: Screen, shown: Sequence[Entry], directory: Path, *, what: str) -> None:
    """Print a line for each backup; on a terminal its reason on a line of its own."""
    where = plain(str(directory))
    if not shown:
        screen.say(f"no {what}s in {where}; take one with: dbsnap backup")
        return
    below = screen.out.is_terminal
    table = _list_table(shown, [*COLUMNS, *([] if below else ["reason"])])
    for number in range(len(DISPENSABLE) if below else 0):
        if screen.columns_of(table) > screen.out.width:
            left_out = DISPENSABLE[: number + 1]
            table = _list_table(shown, [title for title in COLUMNS if title not in left_out])
    first, *rest = screen.lines_of(table)
    screen.out.out(first)
    for text, entry in zip(rest, shown, strict=True):
        screen.out.out(text)
        if below and _reason(entry):
            reason = Text.from_markup(f"  [dim]{plain(_reason(entry))}[/]")
            reason.truncate(screen.out.width, overflow="ellipsis")
            screen.out.print(reason)
    oldest = next((_age(entry) for entry in shown if entry.taken_at), "of unknown age")
    screen.say(f"{counted(len(shown), what)}, {decimal(_bytes(shown))} in {where}; oldest {oldest}")


def _list_table(shown: Sequence[Entry], titles: Sequence[str]) -> Table:
    table = empty_table(titles, right={"age", "records", "size"})
    for entry in shown:
        cells = {**_list_cells(entry), "reason": plain(_reason(entry))}
        table.add_row(*(cells.get(title, "") for title in titles))
    return table


def _list_cells(entry: Entry) -> dict[str, str]:
    style = "green" if entry.status == "verified" else "red"
    pinned = ", pinned" if entry.pinned else ""
    cells = {"id": plain(entry.id), "status": f"[{style}]{entry.status}[/]{pinned}"}
    if entry.summary is None:
        return cells
    return cells | {
        "table": plain(_tables(entry.summary) or f"all of {entry.summary.database}"),
        "date": plain(entry.summary.created_at[:16].replace("T", " ")),
        "age": _age(entry),
        "records": f"{entry.summary.rows:,}",
        "size": decimal(entry.summary.bytes),
        "target": plain(entry.summary.target),
    }


def _tables(summary: Summary) -> str:
    """Return the tables of a table backup; a part of one must not pass for the whole."""
    return ", ".join(
        f"{'part of ' if part.where or not part.whole else ''}{short_name(part.table)}"
        for part in summary.parts
    )


def _age(entry: Entry) -> str:
    return age(entry.taken_at.isoformat(), datetime.now(UTC)) if entry.taken_at else ""


def _bytes(shown: Sequence[Entry]) -> int:
    return sum(entry.summary.bytes for entry in shown if entry.summary)


def _reason(entry: Entry) -> str:
    return entry.problem or (entry.summary.reason if entry.summary else "")


def _print_record(screen: Screen, record: Record) -> None:
    source, dump = record.source, record.dump
    rows = {
        "id": record.id,
        "taken": f"{record.created_at} from {source.server} ({source.target})",
        "reason": record.reason or "-",
        "server": f"PostgreSQL {source.server_version}, {source.encoding}",
        "dump": f"{dump.file}, {decimal(dump.bytes)}, pg_dump {dump.pg_dump_version}",
        "sha256": dump.sha256,
        "holds": held(record.inventory),
        "files": f"{record.privileges.file}, {record.restore_script.file}",
    }
    for title, value in rows.items():
        screen.say(f"[bold]{title:8}[/]{plain(value)}", indent=8)
    screen.tables(record.inventory, record)
    for note in record.notes:
        screen.say(f"[yellow]![/] {plain(note)}", indent=2)
