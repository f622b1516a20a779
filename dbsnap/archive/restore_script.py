"""The restore script beside a dump: POSIX shell that needs psql, and no dbsnap.

Whatever is put into the script is quoted for the place where it stands: as a word of the shell, as a
constant of SQL within a quoted here-document, or as text to be read, on one line.
"""

from __future__ import annotations

import re
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, Literal

from dbsnap.inventory import split_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbsnap.archive.record import Source
    from dbsnap.inventory import Inventory

UNPACK = {"none": "cat", "gzip": "gzip -d -c", "zstd": "zstd -q -d -c"}
PROGRAMS = {"none": "", "gzip": "gzip", "zstd": "zstd"}

TAKEN = re.compile(r"backup_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_")
PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")

SPECIAL_CHARACTERS = re.compile(r"[\\\x01-\x1f\x7f]")
"""What cannot stand in an SQL constant on one line without an escape."""

NOTHING_EXPECTED = "    (NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::boolean)"
"""The first row, which says the types: VALUES needs one even where there is nothing to compare."""


def render_restore_script(
    *,
    backup_id: str,
    dump_file: str,
    dump_sha256: str,
    compression: Literal["none", "gzip", "zstd"],
    source: Source,
    inventory: Inventory,
) -> str:
    """Return the text of the script that restores one dump into a new database with psql alone.

    It compares exact rows of each table whose rows ``inventory`` knows, and the value of each sequence.
    ``dump_file`` is a name in the script's own directory. No name, however hostile, is read as shell,
    SQL or a command of psql. Pure; the script itself holds what it does and its exit statuses.
    """
    values = {
        "SHOWN_ID": one_line(backup_id),
        "SHOWN_FILE": one_line(dump_file),
        "SHOWN_DATABASE": one_line(source.database),
        "SHOWN_VERSION": one_line(source.server_version),
        "TAKEN": taken_at(backup_id),
        "NEEDS": f" {PROGRAMS[compression]}" if PROGRAMS[compression] else "",
        "BACKUP_ID": shell_word(backup_id),
        "DUMP_FILE": shell_word(dump_file),
        "DUMP_SHA256": shell_word(dump_sha256),
        "DUMP_MAJOR": str(_major(source, inventory)),
        "DATABASE": shell_word(source.database),
        "ENCODING": shell_word(source.encoding),
        "COLLATE": shell_word(source.collate),
        "CTYPE": shell_word(source.ctype),
        "CONTENTS": shell_word(_contents(inventory)),
        "UNPACK": UNPACK[compression],
        "PROGRAMS": PROGRAMS[compression],
        "EXPECTED": ",\n".join([NOTHING_EXPECTED, *_expected(inventory)]),
    }
    return render("restore_template.sh", values)


def render(template: str, values: Mapping[str, str]) -> str:
    """Return a template of this package with its placeholders filled, and what all scripts share."""
    folder = resources.files("dbsnap.archive")
    text = (folder / template).read_text("utf-8")
    text = text.replace("@COMMON@\n", (folder / "restore_common.sh").read_text("utf-8") + "\n")
    # In one pass, so that a name that looks like a placeholder stays a name.
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)


def shell_word(text: str) -> str:
    """Return a string as one word of a POSIX shell, which means nothing but itself."""
    return "'" + text.replace("'", "'\\''") + "'"


def sql_constant(text: str) -> str:
    """Return a string as an SQL constant on one line, under any ``standard_conforming_strings``."""
    quoted = text.replace("'", "''")
    if not SPECIAL_CHARACTERS.search(quoted):
        return f"'{quoted}'"
    return "E'" + SPECIAL_CHARACTERS.sub(lambda match: f"\\x{ord(match[0]):02x}", quoted) + "'"


def one_line(text: str) -> str:
    """Return a string to be read in a comment: what could break or disguise a line is escaped."""
    return "".join(
        character
        if character == " " or unicodedata.category(character)[0] not in "CZ"
        else f"\\u{ord(character):04x}"
        for character in text
    )


def taken_at(backup_id: str) -> str:
    """Return when a backup was taken, as its id says it."""
    found = TAKEN.match(backup_id)
    if found is None:
        return "Taken by dbsnap"
    year, month, day, hour, minute, second = found.groups()
    return f"Taken by dbsnap at {year}-{month}-{day} {hour}:{minute}:{second} UTC"


def _major(source: Source, inventory: Inventory) -> int:
    if inventory.server_version:
        return inventory.server_version // 10000
    stated = re.match(r"\d+", source.server_version)
    return int(stated[0]) if stated else 0


def _contents(inventory: Inventory) -> str:
    return (
        f"{_count(len(inventory.of('table')), 'table')}, "
        f"{_count(inventory.total_rows(), 'row')}, "
        f"{_count(len(inventory.of('sequence')), 'sequence')}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _expected(inventory: Inventory) -> Iterator[str]:
    """Yield a row of VALUES for each table and sequence, with its kind as in ``pg_class.relkind``."""
    for name, facts in sorted(inventory.of("table").items()):
        if facts.get("rows") is not None:
            yield f"    ('r', {_name_constants(name)}, {int(facts['rows'])}, NULL)"
    for name, facts in sorted(inventory.of("sequence").items()):
        if facts.get("last_value") is not None:
            called = "true" if facts["is_called"] else "false"
            yield f"    ('S', {_name_constants(name)}, {int(facts['last_value'])}, {called})"


def _name_constants(name: str) -> str:
    schema, relation = split_name(name)
    return f"{sql_constant(schema)}, {sql_constant(relation)}"
