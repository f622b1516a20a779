"""demo: a throw-away server with a sample database, and the steps of the tour through it."""

from __future__ import annotations

import hashlib
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database

DATABASE_NAME = "demo"
DIFFERENT = 4
"""The exit code of a verify that finds differences."""

MIGRATION = "migration "
_SECTION = re.compile(r"^-- section: (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One step of the tour: a sentence, and the command as a user would type it.

    Either ``arguments`` are given to dbsnap, which ends with ``expected_exit``, or ``sql`` is one
    statement for the sample database.
    """

    title: str
    shown: str
    arguments: tuple[str, ...] = ()
    sql: str = ""
    expected_exit: int = 0


def _dbsnap(title: str, *arguments: str, expected_exit: int = 0) -> DemoStep:
    typed = " ".join(f'"{word}"' if " " in word else word for word in arguments)
    return DemoStep(title, f"dbsnap {typed}", arguments, expected_exit=expected_exit)


def _psql(title: str, sql: str) -> DemoStep:
    return DemoStep(title, f'psql "$DATABASE_URL" -c "{sql}"', sql=sql)


DEMO_STEPS: tuple[DemoStep, ...] = (
    _dbsnap("Back up the whole database.", "backup", "--reason", "before the clean-up"),
    _dbsnap("The backup is in the list.", "list"),
    _dbsnap("This is what its record promises.", "show", "latest"),
    _dbsnap("The live database holds exactly that.", "verify", "latest"),
    _psql(
        "Now an accident: three users go, and all that hangs on them.",
        "DELETE FROM users WHERE id <= 3",
    ),
    _psql("Somebody drops an index.", "DROP INDEX messages_user_id_idx"),
    _psql(
        "And one value deep inside a JSONB column changes.",
        "UPDATE list_data_rows SET data = jsonb_set(data, '{price}', '0') WHERE id = 1234",
    ),
    _dbsnap(
        "Verify names every difference and exits with 4.",
        *("verify", "latest"),
        expected_exit=DIFFERENT,
    ),
    _dbsnap("What would a restore do? It changes nothing yet.", "restore", "latest", "--dry-run"),
    _dbsnap(
        "Restore: load beside, compare, and only then swap.",
        *("restore", "latest", "--yes"),
    ),
    _dbsnap("Everything is back.", "verify", "latest"),
    _dbsnap("A restore can be undone: the replaced database was kept.", "rollback", "--yes"),
    _dbsnap(
        "So the damage is live again.",
        *("verify", "latest"),
        expected_exit=DIFFERENT,
    ),
    _dbsnap("A rollback can be undone in its turn.", "rollback", "--yes"),
    _dbsnap("The restored database is live, whole and verified.", "verify", "latest"),
)
"""Backup, damage, restore, rollback; each leaves the sample database as the next one expects it."""


@contextmanager
def demo_database(*, pg_bin: Sequence[Path] = ()) -> Iterator[Database]:
    """Start a server, fill its database ``demo``, and discard both at the end.

    Raises ToolUnavailable when this machine has no server binaries, OperationFailed when the server
    does not start.
    """
    with throwaway_server(server_binaries(pg_bin=pg_bin)) as server:
        with connect(server.database()) as maintenance:
            execute(maintenance, f"CREATE DATABASE {DATABASE_NAME}")
        database = server.database(DATABASE_NAME)
        with connect(database) as connection:
            seed(connection)
        yield database


def seed(connection: Connection) -> None:
    """Fill an empty database with the sample data, about 6,000 rows, in one transaction.

    The bytes are the same each time: nothing depends on the clock, on chance, or on the session's
    TimeZone, DateStyle and IntervalStyle.
    """
    with connection.transaction():
        execute(connection, "SET LOCAL search_path TO public")
        for name, sql in _sections().items():
            execute(connection, sql)
            if name.startswith(MIGRATION):
                _record_migration(connection, name.removeprefix(MIGRATION), sql)


def damage(database: Database, sql: str) -> str:
    """Execute one statement as psql would, and return what psql would answer (``DELETE 3``)."""
    with connect(database) as connection:
        execute(connection, "RESET search_path")
        return connection.execute(sql.encode()).statusmessage or ""


def address(database: Database) -> str:
    """Return the URL for DATABASE_URL; a throw-away server has no password to give away."""
    parameters = dict(database.parameters)
    name = parameters.pop("dbname")
    return f"postgresql:///{quote(name, safe='')}?{urlencode(parameters, quote_via=quote)}"


def _sections() -> dict[str, str]:
    """Return the SQL of ``demo_data.sql`` by section, in the file's order."""
    text = resources.files("dbsnap.operations").joinpath("demo_data.sql").read_text("utf-8")
    _, *pieces = _SECTION.split(text)
    return dict(zip(pieces[0::2], pieces[1::2], strict=True))


def _record_migration(connection: Connection, name: str, sql: str) -> None:
    """Write the row that ``prisma migrate deploy`` would have written twelve minutes later."""
    started = datetime.strptime(name[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    started += timedelta(minutes=12, microseconds=345678)
    connection.execute(
        "INSERT INTO _prisma_migrations"
        " (id, checksum, finished_at, migration_name, started_at, applied_steps_count)"
        " VALUES (%s, %s, %s, %s, %s, 1)",
        [
            str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            hashlib.sha256(sql.encode()).hexdigest(),
            started + timedelta(microseconds=41913),
            name,
            started,
        ],
    )
