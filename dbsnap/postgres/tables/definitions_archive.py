"""The definitions of chosen objects, out of an archive that pg_dump writes of a snapshot.

The entries are chosen by the address of the object in the catalogue, which ``pg_restore --list``
prints, so that no name is ever matched with another. Entries without an address (comments, grants,
attachments of partitions) belong to the entries that they depend on (``pg_backup_archiver.c``,
``PrintTOCSummary``).
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.postgres.client import client_environment
from dbsnap.postgres.dump import BYTES_AS_HEX, PINNED_ENVIRONMENT
from dbsnap.postgres.tables.patterns import quoted_pattern
from dbsnap.postgres.tools import start

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.tables.dependencies import Address
    from dbsnap.postgres.url import Database

PATTERN_BYTES = 1 << 20
"""About how long all arguments may be that name relations: Linux takes 2 MB.

pg_dump asks the server once for each. For a single name the server uses an index (1 ms), for several it
compares each of its relations with them (10,000 tables, 200 names at once: 5 s).
"""

ARGUMENT_BYTES = 32
"""What an argument takes besides its name."""

_ENTRY = re.compile(r"(\d+); (\d+) (\d+) (.*)")
_DEPENDENCIES = re.compile(r";\s+depends on:((?: \d+)+)")
ATTACHMENTS = ("TABLE ATTACH ", "INDEX ATTACH ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive: its number, its object's address, what it is, what it depends on."""

    number: int
    address: Address
    title: str
    depends_on: frozenset[int]


@dataclass(frozen=True, slots=True)
class DefinitionsArchive:
    """A schema-only archive of pg_dump in the custom format, and the pg_restore that reads it."""

    path: Path
    pg_restore: Program

    def entries(self) -> list[Entry]:
        """Return its entries in the order in which they are restored."""
        listing = self._pg_restore("--list", "--verbose")
        return list(parse_listing(listing.decode("utf-8", "surrogateescape")))

    def text(self, entries: Iterable[Entry], *arguments: str) -> bytes:
        """Return the SQL of some entries, in their order, with header and trailer of a dump.

        The statements hold neither owners nor privileges.
        """
        return self._text(entries, "--no-owner", "--no-privileges", *arguments)

    def text_with_owners(self, entries: Iterable[Entry]) -> bytes:
        """Return the SQL of some entries with owners and privileges."""
        return self._text(entries)

    def _text(self, entries: Iterable[Entry], *arguments: str) -> bytes:
        listing = "".join(f"{entry.number};\n" for entry in entries)
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, suffix=".list") as chosen:
            chosen.write(listing)
            chosen.flush()
            return self._pg_restore(f"--use-list={chosen.name}", "--file=-", *arguments)

    def _pg_restore(self, *arguments: str) -> bytes:
        with tempfile.TemporaryFile() as output:
            command = [*arguments, str(self.path)]
            start(self.pg_restore.path, command, environment={}, stdout=output.fileno()).wait()
            output.seek(0)
            return output.read()


def write_archive(
    pg_dump: Program,
    database: Database,
    path: Path,
    *,
    snapshot: str,
    encoding: str,
    left_out: Sequence[tuple[str, str]],
    lock_wait_seconds: int,
) -> None:
    """Have pg_dump write the definitions of a snapshot into a new file, readable by its owner alone.

    ``left_out`` are relations, as schema and name, that pg_dump is not to look at: it neither locks
    them nor needs a right on them. Raises ToolFailed.
    """
    arguments = [
        "--format=custom",
        "--compress=0",
        "--schema-only",
        "--no-security-labels",
        "--no-publications",
        "--no-subscriptions",
        f"--snapshot={snapshot}",
        f"--encoding={encoding}",
        f"--lock-wait-timeout={lock_wait_seconds}s",
        "--no-password",
        *(f"--exclude-table={pattern}" for pattern in exact_patterns(left_out)),
    ]
    environment = {
        **client_environment(database, application="dbsnap pg_dump", options=BYTES_AS_HEX),
        **PINNED_ENVIRONMENT,
    }
    with path.open("xb") as output:
        path.chmod(0o600)
        start(pg_dump.path, arguments, environment=environment, stdout=output.fileno()).wait()


def exact_patterns(
    names: Collection[tuple[str, str]], most_bytes: int = PATTERN_BYTES
) -> Iterator[str]:
    """Yield patterns for pg_dump that together match exactly these relations.

    As many as can be are of one name, where together they are not to be longer than ``most_bytes``.
    """
    by_schema: dict[str, list[str]] = {}
    for schema, name in names:
        by_schema.setdefault(schema, []).append(quoted_pattern(name))
    length = sum(
        len(name.encode()) + len(schema.encode()) + ARGUMENT_BYTES for schema, name in names
    )
    together = 1 + length // most_bytes
    for schema, quoted in by_schema.items():
        for first in range(0, len(quoted), together):
            any_of = "|".join(quoted[first : first + together])
            yield f"{quoted_pattern(schema)}.{any_of if together == 1 else f'({any_of})'}"


def parse_listing(listing: str) -> Iterator[Entry]:
    """Read what ``pg_restore --list --verbose`` prints."""
    found: re.Match[str] | None = None
    for line in [*listing.split("\n"), "0; 0 0 END"]:
        if found is not None:
            listed = _DEPENDENCIES.match(line)
            numbers = frozenset(map(int, listed[1].split())) if listed else frozenset[int]()
            yield Entry(int(found[1]), (int(found[2]), int(found[3])), found[4], numbers)
        found = _ENTRY.match(line)


def chosen_entries(entries: Sequence[Entry], wanted: Collection[Address]) -> list[Entry]:
    """Return the entries of the wanted objects, and what belongs to those alone; pure.

    A partition is attached only where the table that it is a part of is wanted as well.
    """
    chosen = {entry.number for entry in entries if entry.address in wanted}
    numbers = {entry.number: entry for entry in entries}
    for entry in entries:
        if entry.address[0] != 0 or not entry.depends_on or not entry.depends_on <= chosen:
            continue
        tables = [n for n in entry.depends_on if numbers[n].title.startswith("TABLE ")]
        if not entry.title.startswith(ATTACHMENTS) or len(tables) >= 2:
            chosen.add(entry.number)
    # A base type needs the shell that was made for it first, which has no address either.
    needed = {n for number in chosen for n in numbers[number].depends_on if n in numbers}
    chosen |= {n for n in needed if numbers[n].title.startswith("SHELL TYPE ")}
    return [entry for entry in entries if entry.number in chosen]
