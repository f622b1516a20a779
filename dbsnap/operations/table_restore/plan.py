"""What a restore of tables will do: plain data, shown as it is, and then followed to the row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbsnap.postgres.tables.staged_table import Mode
    from dbsnap.prisma.models import PrismaModel
    from dbsnap.report import Finding

SHOWN_VALUE = 40
"""So many characters of a value name a row to people."""


@dataclass(frozen=True, slots=True)
class TableRestoreOptions:
    """What the user chose.

    ``only`` names tables, empty means all that the backup holds. ``where`` are conditions on rows, each
    for one table (``TABLE=CONDITION``) or for the only one. ``ignore_columns`` (``C`` or ``T.C``) are
    left as they are. ``fills`` (``T.C=VALUE``) are values for columns that the backup does not have.
    ``standing_exclusions`` are the columns that ``save`` leaves out of its backup, by the table's name:
    what is lost with them is said. ``models`` are Prisma's names for tables. ``allow`` and ``untrusted``
    are for the guard, as in ``RestoreOptions``.
    """

    mode: Mode = "upsert"
    only: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    ignore_columns: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    lock_timeout_seconds: float = 10.0
    standing_exclusions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    models: tuple[PrismaModel, ...] = ()
    allow: tuple[str, ...] = ()
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows, and the names of three of them."""

    count: int = 0
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the number with the names: ``12 (id=5, id=7, id=9, …)``."""
        more = ", …" if self.count > len(self.names) else ""
        return f"{self.count:,}" + (f" ({', '.join(self.names)}{more})" if self.names else "")


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What will happen to one table. ``key``: its rows are told apart by these columns, or as wholes.

    ``staged`` are the backup's rows in question, ``present`` those in the table before. ``kept`` differ
    from the backup and stay (mode ``insert``). ``changed_columns``: in how many updates each changes.
    """

    table: str
    mode: Mode
    key: tuple[str, ...]
    created: bool
    staged: int
    present: int
    inserted: Rows = field(default_factory=Rows)
    updated: Rows = field(default_factory=Rows)
    deleted: Rows = field(default_factory=Rows)
    kept: Rows = field(default_factory=Rows)
    changed_columns: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unchanged(self) -> int:
        """Return how many of the backup's rows the table has already."""
        return self.staged - self.inserted.count - self.updated.count - self.kept.count

    @property
    def changes_anything(self) -> bool:
        """Whether the table will not be as it was."""
        return bool(self.created or self.inserted.count or self.updated.count or self.deleted.count)

    def lines(self) -> list[str]:
        """Return the plan of the table as sentences, a heading first."""
        told = f"by {', '.join(self.key)}" if self.key else "by whole rows: it has no key"
        heading = (
            f"{self.table}: {self.mode} {counted(self.staged, 'row')} {told}; "
            f"the table has {counted(self.present, 'row')}"
        )
        if self.created:
            heading = f"{self.table}: create it, and insert {counted(self.staged, 'row')}"
        columns = ", ".join(f"{name} in {count:,}" for name, count in self.changed_columns)
        lines = [
            f"insert {self.inserted}" if self.inserted.count else "",
            f"update {self.updated}" + (f": {columns}" if columns else "")
            if self.updated.count
            else "",
            f"delete {self.deleted}" if self.deleted.count else "",
            f"{self.kept} differ from the backup and stay as they are" if self.kept.count else "",
            f"{self.unchanged:,} unchanged" if self.unchanged or not self.changes_anything else "",
            *self.notes,
        ]
        return [heading, *(line for line in lines if line)]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it stands in the ``--json`` document."""
        rows = {
            name: {"rows": each.count, "samples": list(each.names)}
            for name, each in (
                ("insert", self.inserted),
                ("update", self.updated),
                ("delete", self.deleted),
                ("kept", self.kept),
            )
        }
        return {
            "table": self.table,
            "mode": self.mode,
            "key": list(self.key),
            "created": self.created,
            "staged": self.staged,
            "present": self.present,
            **rows,
            "unchanged": self.unchanged,
            "changed_columns": dict(self.changed_columns),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """What a foreign key will do to rows of another table; ``deleted``, or else changed."""

    table: str
    foreign_key: str
    action: str
    deleted: bool
    rows: Rows

    def __str__(self) -> str:
        """Say it in words."""
        done = "be deleted" if self.deleted else f"change ({self.action})"
        return f"{self.table}: {self.rows} will {done}, by the foreign key {self.foreign_key}"


@dataclass(frozen=True, slots=True)
class SequenceMove:
    """A sequence, by its name for people and in SQL, and the backup's value: the least it will have."""

    sequence: str
    sql: str
    value: int
    is_called: bool


@dataclass(frozen=True, slots=True)
class TablesPlan:
    """What a restore of tables will do, all in one transaction.

    ``problems`` are why it cannot be done: with any, nothing is. ``safety``: what is about to change or
    go is backed up before.
    """

    backup: str
    source: str
    created_at: str
    database: str
    tables: tuple[TablePlan, ...]
    effects: tuple[Effect, ...] = ()
    sequences: tuple[SequenceMove, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Finding, ...] = ()
    safety: bool = True

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to do."""
        return any(table.changes_anything for table in self.tables) or bool(self.sequences)

    def sentences(self) -> list[list[str]]:
        """Return the plan as steps, each a heading and what belongs to it."""
        steps = [table.lines() for table in self.tables]
        steps += [[str(effect)] for effect in self.effects]
        steps += [
            [f"move the sequence {move.sequence} up to {move.value:,}"] for move in self.sequences
        ]
        if self.problems:
            return steps
        if not self.changes_anything:
            return [*steps, ["nothing to do: the rows are there as the backup has them"]]
        saved = any(table.changes_anything and not table.created for table in self.tables)
        if self.safety and saved:
            steps.append(["back up the rows that will change or go"])
        return [*steps, ["compare with the backup, and commit only if it matches"]]

    def steps(self) -> list[str]:
        """Return the plan as one sentence for each step."""
        return ["; ".join(lines) for lines in self.sentences()]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it stands in the ``--json`` document."""
        return {
            "way": "tables",
            "backup": self.backup,
            "source": self.source,
            "database": self.database,
            "tables": [table.as_json() for table in self.tables],
            "effects": [
                {
                    "table": effect.table,
                    "foreign_key": effect.foreign_key,
                    "action": effect.action,
                    "deleted": effect.deleted,
                    "rows": effect.rows.count,
                    "samples": list(effect.rows.names),
                }
                for effect in self.effects
            ],
            "sequences": {move.sequence: move.value for move in self.sequences},
            "problems": [problem.as_json() for problem in self.problems],
            "steps": self.steps(),
            "notes": list(self.notes),
        }


def row_name(columns: Sequence[str], values: Sequence[str | None]) -> str:
    """Return what a row is called: ``id=5``; long values are cut."""
    return " ".join(
        f"{column}={_shown(value)}" for column, value in zip(columns, values, strict=True)
    )


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _shown(value: str | None) -> str:
    if value is None:
        return "NULL"
    return value if len(value) <= SHOWN_VALUE else value[: SHOWN_VALUE - 1] + "…"
