"""``dbsnap export``: one table of a backup for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.filesize import decimal

from dbsnap.cli.command import command
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, document
from dbsnap.cli.terminal_text import counted, plain
from dbsnap.dumpfile.conversion.row_forms import ExportFormat
from dbsnap.errors import UsageError
from dbsnap.operations.export import export as export_table
from dbsnap.prisma.models import find_prisma_models

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.export import Exported

STDOUT = Path("-")


@command(reaches_database=False)
@click.argument("file", metavar="FILE", shell_complete=backup_names)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(ExportFormat)),
    default="json",
    show_default=True,
    help="An envelope with metadata and data, one row a line, or CSV with a header.",
)
@click.option("-t", "--table", metavar="TABLE", help="Which table; needed if there are several.")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=click.Path(path_type=Path),
    default=STDOUT,
    help="Write into this file, whole or not at all  [default: standard output].",
)
def export(
    invocation: Invocation, file: str, form: ExportFormat, table: str | None, output: Path
) -> int:
    """Write a table of a backup as JSON, NDJSON or CSV.

    Example: dbsnap export latest -t mods -o mods.json
    """
    to_stdout = output == STDOUT
    if to_stdout and invocation.as_json:
        raise UsageError(
            "with --json, standard output is for the document about the export",
            hint="name a file for the export itself: -o mods.json",
        )
    settings = invocation.settings
    with invocation.progress() as progress:
        exported = export_table(
            invocation.dump_file(settings, file),
            table=table,
            form=form,
            output=sys.stdout.buffer if to_stdout else output,
            models=find_prisma_models(settings.project_root),
            progress=progress,
        )
    invocation.show(
        _document(exported), lambda: _print(invocation.screen, exported, to_stderr=to_stdout)
    )
    return 0


def _document(exported: Exported) -> Document:
    metadata = exported.metadata
    return document(
        "export",
        "ok",
        backup=exported.backup,
        table=metadata.table,
        format=exported.form,
        file=str(exported.output),
        columns=list(exported.columns),
        rows=metadata.record_count,
        bytes=exported.bytes,
        checksum=metadata.checksum or None,
    )


def _print(screen: Screen, exported: Exported, *, to_stderr: bool) -> None:
    table, rows = exported.metadata.table, counted(exported.metadata.record_count, "row")
    where = plain(str(exported.output)) if exported.output else "standard output"
    screen.say(
        f"[green]EXPORTED[/] {plain(table)} of {plain(exported.backup)}: {rows} as {exported.form}, "
        f"{decimal(exported.bytes)}, to {where}",
        indent=2,
        to_stderr=to_stderr,
    )
