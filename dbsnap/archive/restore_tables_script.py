"""The restore script beside a table backup: it puts rows back with psql, and without dbsnap.

Rows of the backup come back under their primary key, rows that were added since stay. Everything
happens in one transaction, which is committed only if every row is as in the dump afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbsnap.archive.restore_script import (
    PROGRAMS,
    UNPACK,
    one_line,
    render,
    shell_word,
    sql_constant,
    taken_at,
)
from dbsnap.inventory import short_name, split_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbsnap.archive.record import Source

CONTROL_CHARACTERS = "".join(map(chr, [*range(1, 32), 127]))


@dataclass(frozen=True, slots=True)
class ScriptTable:
    """One table of the dump: its name as in an inventory, and its COPY block in the raw text.

    ``key`` are the columns of the primary key, which are among ``columns``; without any the table
    cannot be put back by a script. ``offset`` and ``length`` are bytes, ``rows`` is exact.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    partitioned: bool
    where: str
    offset: int
    length: int
    rows: int


def render_tables_script(
    *,
    backup_id: str,
    dump_file: str,
    dump_sha256: str,
    compression: Literal["none", "gzip", "zstd"],
    encoding: str,
    source: Source,
    tables: Sequence[ScriptTable],
    sequences: Mapping[str, tuple[int, bool, int]],
) -> str:
    """Return the text of the script.

    ``tables`` come in the order in which rows can be inserted; ``sequences`` have last value, whether
    it was used, and increment. No name or filter, however hostile, is read as shell, SQL or a command of
    psql. Pure.
    """
    numbered = list(enumerate(tables))
    keyless = [table for table in tables if not table.key]
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
        "DATABASE": shell_word(source.database),
        "ENCODING": shell_word(encoding),
        "CONTENTS": shell_word(_contents(tables)),
        "CONTENTS_SHOWN": _contents(tables),
        "UNPACK": UNPACK[compression],
        "PROGRAMS": PROGRAMS[compression],
        "REFUSAL": _refusal(keyless),
        "ROWS": "\n".join(_rows(number, table) for number, table in numbered),
        "NEEDED": ",\n".join(_needed(tables)),
        "TABLES": ",\n".join(_table_constants(tables)),
        "LOCK": "\n".join(f"LOCK TABLE {_table(t)} IN SHARE ROW EXCLUSIVE MODE;" for t in tables),
        "STAGE": "\n".join(_stage(number, table) for number, table in numbered),
        "COUNT": "\n".join(_count(number, table) for number, table in numbered if table.key),
        "APPLY": "\n".join(_apply(number, table) for number, table in numbered if table.key),
        "VERIFY": _verify([(number, table) for number, table in numbered if table.key]),
        "SEQUENCES": "\n".join(_sequence(name, value) for name, value in sequences.items()),
    }
    return render("restore_tables_template.sh", values)


def sql_identifier(*parts: str) -> str:
    """Return a name as it stands in SQL, on one line, under standard_conforming_strings."""
    return ".".join(_identifier(part) for part in parts)


def _identifier(part: str) -> str:
    quoted = part.replace('"', '""')
    if not any(character in CONTROL_CHARACTERS for character in part):
        return f'"{quoted}"'
    escaped = quoted.replace("\\", "\\\\")
    return (
        'U&"' + "".join(f"\\{ord(c):04x}" if c in CONTROL_CHARACTERS else c for c in escaped) + '"'
    )


def _contents(tables: Sequence[ScriptTable]) -> str:
    return "; ".join(
        f"{one_line(short_name(table.name))}: {table.rows:,} row{'' if table.rows == 1 else 's'}"
        + (f" where {one_line(table.where)}" if table.where else "")
        for table in tables
    )


def _refusal(keyless: Sequence[ScriptTable]) -> str:
    if not keyless:
        return ":"
    names = ", ".join(one_line(short_name(table.name)) for table in keyless)
    message = f"error: {names}: without a primary key, rows cannot be told apart"
    hint = "hint: dbsnap restore can, or load the whole dump into an empty database"
    return f"fail 5 {shell_word(message)} {shell_word(hint)}"


def _table(table: ScriptTable) -> str:
    return sql_identifier(*split_name(table.name))


def _object_id(name: str) -> str:
    """Return a relation as a constant: within one, U&"" would not be understood."""
    quoted = (f'"{part}"' for part in (part.replace('"', '""') for part in split_name(name)))
    return f"{sql_constant('.'.join(quoted))}::pg_catalog.regclass"


def _only(table: ScriptTable) -> str:
    """Return the table without those that inherit from it, but with its partitions."""
    return _table(table) if table.partitioned else f"ONLY {_table(table)}"


