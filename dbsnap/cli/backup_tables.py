"""What ``dbsnap backup -t`` prints of a table backup, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal

from dbsnap.cli.terminal_text import counted, empty_table, plain
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from dbsnap.archive.record import Record
    from dbsnap.cli.documents import Document
    from dbsnap.cli.screen import Screen


def tables_documents(record: Record) -> list[Document]:
    """Return a document for each table: ``rows`` in the database's snapshot, ``rows_in_file``."""
    return [
        {
            "table": table.table,
            "where": table.where,
            "columns": list(table.columns),
            "excluded_columns": list(table.excluded_columns),
            "rows": record.inventory.of("table")[table.table]["rows"],
            "rows_in_file": _in_file(record, table.table)[0],
            "bytes": _in_file(record, table.table)[1],
        }
        for table in record.selection
    ]


def print_tables(screen: Screen, record: Record) -> None:
    """Print of each table how many rows the snapshot has, and how many the file."""
    titles = ["table", "in the database", "in the file", "size", "rows where"]
    if not any(table.where for table in record.selection):
        titles.pop()
    table = empty_table(titles, right=set(titles[1:4]), folded="table")
    for document in tables_documents(record):
        cells = [
            plain(short_name(document["table"])),
            f"{document['rows']:,}",
            f"{document['rows_in_file']:,}",
            decimal(document["bytes"]),
            plain(document["where"]),
        ]
        table.add_row(*cells[: len(titles)])
    for line in screen.lines_of(table):
        screen.out.out(line)


def verified(record: Record) -> str:
    """Return what was verified, as markup."""
    rows = counted(record.inventory.total_rows(), "row")
    tables = counted(len(record.selection), "table")
    return (
        f"[green]VERIFIED[/] {plain(record.source.server)}: {rows} of {tables}; rows and content are "
        "the same in the database's snapshot and in the file as it is on disk"
    )


def _in_file(record: Record, table: str) -> tuple[int, int]:
    """Return rows and bytes of a table's COPY blocks in the file."""
    blocks = [block for block in record.dump.blocks if block.table == table]
    return sum(block.rows for block in blocks), sum(block.raw_length for block in blocks)
