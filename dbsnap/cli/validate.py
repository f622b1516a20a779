"""``dbsnap validate``: the guard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.filesize import decimal

from dbsnap.cli.command import command, guard_options
from dbsnap.cli.completion import backup_names
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.dumpfile.guarding.rules import RULES
from dbsnap.operations.validate import validate as validate_dump
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.validate import Validated


@command(reaches_database=False)
@click.argument("file", metavar="FILE", shell_complete=backup_names)
@guard_options
def validate(invocation: Invocation, file: str, *, allow: tuple[str, ...], untrusted: bool) -> int:
    """Check that a dump file is whole and harmless; needs no server.

    Example: dbsnap validate latest
    """
    with invocation.progress() as progress:
        dump = invocation.dump_file(invocation.settings, file)
        validated = validate_dump(dump, allowed=allow, untrusted=untrusted, progress=progress)
    invocation.show(_document(validated), lambda: _print(invocation.screen, validated))
    return 0


def _document(validated: Validated) -> Document:
    return document(
        "validate",
        "ok",
        _findings(validated),
        backup=validated.backup,
        file=str(validated.dump),
        has_record=validated.record is not None,
        server_version=validated.server_version,
        pg_dump_version=validated.pg_dump_version,
        bytes=validated.file_bytes,
        raw_bytes=validated.raw_bytes,
        sha256=validated.sha256,
        languages=list(validated.languages),
        extensions=sorted(validated.inventory.of("extension")),
        rules=list(validated.rules),
        **counts(validated.inventory),
    )


def _findings(validated: Validated) -> list[Finding]:
    """Return what is to be known of a dump that nevertheless passes."""
    return [
        *(
            Finding("harmful", "dump", f"allowed: it {RULES[rule]} ({rule})", "note")
            for rule in validated.rules
        ),
        *(
            Finding(
                "advice",
                code.place,
                f"while it is loaded, {code.place} calls {code.function}",
                "warning",
            )
            for code in validated.code
        ),
    ]


def _print(screen: Screen, validated: Validated) -> None:
    """Print what a dump contains and the verdict."""
    screen.tables(validated.inventory)
    screen.findings(_findings(validated))
    if validated.code:
        screen.say("load it as a role that may do little:  dbsnap restore --as-role ROLE …")
    record = "as its record promises" if validated.record else "it has no record"
    verdict = "[green]WHOLE AND HARMLESS[/]" if not validated.rules else "[yellow]WHOLE[/]"
    screen.say(
        f"{verdict} {plain(validated.dump.name)}: {held(validated.inventory)}; {record}",
        indent=2,
    )
    screen.say(
        f"PostgreSQL {plain(validated.server_version)}, "
        f"pg_dump {plain(validated.pg_dump_version)}, {decimal(validated.file_bytes)}"
    )
    for title, names in (
        ("languages", validated.languages),
        ("extensions", sorted(validated.inventory.of("extension"))),
    ):
        if names:
            screen.say(f"{title} {plain(', '.join(names))}")
    screen.say(f"sha256 {validated.sha256}")