def _columns(columns: Sequence[str], prefix: str = "") -> str:
    return ", ".join(prefix + sql_identifier(column) for column in columns)


def _rows(number: int, table: ScriptTable) -> str:
    copy = f"    printf '%s\\n' 'COPY pg_temp.dbsnap_{number} FROM stdin;'"
    data = f"    rows {table.offset + 1} {table.length}\n" if table.length else ""
    return f"{copy}\n{data}    printf '%s\\n' '\\.'"


def _needed(tables: Sequence[ScriptTable]) -> Iterator[str]:
    for table in tables:
        schema, name = split_name(table.name)
        shown = sql_constant(one_line(short_name(table.name)))
        for column in table.columns:
            yield f"    ({shown}, {sql_constant(schema)}, {sql_constant(name)}, {sql_constant(column)})"


def _table_constants(tables: Sequence[ScriptTable]) -> Iterator[str]:
    for table in tables:
        yield f"    ({_object_id(table.name)})"


def _stage(number: int, table: ScriptTable) -> str:
    """Create the table that the rows of the dump are loaded into, with the types of the live one."""
    return (
        f"CREATE TEMPORARY TABLE dbsnap_{number} ON COMMIT DROP AS "
        f"SELECT {_columns(table.columns)} FROM ONLY {_table(table)} WITH NO DATA;"
    )


def _same_key(table: ScriptTable) -> str:
    """Compare keys as text: that needs no operator of an extension, and no schema to find it in."""
    live, kept = (_columns(table.key, f"{side}.") for side in ("live", "kept"))
    return f"ROW({live})::text = ROW({kept})::text"


def _joined(number: int, table: ScriptTable) -> str:
    return f"pg_temp.dbsnap_{number} AS kept LEFT JOIN {_only(table)} AS live ON {_same_key(table)}"


def _differs(table: ScriptTable) -> str:
    """Return whether a row differs, to the last digit, whatever equality its types have."""
    live, kept = (_columns(table.columns, f"{side}.") for side in ("live", "kept"))
    return f'ROW({live})::text COLLATE "C" IS DISTINCT FROM ROW({kept})::text COLLATE "C"'


def _count(number: int, table: ScriptTable) -> str:
    shown = sql_constant(one_line(short_name(table.name)))
    gone = "live.tableoid IS NULL"
    return f"""\
ANALYZE pg_temp.dbsnap_{number};
SELECT count(*) <> {table.rows} AS incomplete FROM pg_temp.dbsnap_{number} \\gset
\\if :incomplete
\\qecho incomplete
\\quit
\\endif
SELECT pg_catalog.format('%s: %s to insert, %s to change, %s as they were', {shown},
    count(*) FILTER (WHERE {gone}),
    count(*) FILTER (WHERE NOT {gone} AND {_differs(table)}),
    count(*) FILTER (WHERE NOT {gone} AND NOT {_differs(table)}))
FROM {_joined(number, table)};"""


def _apply(number: int, table: ScriptTable) -> str:
    columns, kept = _columns(table.columns), _columns(table.columns, "kept.")
    insert = f"""\
INSERT INTO {_table(table)} ({columns}) OVERRIDING SYSTEM VALUE
SELECT {kept} FROM {_joined(number, table)} WHERE live.tableoid IS NULL;"""
    others = [column for column in table.columns if column not in table.key]
    if not others:
        return insert
    assignments = ", ".join(f"{sql_identifier(c)} = kept.{sql_identifier(c)}" for c in others)
    return f"""{insert}
UPDATE {_only(table)} AS live SET {assignments} FROM pg_temp.dbsnap_{number} AS kept
WHERE {_same_key(table)} AND {_differs(table)};"""


def _verify(tables: Sequence[tuple[int, ScriptTable]]) -> str:
    differences = [
        f"    SELECT count(*) AS n FROM {_joined(number, table)} "
        f"WHERE live.tableoid IS NULL OR {_differs(table)}"
        for number, table in tables
    ]
    union = "\n    UNION ALL\n".join(differences or ["    SELECT 0 AS n"])
    return f"SELECT sum(n) > 0 AS different FROM (\n{union}\n) AS counted \\gset"


def _sequence(name: str, value: tuple[int, bool, int]) -> str:
    """Move a sequence on to where it was in the dump, but never back."""
    last_value, is_called, increment = value
    called = "true" if is_called else "false"
    own_name = sql_identifier(*split_name(name))
    further = f"{last_value} {'>' if increment > 0 else '<'} last_value"
    return f"""\
SELECT count(pg_catalog.setval({_object_id(name)}, {last_value}, {called})) AS moved
FROM {own_name} WHERE {further} OR (last_value = {last_value} AND {called} AND NOT is_called) \\gset"""
