"""What a restore will do: chosen by the user, decided by the preflight, shown, and then followed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from dbsnap.operations.migrations import NO_MIGRATIONS

if TYPE_CHECKING:
    from dbsnap.operations.migrations import MigrationReport, ProjectMigrations
    from dbsnap.postgres.discovery import Program
    from dbsnap.postgres.properties import DatabaseProperties
    from dbsnap.postgres.url import Database

Way = Literal["swap", "create", "beside", "in place"]
PrivilegesMode = Literal["auto", "none", "require"]

PARALLEL_FROM_BYTES = 64 << 20
"""Smaller dumps are loaded by one session about as soon as by several."""


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What the user chose. ``to`` restores beside everything, under that name, and swaps nothing.

    ``allow`` names rules of the guard that the dump may break, ``untrusted`` holds it to all others
    whatever its record says. ``as_role`` is the role that loads the dump instead of the one that does
    everything else; its password may also come from a passfile. ``migrations`` are those beside the
    project; where it is None, nothing is said of Prisma's migrations. ``jobs`` sessions load a
    dump with a record, of ``parallel_from`` bytes of text or more, and read it back; never in place.
    """

    to: str | None = None
    in_place: bool = False
    drop_old: bool = False
    privileges: PrivilegesMode = "auto"
    allow: tuple[str, ...] = ()
    untrusted: bool = False
    as_role: str | None = None
    as_role_password: str | None = field(default=None, repr=False)
    migrations: ProjectMigrations | None = None
    jobs: int = 1
    parallel_from: int = PARALLEL_FROM_BYTES


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What will happen, in the order in which it will.

    ``way`` is ``swap`` (a database is replaced), ``create`` (there is none of that name yet),
    ``beside`` (``--to``) or ``in place`` (one transaction in the live database). ``sessions`` counts
    those that the swap will end. ``loader`` is how psql reaches the server to load the dump.
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
    loader: Database
    sessions: int
    notes: tuple[str, ...]
    migrations: MigrationReport = NO_MIGRATIONS

    def bringing(self, migrations: MigrationReport) -> RestorePlan:
        """Return the plan with what is to be known of the migrations that it will bring."""
        said = [each.message for each in migrations.findings if each.severity != "note"]
        return replace(self, notes=(*self.notes, *said), migrations=migrations)

    @property
    def properties_while_loading(self) -> DatabaseProperties:
        """The properties of the database while the role that loads it has to own it."""
        if self.loader is self.database:
            return self.properties
        return replace(self.properties, owner=self.loader.parameters["user"])

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
