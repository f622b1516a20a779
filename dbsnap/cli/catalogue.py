"""``dbsnap list``, ``show`` and ``diff``: what is known of backups without opening a dump."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.filesize import decimal
from rich.text import Text

from dbsnap.cli.command import command
from dbsnap.cli.documents import Document, document, record_summary
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import age, counted, empty_table, plain
from dbsnap.operations import catalogue
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.table import Table

    from dbsnap.archive.record import Record
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.catalogue import Listed


@command(reaches_database=False)
def list_(invocation: Invocation) -> int:
    """List the backups, oldest first.

    Example: dbsnap list --json
    """
    directory = invocation.settings.directory
    listed = catalogue.list_backups(directory)
    invocation.show(
        _list_document(listed), lambda: _print_list(invocation.screen, listed, directory)
    )
    return 0


@command(reaches_database=False)
@click.argument("file", metavar="[FILE]", default="latest")
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


@command(reaches_database=False)
@click.argument("older", metavar="A")
@click.argument("newer", metavar="[B]", default="latest")
def diff(invocation: Invocation, older: str, newer: str) -> int:
    """Say what changed from backup A to backup B, from their records.

    Example: dbsnap diff backup_20260124_103000_app latest
    """
    directory = invocation.settings.directory
    before, after, findings = catalogue.diff_backups(directory, older, newer)
    status = "different" if findings else "ok"
    invocation.show(
        document("diff", status, findings, older=before.id, newer=after.id),
        lambda: _print_differences(invocation.screen, before, after, findings),
    )
    return 0


def _list_document(listed: Sequence[Listed]) -> Document:
    lines = [
        {
            **(record_summary(line.record) if line.record else {"id": line.id}),
            "status": line.status,
        }
        for line in listed
    ]
    findings = [
        Finding("damaged", f"backup {line.id}", line.problem or f"{line.id} is {line.status}")
        for line in listed
        if line.status != "verified"
    ]
    return document("list", "ok", findings, backups=lines)


def _print_list(screen: Screen, lines: Sequence[Listed], directory: Path) -> None:
    """Print a line for each backup; on a terminal its reason on a line of its own."""
    if not lines:
        screen.say(f"no backups in {plain(str(directory))}; take one with: dbsnap backup")
        return
    below = screen.out.is_terminal
    table = _list_table(lines, reasons=not below)
    if screen.columns_of(table) > screen.out.width:
        table = _list_table(lines, targets=False)
    first, *rest = screen.lines_of(table)
    screen.out.out(first)
    for text, line in zip(rest, lines, strict=True):
        screen.out.out(text)
        if below and _reason(line):
            reason = Text.from_markup(f"  [dim]{plain(_reason(line))}[/]")
            reason.truncate(screen.out.width, overflow="ellipsis")
            screen.out.print(reason)
    total = sum(line.record.dump.bytes for line in lines if line.record)
    screen.say(f"{counted(len(lines), 'backup')}, {decimal(total)} in {plain(str(directory))}")


def _list_table(lines: Sequence[Listed], *, targets: bool = True, reasons: bool = False) -> Table:
    titles = ["id", "age", "rows", "size", "status"]
    titles += [*(["target"] if targets else []), *(["reason"] if reasons else [])]
    table = empty_table(titles, right={"age", "rows", "size"})
    for line in lines:
        cells = {**_list_cells(line), "reason": plain(_reason(line))}
        table.add_row(*(cells.get(title, "") for title in titles))
    return table


def _list_cells(line: Listed) -> dict[str, str]:
    style = "green" if line.status == "verified" else "red"
    cells = {"id": plain(line.id), "status": f"[{style}]{line.status}[/]"}
    if line.record is None:
        return cells
    return cells | {
        "age": age(line.record.created_at, datetime.now(UTC)),
        "rows": f"{line.record.inventory.total_rows():,}",
        "size": decimal(line.record.dump.bytes),
        "target": plain(line.record.source.target),
    }


def _reason(line: Listed) -> str:
    return line.record.reason if line.record else line.problem


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


def _print_differences(
    screen: Screen, before: Record, after: Record, findings: Sequence[Finding]
) -> None:
    screen.findings(findings)
    screen.say(
        f"{counted(len(findings), 'difference')} from {plain(before.id)} ({before.created_at}) "
        f"to {plain(after.id)} ({after.created_at})",
        indent=2,
    )
