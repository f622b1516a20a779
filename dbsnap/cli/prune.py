"""``dbsnap prune``, ``pin`` and ``unpin``: which backups stay."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click
from rich.filesize import decimal

from dbsnap import config
from dbsnap.cli.command import command, confirmation_options
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, document
from dbsnap.cli.invocation import PlanShown
from dbsnap.cli.terminal_text import counted, plain
from dbsnap.operations import pin as pins
from dbsnap.operations.prune import prune as prune_backups
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.archive.retention import Decision
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.pin import Pinning
    from dbsnap.operations.prune import Pruned, PrunePlan

RULES = {
    "keep-days": "Keep all of the last N days.",
    "keep-per-table": "Keep the newest N of each table and database.",
    "keep-daily": "Keep the newest of each of the last N days that have one.",
    "keep-weekly": "The same for weeks.",
    "keep-monthly": "The same for months.",
    "keep-yearly": "The same for years.",
}
NO_RULE = "no rule says what to keep, so nothing is removed"
EXAMPLE = "for example: dbsnap prune --keep-days 30 --keep-per-table 5"


def _rule_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for name, what in reversed(RULES.items()):
        number = click.IntRange(min=1)
        function = click.option(f"--{name}", type=number, metavar="N", help=what)(function)
    return function


@command(reaches_database=True)
@_rule_options
@confirmation_options
@click.option("--dry-run", is_flag=True, help="Remove nothing: what is done without --yes.")
def prune(
    invocation: Invocation,
    target: str | None,
    *,
    yes: bool,
    confirmed: str | None,
    dry_run: bool,
    **rules: int | None,
) -> int:
    """Remove the backups that no rule keeps.

    Without --yes it is only said which.

    A backup stays if any rule keeps it. Rules come from here and from [retention] of dbsnap.toml. What
    is pinned stays, and so does the newest verified backup of each table and database. With --target
    or --url the databases that restores replaced (NAME_before_…) go too, by --keep-days.

    Example: dbsnap prune --keep-days 30 --keep-per-table 5
    """
    settings = invocation.settings
    given = target is not None or invocation.flags.url is not None
    chosen = invocation.use(config.target_for_restore(settings, target)) if given else None
    policy = replace(
        settings.retention, **{name: count for name, count in rules.items() if count is not None}
    )
    shown: list[PrunePlan] = []

    def confirm(plan: PrunePlan) -> None:
        shown.append(plan)
        if dry_run or not (yes or confirmed):
            raise PlanShown
        if chosen is not None and any(decision.removed for decision in plan.databases):
            invocation.ask_for_confirmation(
                chosen, protected=chosen.protected, yes=yes, name=confirmed
            )

    try:
        pruned = prune_backups(
            settings.directory,
            policy,
            confirm=confirm,
            database=chosen.database if chosen else None,
        )
    except PlanShown:
        invocation.show(_document(shown[0], None), lambda: _print_plan(invocation.screen, shown[0]))
        return 0
    invocation.show(_document(shown[0], pruned), lambda: _print(invocation.screen, pruned))
    return 0


@command(reaches_database=False)
@click.argument("file", metavar="FILE", shell_complete=backup_names)
def pin(invocation: Invocation, file: str) -> int:
    """Keep a backup for good: prune never removes it.

    Example: dbsnap pin latest
    """
    return _show(invocation, pins.pin(invocation.settings.directory, file))


@command(reaches_database=False)
@click.argument("file", metavar="FILE", shell_complete=backup_names)
def unpin(invocation: Invocation, file: str) -> int:
    """Leave a pinned backup to the rules of prune again.

    Example: dbsnap unpin latest
    """
    return _show(invocation, pins.unpin(invocation.settings.directory, file))


def _show(invocation: Invocation, pinning: Pinning) -> int:
    text = f"{plain(pinning.id)} is {'pinned' if pinning.pinned else 'not pinned'}"
    text += "" if pinning.changed else ", as it was before"
    invocation.show(
        document(invocation.command, "ok", **asdict(pinning)),
        lambda: invocation.screen.say(text),
    )
    return 0


def _document(plan: PrunePlan, pruned: Pruned | None) -> Document:
    rules = plan.policy.rules()
    findings = [] if rules else [Finding("advice", "retention", NO_RULE, "warning")]
    gone = {*pruned.backups, *pruned.databases} if pruned else set()
    return document(
        "prune",
        "ok",
        findings,
        applied=pruned is not None,
        rules=rules,
        backups=[_decision_document(decision) for decision in plan.backups],
        databases=[_decision_document(decision) for decision in plan.databases],
        removed=[decision.id for decision in plan.removed if decision.id in gone],
        removed_bytes=sum(decision.bytes for decision in plan.removed if decision.id in gone),
    )


def _decision_document(decision: Decision) -> Document:
    return {
        "id": decision.id,
        "action": "remove" if decision.removed else "keep",
        "reasons": list(decision.reasons),
        "bytes": decision.bytes,
    }


def _print_plan(screen: Screen, plan: PrunePlan) -> None:
    """Print every decision with its reasons, and how to go on."""
    if not plan.policy.rules():
        screen.say(f"{NO_RULE}; {EXAMPLE}")
        return
    for decision in (*plan.backups, *plan.databases):
        mark = "[red]remove[/]" if decision.removed else "[green]keep[/]  "
        reasons = plain("; ".join(decision.reasons))
        screen.say(f"{mark} {plain(decision.id)}  {reasons}", indent=7)
    count = len(plan.backups) + len(plan.databases)
    size = decimal(sum(decision.bytes for decision in plan.removed))
    if plan.removed:
        screen.say(
            f"{len(plan.removed):,} of {count:,} would go ({size}); nothing was removed: "
            "repeat it with --yes"
        )
    else:
        screen.say(f"nothing to remove: {count:,} kept")


def _print(screen: Screen, pruned: Pruned) -> None:
    gone = {*pruned.backups, *pruned.databases}
    if not pruned.plan.policy.rules():
        screen.say(f"{NO_RULE}; {EXAMPLE}")
    for decision in pruned.plan.removed:
        if decision.id in gone:
            screen.say(f"[red]removed[/] {plain(decision.id)}  {'; '.join(decision.reasons)}")
        else:
            screen.say(f"[green]kept[/] {plain(decision.id)}  pinned or needed meanwhile")
    size = decimal(sum(decision.bytes for decision in pruned.plan.removed if decision.id in gone))
    what = [
        counted(len(names), noun)
        for names, noun in ((pruned.backups, "backup"), (pruned.databases, "database"))
        if names
    ]
    screen.say(f"removed {' and '.join(what) or 'nothing'}, {size}")
