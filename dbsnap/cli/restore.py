"""``dbsnap restore``: the plan first, then, once it is confirmed, the restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dbsnap import config
from dbsnap.cli.command import command, confirmation_options
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.invocation import PlanShown, report_error
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.errors import ConfirmationNeeded
from dbsnap.operations.restore import restore as restore_backup
from dbsnap.operations.restore_plan import RestoreOptions
from dbsnap.report import not_compared

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.restore import Restored
    from dbsnap.operations.restore_plan import RestorePlan


@command(reaches_database=True)
@click.argument("file", metavar="FILE")
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
def restore(
    invocation: Invocation,
    file: str,
    target: str | None,
    *,
    dry_run: bool,
    yes: bool,
    confirmed: str | None,
    **options: Any,
) -> int:
    """Put a backup back: load it beside, compare, and only then swap.

    Example: dbsnap restore latest --dry-run
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_restore(settings, target))
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
                invocation.dump_file(settings, file),
                chosen.database,
                confirm=confirm,
                options=RestoreOptions(**options),
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
    return 0


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
    }


def _document(restored: Restored) -> Document:
    return document(
        "restore",
        "ok",
        restored.findings,
        plan=_plan_document(restored.plan),
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
    where = plan.filled if plan.way == "beside" else plan.database.name
    verdict = "[green]VERIFIED and restored[/]"
    if not_compared(restored.findings):
        verdict = "[yellow]COUNTED and restored[/]"
    screen.say(
        f"{verdict} {plain(where)}: {held(restored.inventory)}; {restored.duration_seconds:,.1f} s",
        indent=2,
    )
    if plan.kept:
        screen.say(f"the replaced database is kept as {plain(plan.kept)}")
        screen.say(f"put it back with:  dbsnap rollback{plain(options)}")
