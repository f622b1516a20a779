"""``dbsnap restore``: the plan first, then, once it is confirmed, the restore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from dbsnap import config
from dbsnap.cli.command import (
    command,
    confirmation_options,
    guard_options,
    jobs_option,
    migrations_option,
)
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.invocation import DIFFERENT, PlanShown, report_error
from dbsnap.cli.restore_tables import OPTIONS, concerns_tables, restore_some_tables, table_options
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.errors import ConfirmationNeeded
from dbsnap.operations.migrations import MARK_PURPOSE, read_project
from dbsnap.operations.restore import restore as restore_backup
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.report import errors_in, not_compared

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.restore import Restored
    from dbsnap.operations.restoring.plan import RestorePlan


@command(reaches_database=True)
@click.argument("file", metavar="FILE", shell_complete=backup_names)
@click.option(
    "--dry-run", is_flag=True, help="Check the backup and print the plan; change nothing."
)
@confirmation_options
@click.option("--to", metavar="DBNAME", help="Restore into a new database and swap nothing.")
@click.option("--in-place", is_flag=True, help="One verified transaction; needs no CREATEDB.")
@click.option("--drop-old", is_flag=True, help="Do not keep the replaced database.")
@click.option(
    "--privileges",
    type=click.Choice(["auto", "none", "require"]),
    default="auto",
    show_default=True,
    help="Restore owners and grants: where the roles exist, not at all, or all of them.",
)
@table_options
@guard_options
@click.option(
    "--as-role",
    metavar="ROLE",
    help="Let this role load the dump [password: DBSNAP_AS_ROLE_PASSWORD or a passfile].",
)
@jobs_option
@migrations_option
def restore(
    invocation: Invocation,
    file: str,
    target: str | None,
    *,
    dry_run: bool,
    yes: bool,
    confirmed: str | None,
    require_migrations: bool,
    **options: Any,
) -> int:
    """Put a backup back: load it beside, compare, and only then swap.

    Tables of a table backup, and those named with --only, are put back into the live database, in one
    transaction that compares them with the backup before it commits.

    Example: dbsnap restore latest --dry-run

    Example: dbsnap restore latest --only mods --mode replace --dry-run
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_restore(settings, target))
    dump = invocation.dump_file(settings, file)
    if concerns_tables(dump, {**options, "require_migrations": require_migrations}):
        return restore_some_tables(
            invocation,
            dump,
            chosen,
            same_target=invocation.target_option(target),
            dry_run=dry_run,
            yes=yes,
            confirmed=confirmed,
            options=options,
        )
    options = {name: value for name, value in options.items() if name not in OPTIONS}
    migrations = read_project(
        settings.project_root, settings.prisma_migrations, required=require_migrations
    )
    planned: list[RestorePlan] = []

    def confirm(plan: RestorePlan) -> None:
        planned.append(plan)
        _print_plan(invocation.screen, plan, to_stderr=invocation.asks_on_stderr)
        if dry_run:
            raise PlanShown
        changes_live = plan.way not in {"beside", "create"}
        invocation.ask_for_confirmation(
            chosen, protected=chosen.protected and changes_live, yes=yes, name=confirmed
        )

    try:
        with invocation.progress() as progress:
            restored = restore_backup(
                dump,
                chosen.database,
                confirm=confirm,
                options=RestoreOptions(
                    as_role_password=os.environ.get("DBSNAP_AS_ROLE_PASSWORD"),
                    migrations=migrations,
                    jobs=settings.jobs,
                    **options,
                ),
                pg_bin=settings.pg_bin,
                progress=progress,
            )
    except PlanShown:
        shown = document("restore", "ok", plan=_plan_document(planned[0]))
        invocation.show(shown, lambda: None)
        return 0
    except ConfirmationNeeded as error:
        return report_error(invocation, error, plan=_plan_document(planned[0]))
    invocation.show(
        _document(restored),
        lambda: _print(invocation.screen, restored, options=invocation.target_option(target)),
    )
    return DIFFERENT if errors_in(restored.findings) else 0


def _plan_document(plan: RestorePlan) -> Document:
    return {
        "way": plan.way,
        "backup": plan.backup,
        "source": plan.source,
        "database": plan.database.name,
        "server": plan.database.label,
        "filled": plan.filled,
        "kept": plan.kept,
        "tables": plan.tables,
        "rows": plan.rows,
        "sessions": plan.sessions,
        "steps": plan.steps(),
        "notes": list(plan.notes),
        "migrations": plan.migrations.as_json(),
    }


def _document(restored: Restored) -> Document:
    return document(
        "restore",
        "different" if errors_in(restored.findings) else "ok",
        restored.findings,
        migrations=restored.migrations.as_json(),
        plan=_plan_document(restored.plan),
        verified_against="record" if restored.plan.created_at else "dump",
        duration_seconds=round(restored.duration_seconds, 3),
        **counts(restored.inventory),
    )


def _print_plan(screen: Screen, plan: RestorePlan, *, to_stderr: bool) -> None:
    taken = f", taken {plain(plan.created_at)}" if plan.created_at else ""
    heading = f"[bold]Plan[/] ({plain(plan.source)}{taken}):"
    screen.plan(heading, steps=plan.steps(), notes=plan.notes, to_stderr=to_stderr)


def _print(screen: Screen, restored: Restored, *, options: str) -> None:
    """Print what was verified, how long it took, and the way back with the same ``options``."""
    plan = restored.plan
    screen.tables(restored.inventory)
    screen.findings(restored.findings)
    screen.commands(MARK_PURPOSE, restored.migrations.commands)
    where = plan.filled if plan.way == "beside" else plan.database.name
    verdict = "[green]VERIFIED and restored[/]"
    if not plan.created_at:
        verdict = "[yellow]RESTORED as the file says, which has no record:[/]"
    if not_compared(restored.findings):
        verdict = "[yellow]COUNTED and restored[/]"
    screen.say(
        f"{verdict} {plain(where)}: {held(restored.inventory)}; {restored.duration_seconds:,.1f} s",
        indent=2,
    )
    if plan.kept:
        screen.say(f"the replaced database is kept as {plain(plan.kept)}")
        screen.say(f"put it back with:  dbsnap rollback{plain(options)}")
