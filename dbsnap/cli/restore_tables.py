"""``dbsnap restore`` of tables: out of a table backup, or with ``--only`` out of any."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any, cast

import click

from dbsnap.archive.storage import find_record
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import PlanShown, report_error
from dbsnap.cli.terminal_text import counted, plain
from dbsnap.errors import ConfirmationNeeded, OperationFailed, UsageError
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.restore_tables import restore_tables
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.operations.table_restore.plan import TableRestoreOptions
from dbsnap.operations.table_restore.source import holds_export
from dbsnap.prisma.models import find_prisma_models

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.config import Settings, Target
    from dbsnap.dumpfile.compression import Compression
    from dbsnap.operations.recording import Backup
    from dbsnap.operations.restore_tables import RestoredTables
    from dbsnap.operations.table_restore.plan import TablesPlan
    from dbsnap.operations.table_restore.safety import Save

LOCK_SECONDS = 10.0

OPTIONS = {
    "mode": "--mode",
    "only": "--only",
    "where": "--where",
    "ignore_columns": "--ignore-columns",
    "fills": "--fill",
    "no_safety_backup": "--no-safety-backup",
    "lock_timeout": "--lock-timeout",
}
WHOLE = {
    "in_place": "--in-place",
    "drop_old": "--drop-old",
    "as_role": "--as-role",
    "require_migrations": "--require-migrations",
    "to": "--to",
}
"""Options that are for one kind of restore alone, by the names click gives them."""


def table_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a restore of tables."""
    options = [
        click.option(
            "--mode",
            type=click.Choice(["upsert", "replace", "insert"]),
            help="Of tables: bring the backup's rows back and keep those added since [default]; "
            "make the table, or what its filter selects, exactly the backup's; or add missing rows.",
        ),
        click.option(
            "--only",
            metavar="TABLE",
            multiple=True,
            help="Only this table, out of any backup; repeatable.",
        ),
        click.option(
            "--where",
            metavar="SQL",
            multiple=True,
            help="Only these rows of the table; of one of several: TABLE=SQL.",
        ),
        click.option(
            "--ignore-columns",
            metavar="C,…",
            multiple=True,
            help="Leave these columns of the live table as they are.",
        ),
        click.option(
            "--fill",
            "fills",
            metavar="T.C=VALUE",
            multiple=True,
            help="The value of a column that the backup does not have, in inserted rows.",
        ),
        click.option(
            "--no-safety-backup",
            is_flag=True,
            help="Do not back up the rows of tables that will change or go.",
        ),
        click.option(
            "--lock-timeout",
            type=click.FloatRange(min=0.001),
            metavar="SECONDS",
            help=f"How long to wait for a lock on a table [default: {LOCK_SECONDS:g}].",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def concerns_tables(dump: Path, options: dict[str, Any]) -> bool:
    """Return whether a restore is one of tables; raise UsageError where the options contradict it.

    That of an export always is, and that of a table backup but for one into a new database: its file
    makes one of its own.
    """
    selected = bool(options["only"]) or holds_export(dump)
    if not selected and options["to"] is None:
        record = find_record(dump)
        selected = bool(record and record.selection)
    wrong = [
        flag
        for name, flag in (WHOLE if selected else OPTIONS).items()
        if options[name] not in {None, False, ()}
    ]
    if wrong:
        kind = "a restore of a whole database" if selected else "a restore of tables"
        hint = "name a table of the backup with --only"
        if selected:
            hint = "leave it out; tables go into another database with its --url"
        elif options["to"] is not None:
            hint = "leave it out: --to makes a database of all that the backup holds"
        raise UsageError(f"{', '.join(wrong)} can only be used with {kind}", hint=hint)
    return selected


def restore_some_tables(
    invocation: Invocation,
    dump: Path,
    chosen: Target,
    *,
    same_target: str,
    dry_run: bool,
    yes: bool,
    confirmed: str | None,
    options: dict[str, Any],
) -> int:
    """Restore tables: print the plan, ask, restore, and print the way back to ``same_target``."""
    settings = invocation.settings
    planned: list[TablesPlan] = []

    def show(plan: TablesPlan) -> None:
        planned.append(plan)
        _print_plan(invocation.screen, plan, to_stderr=invocation.asks_on_stderr)

    def confirm(_plan: TablesPlan) -> None:
        if dry_run:
            raise PlanShown
        if invocation.at_terminal and not yes:
            waiting = "until you answer, others can read these tables but wait to change them"
            invocation.screen.say(waiting, to_stderr=True)
        invocation.ask_for_confirmation(chosen, protected=chosen.protected, yes=yes, name=confirmed)

    try:
        with invocation.progress() as progress:
            restored = restore_tables(
                dump,
                chosen.database,
                show=show,
                confirm=confirm,
                save=None if options["no_safety_backup"] else _saving(settings, chosen, options),
                options=_options(settings, options),
                progress=progress,
            )
    except PlanShown:
        invocation.show(document("restore", "ok", plan=planned[0].as_json()), lambda: None)
        return 0
    except (ConfirmationNeeded, OperationFailed) as error:
        plans = {"plan": planned[0].as_json()} if planned else {}
        return report_error(invocation, error, **plans)
    invocation.show(
        _document(restored),
        lambda: _print(
            invocation.screen,
            restored,
            options=invocation.directory_option + same_target,
        ),
    )
    return 0


def _options(settings: Settings, options: dict[str, Any]) -> TableRestoreOptions:
    return TableRestoreOptions(
        mode=options["mode"] or "upsert",
        only=options["only"],
        where=options["where"],
        ignore_columns=options["ignore_columns"],
        fills=options["fills"],
        lock_timeout_seconds=options["lock_timeout"] or LOCK_SECONDS,
        standing_exclusions=settings.excluded_columns,
        models=tuple(find_prisma_models(settings.project_root)),
        allow=options["allow"],
        untrusted=options["untrusted"],
    )


def _saving(settings: Settings, target: Target, options: dict[str, Any]) -> Save:
    models = find_prisma_models(settings.project_root)  # standing rules may name tables by them

    def save(tables: Sequence[str], where: Sequence[str], restored: str) -> Backup:
        return backup_tables(
            target.database,
            TableRequest(
                tables,
                where,
                standing_exclusions=settings.excluded_columns,
                models=models,
            ),
            target=target.name,
            directory=settings.directory,
            compression=cast("Compression", settings.compress),
            reason=f"before restore of {restored}",
            undoes=restored,
            pg_bin=settings.pg_bin,
            lock_wait_seconds=math.ceil(options["lock_timeout"] or LOCK_SECONDS),
        )

    return save


def undo_command(restored: RestoredTables) -> str:
    """Return the command that takes a restore back; "" where there is nothing that could."""
    if restored.safety is None:
        return ""
    return f"dbsnap restore {shlex.quote(restored.safety.id)} --mode replace"


def _document(restored: RestoredTables) -> Document:
    return document(
        "restore",
        "ok",
        plan=restored.plan.as_json(),
        safety_backup=restored.safety.id if restored.safety else None,
        undo=undo_command(restored),
        duration_seconds=round(restored.duration_seconds, 3),
    )


def _print_plan(screen: Screen, plan: TablesPlan, *, to_stderr: bool) -> None:
    taken = f", taken {plain(plan.created_at)}" if plan.created_at else ""
    screen.say(
        f"[bold]Plan[/] for {plain(plan.database)} ({plain(plan.source)}{taken}):",
        to_stderr=to_stderr,
    )
    for number, (heading, *details) in enumerate(plan.sentences(), start=1):
        screen.say(f"  {number}. {plain(heading)}", indent=5, to_stderr=to_stderr)
        for detail in details:
            screen.say(f"     {plain(detail)}", indent=7, to_stderr=to_stderr)
    for note in plan.notes:
        screen.say(f"  [yellow]![/] {plain(note)}", indent=4, to_stderr=to_stderr)
    for problem in plan.problems:
        screen.say(f"  [red]✗[/] {plain(problem.message)}", indent=4, to_stderr=to_stderr)


def _print(screen: Screen, restored: RestoredTables, *, options: str) -> None:
    """Print what was done to each table, and the way back with the same ``options``."""
    plan = restored.plan
    if not plan.changes_anything:
        screen.say("nothing was changed: the rows are there as the backup has them")
        return
    for table in plan.tables:
        screen.say(
            f"[green]VERIFIED and restored[/] {plain(table.table)}: "
            f"{table.inserted.count:,} inserted, {table.updated.count:,} updated, "
            f"{table.deleted.count:,} deleted, {table.unchanged:,} unchanged",
            indent=2,
        )
    for effect in plan.effects:
        done = "deleted" if effect.deleted else "changed"
        screen.say(
            f"{plain(effect.table)}: {counted(effect.rows.count, 'row')} {done} by "
            f"{plain(effect.foreign_key)}",
            indent=2,
        )
    screen.say(f"{restored.duration_seconds:,.1f} s")
    if restored.safety is not None:
        for note in restored.safety.notes:
            screen.say(f"[yellow]![/] {plain(note)}", indent=2)
        screen.say(f"undo it with:  {plain(undo_command(restored) + options)}")
