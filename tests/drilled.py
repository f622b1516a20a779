"""What the tests of drills share: backups to drill, and a server to drill them on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dbsnap.operations.backup import backup

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.postgres.url import Database
    from dbsnap.reports.outcome import Drill

SHOP = """
CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE, age integer CHECK (age > 0));
INSERT INTO users (email, age) SELECT 'user' || n, n FROM generate_series(1, 30) AS n;
CREATE TABLE orders (id serial PRIMARY KEY, user_id integer REFERENCES users, total numeric(10, 2));
INSERT INTO orders (user_id, total) SELECT 1 + n % 30, n FROM generate_series(1, 100) AS n;
CREATE INDEX orders_user ON orders (user_id);
CREATE VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
COMMENT ON TABLE users IS 'people';
CREATE TABLE "<b>|::error::`x`" (id integer);
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
    finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
INSERT INTO _prisma_migrations VALUES ('1', repeat('a', 64), now(), '20240101000000_init');
"""


def taken(database: Database, directory: Path) -> Path:
    """Take a backup and return its dump."""
    return directory / backup(database, target="t", directory=directory).record.dump.file


def edit_record(dump: Path, edit: Any) -> None:
    """Change a record in place; ``edit`` is given the document."""
    path = dump.with_name(dump.name.partition(".")[0] + ".json")
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def outcomes(drill: Drill) -> dict[str, str]:
    """Return how each check ended."""
    return {check.name: check.outcome for check in drill.checks}


def not_passed(drill: Drill) -> dict[str, str]:
    """Return the checks that did not pass."""
    return {name: outcome for name, outcome in outcomes(drill).items() if outcome != "PASS"}
