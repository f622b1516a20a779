"""A database that is gone altogether comes back from its backup, with what is in no dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import database_names, query

from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.properties import read_properties
from dbsnap.postgres.throwaway import server_binaries, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

PROPERTIES = """
ALTER DATABASE "{name}" SET search_path TO 'app', "$user", public;
ALTER DATABASE "{name}" SET work_mem TO '5MB';
COMMENT ON DATABASE "{name}" IS 'it''s ours';
ALTER DATABASE "{name}" CONNECTION LIMIT 17;
CREATE ROLE dbsnap_test_lost LOGIN;
ALTER ROLE dbsnap_test_lost IN DATABASE "{name}" SET statement_timeout TO '9s';
GRANT CREATE ON DATABASE "{name}" TO dbsnap_test_lost WITH GRANT OPTION;
REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC;
ALTER DATABASE "{name}" OWNER TO dbsnap_test_lost;
"""


def statements(sql: str) -> list[str]:
    return [statement for statement in sql.split(";\n") if statement.strip()]


@pytest.fixture
def lost(
    server: ThrowawayServer, new_database: Callable[..., Database], tmp_path: Path
) -> tuple[Database, Path]:
    """Give a database that was backed up and then dropped, and its dump."""
    database = new_database("CREATE TABLE users (id int); INSERT INTO users VALUES (1);")
    with connect(server.database()) as connection:
        execute(connection, "DROP ROLE IF EXISTS dbsnap_test_lost")
        for statement in statements(PROPERTIES.format(name=database.name)):
            execute(connection, statement)
    dump = backup(database, target="test", directory=tmp_path).dump
    return database, dump


def test_it_comes_back_with_its_properties(
    lost: tuple[Database, Path], server: ThrowawayServer
) -> None:
    database, dump = lost
    with connect(server.database()) as connection:
        before = read_properties(connection, database.name)
        execute(connection, f'DROP DATABASE "{database.name}"')
    assert database.name not in database_names(server)
    restored = restore(dump, database, confirm=lambda _plan: None)
    assert restored.plan.way == "create"
    with connect(server.database()) as connection:
        after = read_properties(connection, database.name)
    assert before is not None
    assert after is not None
    assert not before.differences(after)
    assert not verify(dump, database).findings


def test_on_another_server_it_comes_back_with_what_can_be_had(
    lost: tuple[Database, Path], server: ThrowawayServer
) -> None:
    database, dump = lost
    with throwaway_server(server_binaries(major=server.version[0])) as other:
        elsewhere = other.database(database.name)
        restore(dump, elsewhere, confirm=lambda _plan: None)
        assert query(elsewhere, "SELECT id FROM users") == [(1,)]
        with connect(other.database()) as connection:
            found = read_properties(connection, database.name)
    assert found is not None
    assert found.comment == "it's ours"
    assert found.connection_limit == 17
    assert {setting for role, setting in found.settings if role is None} == {
        'search_path=app, "$user", public',
        "work_mem=5MB",
    }
