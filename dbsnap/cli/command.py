"""The group of all commands, and what makes a function one of them."""

from __future__ import annotations

from functools import update_wrapper
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dbsnap import config
from dbsnap.cli.completion import target_names
from dbsnap.cli.invocation import Invocation
from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Directory(click.Path):
    """A directory's path; an empty one is a variable that was not set, not the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail as click's own types do."""
        if value == "":
            self.fail("it is empty", param, ctx)
        return super().convert(value, param, ctx)


class Verbs(click.Group):
    """The group of all commands. A verb's module is imported when the verb is asked for.

    ``modules`` says which that is; importing it adds the command.
    """

    modules: Mapping[str, str]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all verbs."""
        return sorted(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one verb's command, or None where there is none of the name."""
        if cmd_name in self.modules:
            import_module(self.modules[cmd_name])
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, prog_name="dbsnap")
def commands() -> None:
    """Back up PostgreSQL with pg_dump, put it back with psql, and prove both.

    FILE is a path, a backup id, or `latest`. Exit codes: 0 done and verified, 1 failed, 2 wrong usage
    or no confirmation, 3 dump refused, 4 verification found a difference, 5 could not run,
    130 interrupted.
    """


def command(*, reaches_database: bool) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function that takes an Invocation, with the options all commands have.

    The command goes by the function's name; a ``_`` at its end, as in ``list_``, is no part of it.
    The function returns the exit code. One that ``reaches_database`` has ``--url``, which goes into
    the settings, and ``--target``, which the function takes as ``target``; ``--compress``,
    ``--jobs`` and ``--max-rate``, where a command declares them, go into the settings too.
    """

    def decorate(function: Callable[..., Any]) -> click.Command:
        name = function.__name__.rstrip("_")

        def invoke(
            directory: Path | None = None,
            url: str | None = None,
            compress: str | None = None,
            jobs: int | None = None,
            max_rate: str | None = None,
            *,
            as_json: bool = False,
            **rest: Any,
        ) -> Any:
            flags = config.Flags(
                url=url, directory=directory, compress=compress, jobs=jobs, max_rate=max_rate
            )
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
                    shell_complete=target_names,
                    help="A configured database: local, production, or one of dbsnap.toml.",
                ),
            ]
        for option in options:
            decorated = option(decorated)
        return commands.command(name)(decorated)

    return decorate


def confirmation_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what ``Invocation.ask_for_confirmation`` wants to know: ``yes`` and ``confirmed``."""
    confirm = click.option(
        "--confirm", "confirmed", metavar="NAME", help="Confirm a protected database by its name."
    )
    yes = click.option("--yes", is_flag=True, help="Do it without asking.")
    return yes(confirm(function))


def guard_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add how the guard is to treat the dump: ``allow`` and ``untrusted``."""
    allow = click.option(
        "--allow",
        multiple=True,
        type=click.Choice(sorted(RULES)),
        metavar="RULE",
        help="Let the dump break this rule of the guard, which a refusal names; repeatable.",
    )
    untrusted = click.option(
        "--untrusted", is_flag=True, help="Hold the dump to all rules, whatever its record says."
    )
    return allow(untrusted(function))


def jobs_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add how many processes may work side by side: ``Settings.jobs``."""
    option = click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1, max=9999),
        metavar="N",
        help="How many processes work side by side [env: DBSNAP_JOBS; default: processors].",
    )
    return option(function)


def migrations_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add whether Prisma's migrations must be in order: ``require_migrations``."""
    option = click.option(
        "--require-migrations",
        is_flag=True,
        help="Fail (exit 4) where a Prisma migration failed, is pending, was edited, or is not here.",
    )
    return option(function)
