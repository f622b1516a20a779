"""Tables as a file holds them, whatever kind of file it is: a dump, or an export in JSON."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.copy_text import text_codec
from dbsnap.dumpfile.conversion.json_import import StoredExport, is_export, opened_export
from dbsnap.dumpfile.conversion.value_formats import value_format
from dbsnap.dumpfile.defining.table_statements import table_statements
from dbsnap.errors import UsageError
from dbsnap.inventory import object_name, split_name
from dbsnap.operations.opened import opened_backup
from dbsnap.operations.table_restore.backup_table import BackupTable
from dbsnap.operations.table_restore.choice import choose_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dbsnap.dumpfile.defining.table_statements import TableStatement
    from dbsnap.inventory import Facts
    from dbsnap.operations.table_restore.backup_table import RowsBlock
    from dbsnap.operations.table_restore.plan import TableRestoreOptions
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class TablesSource:
    """Tables to restore, and where they come from.

    ``encoding`` is that of their rows, as PostgreSQL calls it. ``sequences`` are the backup's, by name.
    ``statements`` reads the definitions, which make a table that is missing; there may be none.
    """

    id: str
    origin: str
    created_at: str
    encoding: str
    tables: tuple[BackupTable, ...]
    sequences: Mapping[str, Facts]
    statements: Callable[[], list[TableStatement]]

    @property
    def codec(self) -> str | None:
        """Return Python's name of the encoding, None where bytes stay as they are."""
        return text_codec(self.encoding)


@contextmanager
def opened_source(
    path: Path, options: TableRestoreOptions, *, progress: Progress
) -> Iterator[TablesSource]:
    """Open a dump, which must pass the guard, or an export, which must be whole; choose its tables.

    Raises DumpRefused; UsageError where the options name no table of the file, or where NDJSON is to
    replace rows; CannotRun where it does
    not hold the rows of one.
    """
    if holds_export(path):
        with opened_export(path) as export:
            if export.metadata is None and options.mode == "replace":
                raise UsageError(
                    f"{path.name} is NDJSON, which looks whole wherever it is cut off behind a row: "
                    "--mode replace would delete what is missing from it",
                    hint="use an export in JSON, which says how many rows it has, or another mode",
                )
            yield _of_export(export, options.only)
        return
    with opened_backup(
        path, progress=progress, allowed=options.allow, untrusted=options.untrusted
    ) as opened:
        record = opened.record
        yield TablesSource(
            id=opened.id,
            origin=record.source.server if record else "a dump without a record",
            created_at=record.created_at if record else "",
            encoding=opened.encoding,
            tables=tuple(choose_tables(opened, options.only, options.models)),
            sequences=opened.expected.of("sequence"),
            statements=partial(table_statements, opened.dump.raw(), text_codec(opened.encoding)),
        )


def holds_export(path: Path) -> bool:
    """Return whether a file is an export in JSON or NDJSON, by its first bytes; never raises."""
    try:
        with path.open("rb") as file:
            return is_export(file.read(64))
    except OSError:
        return False  # whoever opens it next says so


def _of_export(export: StoredExport, only: Sequence[str]) -> TablesSource:
    known = [export.metadata.table] if export.metadata else []
    named = list(only) or known
    if len(named) != 1:
        raise UsageError(
            f"{export.path.name} holds the rows of one table"
            + ("" if known else ", and does not say which"),
            hint="name it with --only TABLE",
        )
    parts = split_name(named[0])
    table = BackupTable(
        name=object_name(*parts) if len(parts) > 1 else object_name("public", *parts),
        columns=export.columns,
        types={},
        exact_types=False,
        size=export.end - export.start,
        rows=partial(_rows_of_export, export),
        where=(export.metadata.filter_applied or "") if export.metadata else "",
        asked=tuple(named),
    )
    return TablesSource(
        id=export.path.name,
        origin=f"the export {export.path.name}",
        created_at=(export.metadata.created_at or "") if export.metadata else "",
        encoding="UTF8",
        tables=(table,),
        sequences={},
        statements=list,
    )


def _rows_of_export(
    export: StoredExport, types: Mapping[str, str], domains: Mapping[str, str]
) -> Iterator[RowsBlock]:
    formats = {
        column: value_format(types.get(column, "text"), domains) for column in export.columns
    }
    yield export.columns, export.copy_rows(formats)
