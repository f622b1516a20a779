"""``dbsnap validate``: the guard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.filesize import decimal

from dbsnap.cli.command import command
from dbsnap.cli.documents import Document, counts, document
from dbsnap.cli.screen import held
from dbsnap.cli.terminal_text import plain
from dbsnap.operations.validate import validate as validate_dump

if TYPE_CHECKING:
    from dbsnap.cli.invocation import Invocation
    from dbsnap.cli.screen import Screen
    from dbsnap.operations.validate import Validated


@command(reaches_database=False)
@click.argument("file", metavar="FILE")
def validate(invocation: Invocation, file: str) -> int:
    """Check that a dump file is whole; needs no server.

    Example: dbsnap validate latest
    """
    with invocation.progress() as progress:
        dump = invocation.dump_file(invocation.settings, file)
        validated = validate_dump(dump, progress=progress)
    invocation.show(_document(validated), lambda: _print(invocation.screen, validated))
    return 0


def _document(validated: Validated) -> Document:
    return document(
        "validate",
        "ok",
        backup=validated.backup,
        file=str(validated.dump),
        has_record=validated.record is not None,
        server_version=validated.server_version,
        pg_dump_version=validated.pg_dump_version,
        bytes=validated.file_bytes,
        raw_bytes=validated.raw_bytes,
        sha256=validated.sha256,
        **counts(validated.inventory),
    )


def _print(screen: Screen, validated: Validated) -> None:
    """Print what a dump contains and the verdict."""
    screen.tables(validated.inventory)
    record = "as its record promises" if validated.record else "it has no record"
    screen.say(
        f"[green]WHOLE[/] {plain(validated.dump.name)}: {held(validated.inventory)}; {record}",
        indent=2,
    )
    screen.say(
        f"PostgreSQL {plain(validated.server_version)}, "
        f"pg_dump {plain(validated.pg_dump_version)}, {decimal(validated.file_bytes)}"
    )
    screen.say(f"sha256 {validated.sha256}")
