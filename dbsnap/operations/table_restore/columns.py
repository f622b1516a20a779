"""Which columns of a backup's table go into the live one, and what tells its rows apart. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.inventory import object_name
from dbsnap.operations.table_backup.row_filter import row_filter
from dbsnap.operations.table_names import nearest, quoted, spellings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dbsnap.operations.table_backup.row_filter import RowFilter
    from dbsnap.operations.table_restore.backup_table import BackupTable
    from dbsnap.postgres.tables.live_table import KeyPart, LiveTable

_STRING = re.compile(r"'(?:[^']|'')*'\Z")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which columns of a backup's table are ``restored``, and what tells rows apart: ``key``, if any.

    ``fills`` are values of other columns in inserted rows; ``unfilled`` columns have none, although
    they must. ``demanded`` columns must have a value, and the backup may have NULL. ``key_is_new``: the
    backup may have a key twice.
    """

    restored: tuple[str, ...]
    key: tuple[KeyPart, ...]
    fills: Mapping[str, str]
    unfilled: tuple[str, ...]
    demanded: tuple[str, ...]
    key_is_new: bool
    notes: tuple[str, ...]


def map_columns(
    backup: BackupTable, live: LiveTable, *, ignored: Collection[str], fills: Mapping[str, str]
) -> ColumnMapping:
    """Return the mapping of a table.

    Raises UsageError naming the columns that are gone, generated now, or of another type, unless they
    are ``ignored``; and a fill for a column that the backup has or the table has not.
    """
    there = {column.name: column for column in live.columns}
    wanted = [column for column in backup.columns if column not in ignored]
    if not backup.columns:  # it has no rows either
        wanted = [column.name for column in live.columns if not column.generated]
    _refuse_fills(backup, live, fills)
    _refuse_gone(backup, [column for column in wanted if column not in there])
    _refuse_changed(backup, live, wanted)
    restored = tuple(wanted)
    without_value = [
        column.name
        for column in live.columns
        if column.name not in {*restored, *fills} and column.not_null and not column.has_default
    ]
    demanded = [name for name in restored if there[name].not_null and name not in backup.never_null]
    key = _key(live, restored)
    return ColumnMapping(
        restored=restored,
        key=key,
        fills=fills,
        unfilled=tuple(without_value),
        demanded=tuple(demanded),
        key_is_new=frozenset(part.column for part in key) not in backup.keys,
        notes=tuple(_notes(backup, live, ignored)),
    )


def columns_named(
    given: Sequence[str], tables: Sequence[BackupTable], live: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """Return which columns of which table ``C`` or ``T.C`` name, several in one separated by commas.

    ``live`` are the live tables' columns. Raises UsageError for what names none.
    """
    chosen: dict[str, set[str]] = {table.name: set() for table in tables}
    for text in given:
        whole = _columns_spelled(text, tables, live)
        for part in [text] if whole else text.split(","):
            found = _columns_spelled(part.strip(), tables, live)
            if not found:
                raise UsageError(
                    f"{part.strip()} names no column of {', '.join(t.title for t in tables)}",
                    hint=nearest(part.strip(), [c for table in tables for c in table.columns]),
                )
            for table, column in found:
                chosen[table].add(column)
    return chosen


def fills_given(
    given: Sequence[str], tables: Sequence[BackupTable], live: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, str]]:
    """Return the values of ``T.C=VALUE`` (or ``C=VALUE``) by table and column; quotes are undone."""
    chosen: dict[str, dict[str, str]] = {table.name: {} for table in tables}
    for text in given:
        names = [text[: match.start()] for match in re.finditer("=", text)]
        found = next(
            ((name, hits) for name in names if (hits := _columns_spelled(name, tables, live))), None
        )
        if found is None:
            raise UsageError(
                f"--fill {text}: that names no column",
                hint="write it as TABLE.COLUMN=VALUE, for example users.password=''",
            )
        value = text[len(found[0]) + 1 :]
        for table, column in found[1]:
            chosen[table][column] = _unquoted(value)
    return chosen


