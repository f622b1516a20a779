"""What a restore will do: chosen by the user, decided by the preflight, shown, and then followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.properties import DatabaseProperties
    from dbsnap.postgres.url import Database

Way = Literal["swap", "create", "beside", "in place"]
PrivilegesMode = Literal["auto", "none", "require"]


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What the user chose. ``to`` restores beside everything, under that name, and swaps nothing."""

    to: str | None = None
    in_place: bool = False
    drop_old: bool = False
    privileges: PrivilegesMode = "auto"


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What will happen, in the order in which it will.

    ``way`` is ``swap`` (a database is replaced), ``create`` (there is none of that name yet),
    ``beside`` (``--to``) or ``in place`` (one transaction in the live database). ``sessions`` counts
    those that the swap will end.
    """

    way: Way
    backup: str
    source: str
    created_at: str
    tables: int
    rows: int
    database: Database
    filled: str
    kept: str | None
    properties: DatabaseProperties
    psql: Program
    sessions: int
    notes: tuple[str, ...]

    def steps(self) -> list[str]:
        """Return the plan as sentences."""
        what = f"{self.backup}: {_counted(self.tables, 'table')}, {_counted(self.rows, 'row')}"
        name = self.database.name
        match self.way:
            case "in place":
                return [
                    f"empty {self.database.label} and load {what}, in one transaction",
                    "compare all of it with the backup, and commit only if it matches",
                ]
            case "beside":
                return [f"load {what} into the new database {self.filled}", "compare it"]
            case "create":
                return [
                    f"load {what} into a new database and compare it",
                    f"give it the name {name}, which no database has now",
                ]
            case _:
                kept = f"keep the present {name} as {self.kept}"
                return [
                    f"load {what} into the new database {self.filled}, and compare it",
                    (
                        f"put it in the place of {self.database.label}, "
                        f"ending {_counted(self.sessions, 'session')}"
                    ),
                    kept if self.kept else f"drop the replaced {name}",
                ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
