"""export: one table of a backup, in a form that other programs read; needs no server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dbsnap.dumpfile.conversion.copy_body import CopyBody
from dbsnap.dumpfile.conversion.copy_text import text_codec
from dbsnap.dumpfile.conversion.envelope import CHECKSUM_DIGITS, CLOSING, Metadata, first_line
from dbsnap.dumpfile.conversion.row_forms import (
    CsvRows,
    ExportFormat,
    InvalidRow,
    JsonRows,
    RowForm,
)
from dbsnap.dumpfile.conversion.value_formats import value_format
from dbsnap.dumpfile.lexer import lex
from dbsnap.dumpfile.lexing.events import CopyData, CopyEnd, CopyStart
from dbsnap.errors import DumpRefused
from dbsnap.inventory import short_name
from dbsnap.operations.exporting.file import refuse_to_overwrite, written_whole
from dbsnap.operations.exporting.table import ExportedTable, choose_table
from dbsnap.operations.opened import ANY_RULE, opened_backup
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbsnap.archive.record import Record
    from dbsnap.dumpfile.copy_blocks import CopyBlock
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.prisma.models import PrismaModel
    from dbsnap.progress import Progress


BATCH_ROWS = 500
"""Rows converted at once: few enough to stay in the processor's cache, a quarter faster than more."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, and where to; ``output`` is None for standard output.

    ``metadata`` are those of the JSON form; of the others its checksum is "", because they carry none.
    """

    backup: str
    form: ExportFormat
    output: Path | None
    metadata: Metadata
    columns: tuple[str, ...]
    bytes: int


def export(
    dump: Path,
    *,
    table: str | None,
    form: ExportFormat,
    output: Path | BinaryIO,
    models: Sequence[PrismaModel] = (),
    progress: Progress | None = None,
) -> Exported:
    """Write one table of a backup as JSON, NDJSON or CSV, in memory that its rows do not add to.

    The guard comes first. ``table`` may be None when the backup has one table only, and the name of one
    of Prisma's ``models``. A file is written
    beside its place, readable by its owner alone, and put there when it is complete; what has its name
    stays until then. Nothing goes to a stream before the whole table was converted once, for its
    checksum: in the JSON form only.

    Raises UsageError for a table that the backup does not have or that ``output`` would overwrite the
    backup, DumpRefused for a dump that the guard refuses or a value that its type cannot have, and
    StorageFailed for a file that cannot be written.
    """
    progress = progress or NoProgress()
    if isinstance(output, Path):
        refuse_to_overwrite(output, dump)
    with opened_backup(dump, progress=progress, allowed=ANY_RULE) as opened:
        chosen = choose_table(opened, table, models=models, progress=progress)
        if form != "csv":
            _refuse_names_that_are_no_text(chosen)
        progress.phase(f"exporting {short_name(chosen.name)}", total_bytes=chosen.copy_bytes)
        job = _Export(opened, chosen, form, progress)
        if isinstance(output, Path):
            with written_whole(output) as stream:
                metadata = job.write(stream, rewrites=True)
        else:
            metadata = job.write(output, rewrites=False)
        return Exported(
            backup=opened.id,
            form=form,
            output=output if isinstance(output, Path) else None,
            metadata=metadata,
            columns=chosen.columns,
            bytes=job.written_bytes,
        )


class _Export:
    """The rows of one table on their way out."""

    def __init__(
        self, opened: OpenedBackup, table: ExportedTable, form: ExportFormat, progress: Progress
    ) -> None:
        self._opened = opened
        self._table = table
        self._form = form
        self._progress = progress
        self.written_bytes = 0

    def write(self, stream: BinaryIO, *, rewrites: bool) -> Metadata:
        """Write everything; ``rewrites`` says that the stream can be gone back in."""
        metadata = _metadata(self._table, self._opened.record)
        if self._form != "json":
            for piece in self._pieces():
                self._write(stream, piece)
            return metadata
        metadata = replace(metadata, checksum="0" * CHECKSUM_DIGITS)
        if not rewrites:
            metadata = replace(metadata, checksum=_checksum(self._pieces()))
        self._write(stream, first_line(metadata))
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
            self._write(stream, piece)
        self._write(stream, CLOSING)
        final = replace(metadata, checksum=digest.hexdigest())
        if rewrites:
            stream.seek(0)
            stream.write(first_line(final))
        return final

    def _write(self, stream: BinaryIO, piece: bytes) -> None:
        stream.write(piece)
        self.written_bytes += len(piece)

    def _pieces(self) -> Iterator[bytes]:
        """Yield the file, or what is between the first and last line of the JSON form."""
        form = self._row_form()
        if form.head:
            yield form.head
        between = b""
        for block, rows, first_row in self._batches():
            try:
                yield between + form.written(rows, block.columns)
            except InvalidRow as error:
                raise self._refusal(block, first_row + error.row, error) from None
            between = form.between
        if between:
            yield b"\n"

    def _row_form(self) -> RowForm:
        if self._form == "csv":
            return CsvRows(self._table.columns)
        formats = {
            column: value_format(
                self._table.types.get(column, "text"),
                self._table.domains,
                one_line=self._form == "ndjson",
            )
            for column in self._table.columns
        }
        return JsonRows(formats, commas=self._form == "json")

    def _batches(self) -> Iterator[tuple[CopyBlock, list[bytes], int]]:
        """Yield the table's rows, some at a time, with their block and their number in it, from 0.

        What passes is hashed again: it must be what the guard has read.
        """
        codec = text_codec(self._opened.encoding)
        if codec is None and self._form != "csv":
            codec = "utf-8"
        last = max(self._table.blocks)
        number = -1
        body: CopyBody | None = None
        for event in lex(self._opened.dump.raw()):
            if isinstance(event, CopyStart):
                number += 1
                block = self._table.blocks.get(number)
                body = CopyBody(block, codec) if block else None
            elif isinstance(event, CopyData) and body is not None:
                first_row, rows = body.take(event.data)
                self._progress.advance(len(event.data))
                for start in range(0, len(rows), BATCH_ROWS):
                    yield body.block, rows[start : start + BATCH_ROWS], first_row + start
            elif isinstance(event, CopyEnd):
                if body is not None:
                    body.check()
                if number == last:
                    return

    def _refusal(self, block: CopyBlock, row: int, error: InvalidRow) -> DumpRefused:
        place = f", column {error.column}" if error.column else ""
        return DumpRefused(
            f"{short_name(block.table)}, row {row + 1:,}{place}: {error}",
            rule="value",
            line=block.line + row,
            table=short_name(block.table),
            hint="--format csv exports values as they are"
            if error.column
            else "the dump was changed by hand: find out by whom before you use it",
        )


def _refuse_names_that_are_no_text(table: ExportedTable) -> None:
    for name in (table.name, *table.columns):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DumpRefused(
                f"the name {name!r} is not UTF-8, which JSON is",
                rule="encoding",
                hint="--format csv exports the bytes of an SQL_ASCII database as they are",
            ) from None


def _checksum(pieces: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _metadata(table: ExportedTable, record: Record | None) -> Metadata:
    return Metadata(
        table=short_name(table.name),
        created_at=record.created_at if record else None,
        record_count=sum(block.rows for block in table.blocks.values()),
        filter_applied=_filter(record, table.name) if record else None,
        schema_version=_last_migration(record) if record else None,
        checksum="",
    )


def _filter(record: Record, table: str) -> str | None:
    return next((part.where or None for part in record.selection if part.table == table), None)


def _last_migration(record: Record) -> str | None:
    """Return the last in the order in which Prisma applies migrations, which is that of their names."""
    applied = [
        str(facts.get("migration_name", name))
        for name, facts in record.inventory.of("migration").items()
        if facts.get("state") == "applied"
    ]
    return max(applied, default=None)
