"""``dbsnap rollback``: the way back from the last restore, planned and confirmed as that was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dbsnap import config
from dbsnap.cli.command import command, confirmation_options
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import PlanShown
from dbsnap.cli.terminal_text import plain
from dbsnap.operations.rollback import rollback as roll_back

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.rollback import RollbackPlan


@command(reaches_database=True)
@confirmation_options
@click.option("--dry-run", is_flag=True, help="Say what would be put back; change nothing.")
def rollback(
    invocation: Invocation, target: str | None, *, yes: bool, confirmed: str | None, dry_run: bool
) -> int:
    """Put back the database that the last restore replaced.

    Example: dbsnap rollback --yes
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_restore(settings, target))
    planned: list[RollbackPlan] = []

    def confirm(plan: RollbackPlan) -> None:
        planned.append(plan)
        _print_plan(invocation.screen, plan, to_stderr=invocation.asks_on_stderr)
        if dry_run:
            raise PlanShown
        invocation.ask_for_confirmation(chosen, protected=chosen.protected, yes=yes, name=confirmed)

    try:
        done = roll_back(chosen.database, confirm=confirm)
    except PlanShown:
        invocation.show(_document(planned[0]), lambda: None)
        return 0
    invocation.show(_document(done), lambda: _print(invocation.screen, done))
    return 0


def _document(plan: RollbackPlan) -> Document:
    return document(
        "rollback", "ok", database=plan.database.name, restored=plan.restored, kept=plan.kept
    )


def _print_plan(screen: Screen, plan: RollbackPlan, *, to_stderr: bool) -> None:
    name = plain(plan.database.name)
    screen.plan(f"[bold]Plan[/]: {plain(plan.restored)} becomes {name}", to_stderr=to_stderr)
    if plan.kept:
        kept = f"  the present {name} is kept as {plain(plan.kept)}"
        screen.say(kept, indent=2, to_stderr=to_stderr)


def _print(screen: Screen, plan: RollbackPlan) -> None:
    """Print what is where now."""
    name = plain(plan.database.name)
    screen.say(f"[green]rolled back[/]: {name} is again what was {plain(plan.restored)}")
    if plan.kept:
        screen.say(f"what it replaced is kept as {plain(plan.kept)}")
