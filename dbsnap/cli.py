"""The command line: one thin command per verb."""

from __future__ import annotations

import json
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import structlog

from dbsnap import __version__, config, documents
from dbsnap.errors import (
    ConfirmationNeeded,
    DbsnapError,
)
from dbsnap.invocation import (
    DIFFERENT,
    NOT_RUN,
    Invocation,
    PlanShown,
    ask_for_confirmation,
    exit_code,
    report_error,
    run_command_line,
)
from dbsnap.operations import catalogue
from dbsnap.operations.backup import Backup
from dbsnap.operations.backup import backup as take_backup
from dbsnap.operations.doctor import diagnose
from dbsnap.operations.restore import restore as restore_backup
from dbsnap.operations.restore_plan import RestoreOptions
from dbsnap.operations.rollback import rollback as roll_back
from dbsnap.operations.validate import validate as validate_dump
from dbsnap.operations.verify import verify as verify_backup
from dbsnap.tour import take_tour, tour_document

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbsnap.dumpfile.compression import Compression
    from dbsnap.operations.restore_plan import RestorePlan
    from dbsnap.operations.rollback import RollbackPlan


class Directory(click.Path):
    """A directory's path; an empty one is a variable that was not set, not the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail as click's own types do."""
        if value == "":
            self.fail("it is empty", param, ctx)
        return super().convert(value, param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dbsnap")
def commands() -> None:
    """Back up PostgreSQL with pg_dump, put it back with psql, and prove both.

    FILE is a path, a backup id, or `latest`. Exit codes: 0 done and verified, 1 failed, 2 wrong usage
    or no confirmation, 3 dump refused, 4 verification found a difference, 5 could not run,
    130 interrupted.
    """


def _command(*, reaches_database: bool) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function that takes an Invocation, with the options all commands have."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        name = function.__name__.rstrip("_")

        def invoke(
            directory: Path | None = None,
            url: str | None = None,
            compress: str | None = None,
            *,
            as_json: bool = False,
            **rest: Any,
        ) -> Any:
            flags = config.Flags(url=url, directory=directory, compress=compress)
            return function(Invocation(name, as_json, flags), **rest)

        decorated: Any = update_wrapper(invoke, function)
        options = [
            click.option(
                "--dir",
                "directory",
                type=Directory(path_type=Path, file_okay=False),
                help="Where backups live [env: DBSNAP_DIR; default: ./backups].",
            ),
            click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
        ]
        if reaches_database:
            options += [
                click.option("--url", help="Address of the database: postgresql://…"),
                click.option(
                    "--target",
                    help="A configured database: local, production, or one of dbsnap.toml.",
                ),
            ]
        for option in options:
            decorated = option(decorated)
        return commands.command(name)(decorated)

    return decorate


@_command(reaches_database=True)
@click.option("--reason", default="", help="Why this backup is taken; kept in its record.")
@click.option(
    "-Z",
    "--compress",
    type=click.Choice(config.COMPRESSIONS),
    help="How the dump is compressed [env: DBSNAP_COMPRESS; default: none].",
)
def backup(invocation: Invocation, target: str | None, reason: str) -> int:
    """Back up a whole database; prove that the dump holds all of it.

    Without --url, DATABASE_URL or --target every configured target is backed up, one after the other.

    Example: dbsnap backup --reason "before the migration"
    """
    settings = invocation.settings
    targets = config.targets_for_backup(settings, target)
    if len(targets) > 1:
        names = ", ".join(each.name for each in targets)
        structlog.get_logger("dbsnap").info(f"backing up every configured target: {names}")
    taken: list[Backup] = []
    failed: list[tuple[str, DbsnapError]] = []
    for each in targets:
        progress = invocation.screen.progress()
        try:
            taken.append(
                take_backup(
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
        finally:
            progress.done()
    invocation.show(
        documents.backups_document(taken, failed),
        lambda: invocation.screen.backups(taken, options=invocation.directory_option),
    )
    for name, problem in failed:
        structlog.get_logger("dbsnap").error(f"target {name} was not backed up")
        invocation.screen.error(problem)
    return exit_code(failed[0][1]) if failed else 0


@_command(reaches_database=True)
@click.argument("file", metavar="FILE")
@click.option(
    "--dry-run", is_flag=True, help="Check the backup and print the plan; change nothing."
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option(
    "--confirm", "confirmed", metavar="NAME", help="Confirm a protected database by its name."
)
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
    progress = invocation.screen.progress()
    planned: list[RestorePlan] = []

    def confirm(plan: RestorePlan) -> None:
        planned.append(plan)
        invocation.screen.plan(plan, to_stderr=invocation.asks_on_stderr)
        if dry_run:
            raise PlanShown
        changes_live = plan.way not in {"beside", "create"}
        ask_for_confirmation(
            invocation, chosen, protected=chosen.protected and changes_live, yes=yes, name=confirmed
        )

    try:
        restored = restore_backup(
            invocation.dump_file(settings, file),
            chosen.database,
            confirm=confirm,
            options=RestoreOptions(**options),
            pg_bin=settings.pg_bin,
            progress=progress,
        )
    except PlanShown:
        plan = documents.plan_document(planned[0])
        invocation.show(documents.document("restore", "ok", plan=plan), lambda: None)
        return 0
    except ConfirmationNeeded as error:
        return report_error(invocation, error, plan=documents.plan_document(planned[0]))
    finally:
        progress.done()
    invocation.show(
        documents.restored_document(restored),
        lambda: invocation.screen.restored(restored, options=invocation.target_option(target)),
    )
    return 0


@_command(reaches_database=True)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option(
    "--confirm", "confirmed", metavar="NAME", help="Confirm a protected database by its name."
)
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
        invocation.screen.rollback_plan(plan, to_stderr=invocation.asks_on_stderr)
        if dry_run:
            raise PlanShown
        ask_for_confirmation(
            invocation, chosen, protected=chosen.protected, yes=yes, name=confirmed
        )

    try:
        done = roll_back(chosen.database, confirm=confirm)
    except PlanShown:
        invocation.show(documents.rollback_document(planned[0], "ok"), lambda: None)
        return 0
    invocation.show(
        documents.rollback_document(done, "ok"), lambda: invocation.screen.rolled_back(done)
    )
    return 0


@_command(reaches_database=False)
@click.argument("file", metavar="FILE")
def validate(invocation: Invocation, file: str) -> int:
    """Check that a dump file is whole; needs no server.

    Example: dbsnap validate latest
    """
    progress = invocation.screen.progress()
    try:
        validated = validate_dump(
            invocation.dump_file(invocation.settings, file), progress=progress
        )
    finally:
        progress.done()
    invocation.show(
        documents.validated_document(validated), lambda: invocation.screen.validated(validated)
    )
    return 0


@_command(reaches_database=True)
@click.argument("file", metavar="[FILE]", default="latest")
def verify(invocation: Invocation, file: str, target: str | None) -> int:
    """Compare a backup with the live database; name every difference.

    Example: dbsnap verify latest --target local
    """
    settings = invocation.settings
    chosen = invocation.use(config.target_for_reading(settings, target))
    progress = invocation.screen.progress()
    try:
        verification = verify_backup(
            invocation.dump_file(settings, file),
            chosen.database,
            pg_bin=settings.pg_bin,
            progress=progress,
        )
    finally:
        progress.done()
    invocation.show(
        documents.verification_document(verification),
        lambda: invocation.screen.verification(verification),
    )
    return {"ok": 0, "different": DIFFERENT, "not-run": NOT_RUN}[verification.verdict]


@_command(reaches_database=False)
def list_(invocation: Invocation) -> int:
    """List the backups, oldest first.

    Example: dbsnap list --json
    """
    directory = invocation.settings.directory
    listed = catalogue.list_backups(directory)
    invocation.show(
        documents.list_document(listed), lambda: invocation.screen.listed(listed, directory)
    )
    return 0


@_command(reaches_database=False)
@click.argument("file", metavar="[FILE]", default="latest")
def show(invocation: Invocation, file: str) -> int:
    """Show what a backup holds, from its record.

    Example: dbsnap show latest
    """
    record = catalogue.show_backup(invocation.settings.directory, file)
    document = documents.document("show", "ok", **record.as_json())
    invocation.show(document, lambda: invocation.screen.record(record))
    return 0


@_command(reaches_database=False)
@click.argument("older", metavar="A")
@click.argument("newer", metavar="[B]", default="latest")
def diff(invocation: Invocation, older: str, newer: str) -> int:
    """Say what changed from backup A to backup B, from their records.

    Example: dbsnap diff backup_20260124_103000_app latest
    """
    directory = invocation.settings.directory
    before, after, findings = catalogue.diff_backups(directory, older, newer)
    document = documents.document(
        "diff", "different" if findings else "ok", findings, older=before.id, newer=after.id
    )
    invocation.show(document, lambda: invocation.screen.differences(before, after, findings))
    return 0


@_command(reaches_database=True)
def doctor(invocation: Invocation, target: str | None) -> int:
    """Say what this machine and this database would need.

    Every pg_dump and psql found is listed, which one was chosen, and why.

    Example: dbsnap doctor --target production
    """
    settings = invocation.settings
    configured = settings.targets or settings.unreadable or target
    database = (
        invocation.use(config.target_for_reading(settings, target)).database if configured else None
    )
    diagnosis = diagnose(database, settings.directory, pg_bin=settings.pg_bin)
    invocation.show(
        documents.diagnosis_document(diagnosis), lambda: invocation.screen.diagnosis(diagnosis)
    )
    return 0 if diagnosis.healthy else 5


@_command(reaches_database=False)
def demo(invocation: Invocation) -> int:
    """Take the whole tour on a throw-away PostgreSQL with sample data.

    Example: dbsnap demo
    """
    if invocation.as_json:
        document, code = tour_document(run)
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return code
    return take_tour(run, invocation.screen)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no exception leaves here."""
    return run_command_line(commands, arguments)
