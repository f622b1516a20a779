"""What a table backup says of itself: its name, what it selected, notes, and its restore script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.record import TableSelection
from dbsnap.archive.restore_tables_script import ScriptTable, render_tables_script
from dbsnap.dumpfile.compression import SUFFIXES
from dbsnap.inventory import split_name
from dbsnap.operations.comparing import proof
from dbsnap.operations.recording import keep_script
from dbsnap.postgres.dump import dump_encoding
from dbsnap.report import Finding

if TYPE_CHECKING:
    from dbsnap.archive.publishing import Staging
    from dbsnap.archive.record import Companion, Source
    from dbsnap.dumpfile.frames import WrittenDump
    from dbsnap.inventory import Inventory
    from dbsnap.operations.table_backup.definitions import Definitions
    from dbsnap.operations.table_backup.plan import TablePlan
    from dbsnap.operations.table_backup.rows import CountedTable
    from dbsnap.postgres.snapshot import Snapshot

NAMES_IN_FILE_NAME = 3


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one snapshot says of the tables: how many rows, which definitions, where sequences are."""

    snapshot: Snapshot
    source: Source
    plan: TablePlan
    counted: tuple[CountedTable, ...]
    definitions: Definitions
    sequences: dict[str, tuple[int, bool]]

    @property
    def encoding(self) -> str:
        """Return the encoding of the dump's text."""
        return dump_encoding(self.source.encoding)


def file_name_of(plan: TablePlan, undoes: str = "") -> str:
    """Return what the file's name says: the tables, and what tells a filter apart.

    One that undoes a restore is filtered by keys, which tell people nothing.
    """
    words = [table.relation.name for table in plan.tables[:NAMES_IN_FILE_NAME]]
    if len(plan.tables) > NAMES_IN_FILE_NAME:
        words.append(f"and {len(plan.tables) - NAMES_IN_FILE_NAME} more")
    if undoes:
        return " ".join([*words, "before restore"])
    for expression in dict.fromkeys(t.condition for t in plan.tables if t.condition):
        words += expression.words()
    return " ".join(words)


def selection_of(gathered: Gathered) -> tuple[TableSelection, ...]:
    """Return what the record says of each table, those first that others reference."""
    return tuple(
        TableSelection(
            table=table.title,
            columns=tuple(column.name for column in table.dumped),
            excluded_columns=table.excluded,
            where=table.condition.expression if table.condition else "",
            omitted=gathered.definitions.omitted.get(table.title, ()),
        )
        for table in gathered.definitions.tables
    )


def notes_on(gathered: Gathered, expected: Inventory) -> list[Finding]:
    """Say what of the tables is not in the file, and what is there that nobody asked for."""
    found = list(proof.without_invalid_indexes(expected)[1])
    for table in gathered.definitions.tables:
        omitted = gathered.definitions.omitted.get(table.title, ())
        for reason in dict.fromkeys(one.reason for one in omitted):
            what = ", ".join(
                f"{one.kind} {split_name(one.name)[-1]}" for one in omitted if one.reason == reason
            )
            message = f"{table.relation.shown}: only the record has {what}: {reason}"
            found.append(_note(f"table {table.title}", message))
    for relation in gathered.definitions.bare:
        message = f"{relation.shown} comes without rows: another table needs its definition"
        found.append(_note(f"table {relation.title}", message))
    return found


def restore_script_of(
    stage: Staging, gathered: Gathered, written: WrittenDump, expected: Inventory
) -> Companion:
    """Write the script that puts the rows back without dbsnap."""
    blocks = {block.table: block for block in written.contents.copy_blocks}
    tables = [
        ScriptTable(
            name=table.title,
            columns=tuple(column.name for column in table.dumped),
            key=tuple(column.name for column in table.dumped if column.in_primary_key),
            partitioned=table.partitioned,
            where=table.condition.expression if table.condition else "",
            offset=blocks[table.title].offset,
            length=blocks[table.title].end - blocks[table.title].offset,
            rows=blocks[table.title].rows,
        )
        for table in gathered.definitions.tables
    ]
    sequences = {
        name: (facts["last_value"], facts["is_called"], facts["increment"])
        for name, facts in expected.of("sequence").items()
    }
    text = render_tables_script(
        backup_id=stage.id,
        dump_file=stage.id + SUFFIXES[written.compression],
        dump_sha256=written.sha256,
        compression=written.compression,
        encoding=gathered.encoding,
        source=gathered.source,
        tables=tables,
        sequences=sequences,
    )
    return keep_script(stage, text)


def _note(object_name: str, message: str) -> Finding:
    return Finding("advice", object_name, message, severity="note")
