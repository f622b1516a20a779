"""Which tables of a backup are restored, and what the backup knows of them. Pure but for reading it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.block_bytes import block_pieces
from dbsnap.dumpfile.conversion.copy_text import text_codec
from dbsnap.dumpfile.defining.column_types import read_declared_types
from dbsnap.dumpfile.lexing.tokens import Cursor, encode, tokenize
from dbsnap.errors import CannotRun, UsageError
from dbsnap.inventory import short_name, split_name
from dbsnap.operations.table_names import table_named
from dbsnap.operations.table_restore.backup_table import BackupTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dbsnap.archive.record import TableSelection
    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.inventory import Inventory
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.table_restore.backup_table import RowsBlock
    from dbsnap.prisma.models import PrismaModel


def choose_tables(
    opened: OpenedBackup, only: Sequence[str], models: Sequence[PrismaModel] = ()
) -> list[BackupTable]:
    """Return the tables to restore, all that a table backup holds where none is named.

    A name that is no table's can be that of one of Prisma's ``models``. Raises UsageError where a name
    of ``only`` is none of the backup's tables, with the nearest names; CannotRun where the backup does
    not hold a table's rows as COPY data.
    """
    facts = opened.expected.of("table")
    selection = {table.table: table for table in opened.record.selection} if opened.record else {}
    asked: dict[str, list[str]] = {} if only else {name: [] for name in selection}
    for text in only:
        asked.setdefault(table_named(selection or facts, text, models), []).append(text)
    if not asked:
        raise UsageError("no table is named", hint="name one with --only TABLE")
    reading = _Reading(opened)
    whole = {each for name in asked for each in reading.partitions(name)}
    return [
        replace(reading.table(name, selection.get(name)), asked=tuple(texts))
        for name, texts in asked.items()
        if name not in whole
    ]


class _Reading:
    """Reads what a backup knows of its tables: from the record, else from the dump's statements."""

    def __init__(self, opened: OpenedBackup) -> None:
        self._opened = opened
        self._facts = opened.expected.of("table")
        self._never_null: dict[str, frozenset[str]] = {}
        self._keys: dict[str, frozenset[frozenset[str]]] = {}
        if opened.record is not None:
            self._types = _recorded_types(opened.expected)
            self._never_null = _recorded_demands(opened.expected)
            self._keys = _recorded_keys(opened.expected)
            self._parents = {
                name: tuple(facts.get("parents") or ()) if "partition_bound" in facts else ()
                for name, facts in self._facts.items()
            }
        else:
            declared = read_declared_types(
                opened.dump.raw(), blocks=0, codec=text_codec(opened.encoding)
            )
            self._types = declared.columns
            self._parents = {name: (parent,) for name, parent in declared.parents.items()}

    def partitions(self, name: str) -> tuple[str, ...]:
        return tuple(each for each in self._facts if name in self._ancestors(each))

    def table(self, name: str, selection: TableSelection | None) -> BackupTable:
        partitions = self.partitions(name)
        self._refuse_others(name, partitions)
        blocks = [b for b in self._opened.contents.copy_blocks if b.table in {name, *partitions}]
        rows = sum(self._facts.get(each, {}).get("rows") or 0 for each in (name, *partitions))
        form = self._facts.get(name, {}).get("form")
        empty = form == "partitioned table" and not rows and not blocks
        if rows != sum(block.rows for block in blocks) or not (blocks or empty):
            raise CannotRun(
                f"the backup does not hold the rows of {short_name(name)} as COPY data of its own",
                hint="they may stand under the table that it is a partition of, or the dump was made "
                "with --inserts: restore that table, or the whole backup",
            )
        types = self._types.get(name, {})
        return BackupTable(
            name=name,
            columns=blocks[0].columns if blocks else (),
            types=types,
            exact_types=self._opened.record is not None,
            size=sum(block.end - block.offset for block in blocks),
            rows=partial(_rows, self._opened, tuple(blocks)),
            never_null=self._never_null.get(name, frozenset()),
            keys=self._keys.get(name, frozenset()),
            excluded=selection.excluded_columns if selection else (),
            where=selection.where if selection else "",
            omitted=selection.omitted if selection else (),
            partitions=partitions,
        )

    def _refuse_others(self, name: str, partitions: Iterable[str]) -> None:
        for each in (name, *partitions):
            form = self._facts.get(each, {}).get("form")
            if form in {"foreign table", "extension data"}:
                raise CannotRun(
                    f"{short_name(each)} is a {form}: {short_name(name)} cannot be restored alone",
                    hint="its rows are not in the backup as a table's own"
                    if form[0] == "f"
                    else "",
                )

    def _ancestors(self, name: str) -> set[str]:
        parents = set(self._parents.get(name, ()))
        return parents.union(*(self._ancestors(parent) for parent in parents))


def _rows(
    opened: OpenedBackup, blocks: Sequence[CopyBlock], *_types: Mapping[str, str]
) -> Iterator[RowsBlock]:
    for block in blocks:
        yield block.columns, block_pieces(opened.dump, block)


def _recorded_types(inventory: Inventory) -> dict[str, dict[str, str]]:
    types: dict[str, dict[str, str]] = {}
    for name, facts in inventory.of("column").items():
        if "type" in facts:
            types.setdefault(facts["table"], {})[split_name(name)[-1]] = facts["type"]
    return types


def _recorded_demands(inventory: Inventory) -> dict[str, frozenset[str]]:
    demands: dict[str, frozenset[str]] = {}
    for name, facts in inventory.of("column").items():
        if facts.get("nullable") is False:
            column = frozenset({split_name(name)[-1]})
            demands[facts["table"]] = demands.get(facts["table"], frozenset()) | column
    return demands


def _recorded_keys(inventory: Inventory) -> dict[str, frozenset[frozenset[str]]]:
    keys: dict[str, frozenset[frozenset[str]]] = {}
    for facts in inventory.of("constraint").values():
        if facts.get("type") in {"primary key", "unique constraint"}:
            cursor = Cursor(tokenize(encode(facts.get("definition", ""))))
            while not cursor.at_end() and not cursor.accept("("):
                cursor.next()
            columns = set()
            while not cursor.at_end() and not cursor.accept(")"):
                columns |= {*cursor.name()}
                cursor.accept(",")
            keys[facts["table"]] = keys.get(facts["table"], frozenset()) | {frozenset(columns)}
    return keys