def filters_given(given: Sequence[str], tables: Sequence[BackupTable]) -> dict[str, RowFilter]:
    """Return the filters of ``TABLE=CONDITION``, or of a condition for the only table, by table.

    The name of a column makes a condition of it, as in ``id=1``.
    """
    chosen: dict[str, RowFilter] = {}
    for text in given:
        named = [
            (len(spelling), table)
            for table in tables
            for spelling in (spellings(table.name) | {*table.asked}) - {*table.columns}
            if re.match(re.escape(spelling) + r"\s*=", text.strip())
        ]
        if not named and len(tables) > 1:
            raise UsageError(
                f"it is not said which table the filter {text!r} is for",
                hint="write TABLE=CONDITION, or name one table with --only",
            )
        length, table = max(named, key=lambda each: each[0]) if named else (-1, tables[0])
        if table.name in chosen:
            raise UsageError(
                f"there are two filters for {table.title}", hint="join the conditions with AND"
            )
        condition = text.strip()[length:].lstrip()[1:] if named else text
        chosen[table.name] = row_filter(condition)
    return chosen


def _refuse_fills(backup: BackupTable, live: LiveTable, fills: Mapping[str, str]) -> None:
    for name in fills:
        column = live.column(name)
        if name in backup.columns or column is None or column.generated:
            why = (
                "the backup has its values" if name in backup.columns else "it cannot be given one"
            )
            raise UsageError(
                f"--fill {backup.title}.{name}: {why}",
                hint="a fill is for a column that the backup does not have",
            )


def _refuse_gone(backup: BackupTable, gone: Sequence[str]) -> None:
    if gone:
        raise UsageError(
            f"{backup.title} no longer has the columns {', '.join(gone)}, which the backup has"
            if len(gone) > 1
            else f"{backup.title} no longer has the column {gone[0]}, which the backup has",
            hint=f"--ignore-columns {','.join(gone)} restores the others",
        )


def _refuse_changed(backup: BackupTable, live: LiveTable, wanted: Sequence[str]) -> None:
    changed = {}
    for column in live.columns:
        if column.name not in wanted:
            continue
        if column.generated:
            changed[column.name] = f"{column.name} is generated now"
        elif backup.type_differs(column.name, column.type):
            changed[column.name] = (
                f"{column.name} was {backup.types[column.name]}, is {column.type}"
            )
    if changed:
        raise UsageError(
            f"{backup.title} has other columns than the backup: {'; '.join(changed.values())}",
            hint=f"--ignore-columns {','.join(changed)} leaves them as they are; "
            "or restore the backup into another database",
        )


def _key(live: LiveTable, restored: Sequence[str]) -> tuple[KeyPart, ...]:
    """Return the primary key, or else a unique key of columns that are never NULL."""
    never_null = {column.name for column in live.columns if column.not_null}
    usable = [
        key
        for key in live.unique_keys
        if key.is_btree
        and not key.predicate
        and all(part.column in never_null and part.column in restored for part in key.parts)
    ]
    usable.sort(key=lambda key: (not key.primary, not key.immediate, len(key.parts), key.name))
    return usable[0].parts if usable else ()


def _notes(backup: BackupTable, live: LiveTable, ignored: Collection[str]) -> list[str]:
    added = [
        column.name
        for column in live.columns
        if column.name not in {*backup.columns, *backup.excluded} and not column.generated
    ]
    left_out = [column for column in backup.excluded if live.column(column)]
    untouched = [column.name for column in live.columns if column.name in ignored]
    told = (
        ("added since, with their values and defaults", added),
        ("not in the backup, as they are", left_out),
        ("ignored, as they are", untouched),
    )
    return [f"columns {what}: {', '.join(columns)}" for what, columns in told if columns]


def _columns_spelled(
    text: str, tables: Sequence[BackupTable], live: Mapping[str, Sequence[str]]
) -> list[tuple[str, str]]:
    found = []
    for table in tables:
        for column in {*table.columns, *table.excluded, *live.get(table.name, ())}:
            for own in (column, object_name(column), quoted(column)):
                if text == own or text in {f"{name}.{own}" for name in spellings(table.name)}:
                    found.append((table.name, column))
                    break
    return found


def _unquoted(value: str) -> str:
    return value[1:-1].replace("''", "'") if _STRING.match(value) else value
