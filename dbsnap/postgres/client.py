"""The environment in which psql and pg_dump find the same database that psycopg found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbsnap.postgres.url import Database

NOT_INHERITED = frozenset(
    {"PGCLIENTENCODING", "PGTZ", "PGDATESTYLE", "PGGEQO", "PGAPPNAME", "PGDATA"}
)
"""Variables that change what comes out, not where it comes from: dbsnap sets what it needs of them."""

CONNECT_SECONDS = "15"
"""How long a connection attempt may take when the address does not say."""


def client_environment(
    database: Database, *, application: str, options: str = ""
) -> dict[str, str]:
    """Return the libpq variables for a program that is to connect to ``database``.

    What the address leaves open comes from this process's own PG… variables, as it does for psycopg.
    ``options`` are command-line options for the server session, added to those the address has.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PG") and name not in NOT_INHERITED
    }
    environment = {"PGCONNECT_TIMEOUT": CONNECT_SECONDS, **inherited, **database.environment()}
    environment["PGAPPNAME"] = application
    environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {options}".strip()
    if not environment["PGOPTIONS"]:
        del environment["PGOPTIONS"]
    return environment
