"""``dbsnap verify``: a backup against the live database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dbsnap import config
from dbsnap.cli.command import command, migrations_option
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.invocation import DIFFERENT, NOT_RUN
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import counted, plain
from dbsnap.operations.migrations import MARK_PURPOSE, read_project
from dbsnap.operations.verify import verify as verify_backup
from dbsnap.report import errors_in

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.verify import Verification


@command(reaches_database=True)
@click.argument("file", metavar="[FILE]", default="latest", shell_complete=backup_names)
@migrations_option
def verify(
    invocation: Invocation, file: str, target: str | None, *, require_migrations: bool
) -> int:
    """Compare a backup with the live database; name every difference.

    Example: dbsnap verify latest --target local
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_reading(settings, target))
    with invocation.progress() as progress:
        verification = verify_backup(
            invocation.dump_file(settings, file),
            chosen.database,
            migrations=read_project(
                settings.project_root, settings.prisma_migrations, required=require_migrations
            ),
            pg_bin=settings.pg_bin,
            progress=progress,
        )
    invocation.show(_document(verification), lambda: _print(invocation.screen, verification))
    return {"ok": 0, "different": DIFFERENT, "not-run": NOT_RUN}[verification.verdict]


def _document(verification: Verification) -> Document:
    return document(
        "verify",
        verification.verdict,
        verification.findings,
        backup=verification.backup,
        database=verification.database,
        migrations=verification.migrations.as_json(),
        **counts(verification.expected),
    )


def _print(screen: Screen, verification: Verification) -> None:
    """Print every difference, or that there is none."""
    screen.findings(verification.findings)
    screen.commands(MARK_PURPOSE, verification.migrations.commands)
    errors = errors_in(verification.findings)
    title = f"{plain(verification.database)} against {plain(verification.backup)}"
    if errors:
        text = f"[red]DIFFERENT[/] {title}: {counted(len(errors), 'difference')}"
    elif verification.verdict == "ok":
        text = f"[green]VERIFIED[/] {title}: {held(verification.expected)}"
    else:
        text = f"[yellow]COUNTED, NOT COMPARED[/] {title}: {held(verification.expected)}"
    screen.say(text, indent=2)
