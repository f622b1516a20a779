"""``dbsnap verify``: a backup against the live database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dbsnap import config
from dbsnap.cli.command import command, jobs_option, migrations_option
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.invocation import DIFFERENT, NOT_RUN
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import counted, plain
from dbsnap.errors import UsageError
from dbsnap.inventory import short_name
from dbsnap.operations.migrations import MARK_PURPOSE, read_project
from dbsnap.operations.verify import VerifyOptions
from dbsnap.operations.verify import verify as verify_backup
from dbsnap.prisma.models import find_prisma_models
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.verify import Verification
    from dbsnap.operations.verifying.row_changes import RowChanges, RowName

ROWS_SHOWN = 10
SHOWN_CHARACTERS = 60


@command(reaches_database=True)
@click.argument("file", metavar="[FILE]", default="latest", shell_complete=backup_names)
@click.option(
    "--level",
    type=click.Choice(["counts", "content"]),
    default="content",
    help="counts compares numbers of rows, and definitions, without reading a row "
    "[default: content].",
)
@click.option(
    "-t",
    "--tables",
    metavar="TABLE,…",
    multiple=True,
    help="Only these tables, as for backup -t, with all that belongs to them; repeatable.",
)
@click.option(
    "--rows", is_flag=True, help="Name the rows that differ by their keys, and the columns."
)
@click.option(
    "--row-limit",
    type=click.IntRange(min=1, max=1_000_000),
    metavar="N",
    help=f"How many rows --rows names of each kind of each table [default: {ROWS_SHOWN}].",
)
@jobs_option
@migrations_option
def verify(
    invocation: Invocation, file: str, target: str | None, *, require_migrations: bool, **given: Any
) -> int:
    """Compare a backup with the live database; name every difference.

    Nothing is written on the server: a role that may only read will do, and so will a standby.

    Example: dbsnap verify latest --tables users,orders --rows
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_reading(settings, target))
    options = VerifyOptions(
        level=given["level"],
        tables=given["tables"],
        models=find_prisma_models(settings.project_root) if given["tables"] else (),
        rows=_row_limit(rows=given["rows"], limit=given["row_limit"]),
        jobs=settings.jobs,
    )
    migrations = read_project(
        settings.project_root, settings.prisma_migrations, required=require_migrations
    )
    with invocation.progress() as progress:
        verification = verify_backup(
            invocation.dump_file(settings, file),
            chosen.database,
            options=options,
            migrations=migrations,
            pg_bin=settings.pg_bin,
            progress=progress,
        )
    invocation.show(_document(verification), lambda: _print(invocation.screen, verification))
    return {"ok": 0, "different": DIFFERENT, "not-run": NOT_RUN}[verification.verdict]


def _row_limit(*, rows: bool, limit: int | None) -> int:
    if limit is not None and not rows:
        raise UsageError("--row-limit says how many rows --rows names", hint="add --rows")
    return (limit or ROWS_SHOWN) if rows else 0


def _document(verification: Verification) -> Document:
    return document(
        "verify",
        verification.verdict,
        verification.findings,
        backup=verification.backup,
        database=verification.database,
        level=verification.level,
        tables=verification.tables,
        row_changes=[_rows_document(changes) for changes in verification.rows],
        migrations=verification.migrations.as_json(),
        **counts(verification.expected),
    )


def _rows_document(changes: RowChanges) -> Document:
    def named(row: RowName) -> Document:
        return dict(zip(changes.named_by, row, strict=True))

    difference = changes.difference
    return {
        "table": changes.table,
        "key": list(changes.key),
        "counts": {
            "missing": difference.missing,
            "unexpected": difference.unexpected,
            "changed": difference.changed,
        },
        "missing": [named(row) for row in changes.missing],
        "unexpected": [named(row) for row in changes.unexpected],
        "changed": [
            {"row": named(changed.row), "columns": list(changed.columns)}
            for changed in changes.changed
        ],
    }


def _print(screen: Screen, verification: Verification) -> None:
    """Print every difference, or that there is none."""
    screen.findings(verification.findings)
    for changes in verification.rows:
        _print_rows(screen, changes)
    screen.commands(MARK_PURPOSE, verification.migrations.commands)
    errors = errors_in(verification.findings)
    title = f"{plain(verification.database)} against {plain(verification.backup)}"
    if verification.tables is not None:
        title += f", {counted(len(verification.tables), 'table')} of it"
    if errors:
        text = f"[red]DIFFERENT[/] {title}: {counted(len(errors), 'difference')}"
    elif verification.verdict == "ok":
        done = "VERIFIED" if verification.level == "content" else "COUNTED"
        text = f"[green]{done}[/] {title}: {held(verification.expected)}"
    else:
        text = f"[yellow]COUNTED, NOT COMPARED[/] {title}: {held(verification.expected)}"
    screen.say(text, indent=2)


def _print_rows(screen: Screen, changes: RowChanges) -> None:
    """Print the rows of one table that differ, each on its line."""
    by = (
        f"by {', '.join(changes.named_by)}"
        if changes.key
        else "without a key, by its first columns"
    )
    screen.say(f"{plain(short_name(changes.table))}, {plain(by)}:", indent=2)
    difference = changes.difference
    _print_kind(screen, "missing", [_text(row) for row in changes.missing], difference.missing)
    changed = [f"{_text(row.row)}: {', '.join(row.columns)}" for row in changes.changed]
    _print_kind(screen, "differs", changed, difference.changed)
    _print_kind(screen, "added", [_text(row) for row in changes.unexpected], difference.unexpected)


def _print_kind(screen: Screen, kind: str, rows: Sequence[str], count: int) -> None:
    for row in rows:
        screen.say(f"  {kind:8} {plain(row)}", indent=11)
    if count > len(rows):
        screen.say(f"  {kind:8} … and {count - len(rows):,} more (--row-limit)")


def _text(row: RowName) -> str:
    return ", ".join("NULL" if value is None else _short(value) for value in row)


def _short(value: str) -> str:
    return value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 1] + "…"
