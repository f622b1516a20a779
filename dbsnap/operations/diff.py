"""diff: what changed from one backup to another, or to the live database since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbsnap.errors import UsageError
from dbsnap.inventory import compare, short_name
from dbsnap.operations.catalogue import show_backup
from dbsnap.operations.verify import VerifyOptions, verify
from dbsnap.operations.verifying.some_tables import only_tables
from dbsnap.report import Finding, errors_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbsnap.archive.record import Record, TableSelection
    from dbsnap.inventory import Inventory
    from dbsnap.operations.verify import Level
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table whose number of rows or size changed, that was added or dropped.

    Sizes are bytes of its rows in the dumps, uncompressed; None where that side has no such table, or is
    the live database.
    """

    table: str
    change: Literal["added", "dropped", "changed"]
    rows_before: int | None
    rows_after: int | None
    bytes_before: int | None
    bytes_after: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed from the older side to the newer; ``findings`` name every object.

    The newer side is a backup, or the live database. Sizes are those of the dumps' uncompressed text, in
    bytes. Notes among the findings are no changes: they say what could not be compared.
    """

    older: str
    newer: str
    older_taken: str
    newer_taken: str
    tables: tuple[TableChange, ...]
    findings: tuple[Finding, ...]
    bytes_before: int
    bytes_after: int | None

    @property
    def changes(self) -> list[Finding]:
        """Return the findings that are changes."""
        return errors_in(self.findings)


def diff_backups(directory: Path, older: str, newer: str) -> Difference:
    """Return what changed from one backup to another, from their records alone.

    Where one of them is of tables, these tables are compared. Raises UsageError where a backup has no
    record, or they have no table in common.
    """
    before, after = show_backup(directory, older), show_backup(directory, newer)
    expected, actual, notes = _comparable(before, after)
    findings = [_told(finding, expected, actual) for finding in compare(expected, actual)]
    return Difference(
        older=before.id,
        newer=after.id,
        older_taken=before.created_at,
        newer_taken=after.created_at,
        tables=tuple(_table_changes(expected, actual, _sizes(before), _sizes(after))),
        findings=(*findings, *notes),
        bytes_before=before.dump.raw_bytes,
        bytes_after=after.dump.raw_bytes,
    )


def diff_live(
    dump: Path,
    record: Record,
    database: Database,
    *,
    level: Level = "content",
    pg_bin: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Difference:
    """Return what changed in the live database since a backup was taken of it.

    Everything that ``verify`` compares is compared, and it raises what ``verify`` raises.
    """
    options = VerifyOptions(level=level)
    verification = verify(dump, database, options=options, pg_bin=pg_bin, progress=progress)
    expected, actual = verification.expected, verification.found
    findings = [_told(finding, expected, actual, counted=True) for finding in verification.findings]
    return Difference(
        older=record.id,
        newer=verification.database,
        older_taken=record.created_at,
        newer_taken="",
        tables=tuple(_table_changes(expected, actual, _sizes(record), None)),
        findings=tuple(findings),
        bytes_before=record.dump.raw_bytes,
        bytes_after=None,
    )


def _comparable(before: Record, after: Record) -> tuple[Inventory, Inventory, list[Finding]]:
    """Return of both inventories what can be compared, and what is to be said of the rest."""
    if not (before.selection or after.selection):
        return before.inventory, after.inventory, []
    older, newer = _selections(before), _selections(after)
    common = [name for name in older if name in newer]
    if not common:
        raise UsageError(
            f"{before.id} and {after.id} have no table in common",
            hint="dbsnap show says what a backup holds",
        )
    listed = ", ".join(short_name(name) for name in common)
    notes = [_note("tables", f"compared are the tables that both backups hold: {listed}")]
    alike = [name for name in common if _same_part(older[name], newer[name])]
    for name in common:
        if name not in alike:
            what = f"{short_name(name)}: the backups hold other rows or columns of it"
            notes.append(_note(f"table {name}", f"{what}, so that its rows are not compared"))
    sides = [only_tables(record.inventory, common) for record in (before, after)]
    one, other = (_without_rows(side, {*common} - {*alike}) for side in sides)
    return one, other, notes


def _selections(record: Record) -> dict[str, TableSelection | None]:
    """Return the tables of a backup, and which part of each it holds; None: all of it."""
    if record.selection:
        return {table.table: table for table in record.selection}
    return dict.fromkeys(record.inventory.of("table"))


def _same_part(one: TableSelection | None, other: TableSelection | None) -> bool:
    parts = [(s.where, s.excluded_columns) if s else ("", ()) for s in (one, other)]
    return parts[0] == parts[1]


def _without_rows(inventory: Inventory, tables: set[str]) -> Inventory:
    kept = {
        name: {k: v for k, v in facts.items() if name not in tables or k not in {"rows", "content"}}
        for name, facts in inventory.of("table").items()
    }
    return replace(inventory, objects={**inventory.objects, "table": kept})


def _note(title: str, message: str) -> Finding:
    return Finding("advice", title, message, severity="note")


def _told(
    finding: Finding, expected: Inventory, actual: Inventory, *, counted: bool = False
) -> Finding:
    """Return a finding of a comparison in the words of a change.

    From records alone rows that were rewritten in another order look like changed ones. Where the rows
    themselves were ``counted``, the finding says better what became of them.
    """
    kind, name = _object_of(finding)
    title = finding.message.removesuffix(" is gone").removesuffix(" is not in the backup")
    shown = short_name(name) if kind == "table" else f"{kind} {short_name(name)}"
    before, after = (side.of(kind).get(name, {}).get("rows") for side in (expected, actual))
    match finding.kind, finding.fact:
        case "missing", _:
            return replace(finding, message=f"{title} was dropped")
        case "unexpected", _:
            return replace(finding, message=f"{title} was added")
        case "different", "rows" if before is not None and after is not None and not counted:
            count = abs(after - before)
            more = (
                f"{count:,} row{'' if count == 1 else 's'} {'more' if after > before else 'fewer'}"
            )
            return replace(finding, message=f"{shown}: {more} ({after:,}, was {before:,})")
        case "different", "content" if kind == "table" and not counted:
            message = f"{shown}: rows changed, or were rewritten in another order"
            return replace(finding, message=message)
    return finding


def _object_of(finding: Finding) -> tuple[str, str]:
    for kind in ("table", "materialized view"):
        if finding.object.startswith(kind + " "):
            return kind, finding.object.removeprefix(kind + " ")
    return "", finding.object


def _sizes(record: Record) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for block in record.dump.blocks:
        sizes[block.table] = sizes.get(block.table, 0) + block.raw_length
    return sizes


def _table_changes(
    expected: Inventory,
    actual: Inventory,
    before: dict[str, int],
    after: dict[str, int] | None,
) -> Iterator[TableChange]:
    older, newer = expected.of("table"), actual.of("table")
    for name in [*older, *(name for name in newer if name not in older)]:
        rows = [side.get(name, {}).get("rows") for side in (older, newer)]
        sizes = [before.get(name) if name in older else None]
        sizes.append((after or {}).get(name) if name in newer else None)
        if name not in newer:
            yield TableChange(name, "dropped", rows[0], None, sizes[0], None)
        elif name not in older:
            yield TableChange(name, "added", None, rows[1], None, sizes[1])
        elif rows[0] != rows[1] or (after is not None and sizes[0] != sizes[1]):
            yield TableChange(name, "changed", rows[0], rows[1], sizes[0], sizes[1])
