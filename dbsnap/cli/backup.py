"""``dbsnap backup``: of the database that was asked for, or of every configured one; or of tables."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, cast

import click
from rich.filesize import decimal

from dbsnap import config
from dbsnap.cli.backup_tables import print_tables, tables_documents, verified
from dbsnap.cli.command import command, jobs_option, migrations_option
from dbsnap.cli.documents import Document, document, error_status, record_summary
from dbsnap.cli.invocation import exit_code
from dbsnap.cli.log import logger
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.errors import DbsnapError, UsageError
from dbsnap.operations.backup import backup as take_backup
from dbsnap.operations.dumping.dump import DumpOptions
from dbsnap.operations.migrations import MARK_PURPOSE, read_project
from dbsnap.prisma.models import find_prisma_models
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.operations.recording import Backup


@command(reaches_database=True)
@click.option(
    "-t",
    "--table",
    "tables",
    metavar="TABLE",
    multiple=True,
    help="Only this table, as for pg_dump -t; or the name of a Prisma model. Repeatable.",
)
@click.option(
    "--where",
    metavar="SQL",
    multiple=True,
    help="Only these rows of the one table asked for; of one of several: TABLE=SQL.",
)
@click.option(
    "--exclude-column",
    "exclude_columns",
    metavar="T.C",
    multiple=True,
    help="Without the values of this column; repeatable.",
)
@click.option("--reason", default="", help="Why this backup is taken; kept in its record.")
@click.option(
    "-Z",
    "--compress",
    type=click.Choice(config.COMPRESSIONS),
    help="How the dump is compressed [env: DBSNAP_COMPRESS; default: none].",
)
@jobs_option
@click.option(
    "--max-rate",
    metavar="BYTES/s",
    help="Read no faster than this, for example 20M [env: DBSNAP_MAX_RATE].",
)
@migrations_option
def backup(
    invocation: Invocation,
    target: str | None,
    tables: tuple[str, ...],
    where: tuple[str, ...],
    exclude_columns: tuple[str, ...],
    reason: str,
    *,
    require_migrations: bool,
) -> int:
    """Back up a database, or tables of it; prove the dump.

    Without --url, DATABASE_URL or --target every configured target is backed up, one after the other.

    Example: dbsnap backup --reason "before the migration"

    Example: dbsnap backup -t mods -t favorites --reason "before the cleanup"
    """
    settings = invocation.settings
    targets = config.targets_for_backup(settings, target)
    if len(targets) > 1:
        names = ", ".join(each.name for each in targets)
        logger().info(f"backing up every configured target: {names}")
    take = (
        _tables(settings, tables, where, exclude_columns, require_migrations=require_migrations)
        if tables or where or exclude_columns
        else _whole_database(settings, require_migrations=require_migrations)
    )
    taken: list[Backup] = []
    failed: list[tuple[str, DbsnapError]] = []
    for each in targets:
        try:
            with invocation.progress() as progress:
                taken.append(
                    take(
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
        logger().error(f"target {name} was not backed up")
        invocation.screen.error(problem)
    return exit_code(failed[0][1]) if failed else 0


def _whole_database(
    settings: config.Settings, *, require_migrations: bool
) -> Callable[..., Backup]:
    migrations = read_project(
        settings.project_root, settings.prisma_migrations, required=require_migrations
    )
    return partial(
        take_backup,
        migrations=migrations,
        standing_exclusions=settings.excluded_columns,
        options=DumpOptions(jobs=settings.jobs, max_rate=settings.max_rate),
    )


def _tables(
    settings: config.Settings,
    tables: Sequence[str],
    where: Sequence[str],
    exclude_columns: Sequence[str],
    *,
    require_migrations: bool,
) -> Callable[..., Backup]:
    if not tables:
        raise UsageError(
            "--where and --exclude-column are for backups of tables",
            hint="name the table with -t",
        )
    if require_migrations:
        raise UsageError(
            "--require-migrations is for backups of a whole database",
            hint="leave it out, or leave out -t",
        )
    # What only this needs: a backup of the whole database starts sooner without.
    from dbsnap.operations.backup_tables import backup_tables as take_tables  # noqa: PLC0415
    from dbsnap.operations.table_backup.plan import TableRequest  # noqa: PLC0415

    request = TableRequest(
        tables=tables,
        where=where,
        exclude_columns=exclude_columns,
        standing_exclusions=settings.excluded_columns,
        models=find_prisma_models(settings.project_root),
    )
    return partial(take_tables, request=request)


def _document(taken: Sequence[Backup], failed: Sequence[tuple[str, DbsnapError]]) -> Document:
    """Return ``id`` and ``file`` where there is one backup, and all of them under ``backups``."""
    findings = [finding for each in taken for finding in each.findings]
    findings += [Finding("damaged", f"target {name}", str(error)) for name, error in failed]
    status = error_status(failed[0][1]) if failed else "ok"
    backups = [
        {
            **record_summary(each.record),
            "selection": tables_documents(each.record),
            "file": str(each.dump),
            "migrations": each.migrations.as_json(),
        }
        for each in taken
    ]
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
    if record.selection:
        print_tables(screen, record)
    else:
        screen.tables(record.inventory, record)
    screen.findings(taken.findings)
    screen.commands(MARK_PURPOSE, taken.migrations.commands)
    whole = (
        f"[green]VERIFIED[/] {plain(record.source.server)}: {held(record.inventory)}; "
        "all that the snapshot holds is in the file"
    )
    screen.say(verified(record) if record.selection else whole, indent=2)
    screen.say(
        f"{plain(str(taken.dump))}  {decimal(record.dump.bytes)}, {record.duration_seconds:,.1f} s"
    )
    screen.say(f"restore it with:  dbsnap restore {plain(record.id + options)}")
    if record.selection:
        script = shlex.quote(str(taken.dump.parent / record.restore_script.file))
        screen.say(f"or without dbsnap: sh {plain(script)}")
