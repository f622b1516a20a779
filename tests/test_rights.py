"""What a role that is no superuser may restore, and which right it is told that it lacks."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import database_names, dbsnap, query, run_sql, url_of

from dbsnap.errors import RightMissing
from dbsnap.operations.backup import backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.rollback import rollback
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import find_programs
from dbsnap.postgres.dump import dump_stream
from dbsnap.postgres.properties import read_properties
from dbsnap.postgres.quoting import quote_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Servers

    from dbsnap.operations.backup import Backup
    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]
    NewRole = Callable[..., str]

SCHEMAS = Path(__file__).parent / "schemas"
LIVE = """
CREATE TABLE public.extra (id serial PRIMARY KEY);
CREATE VIEW public.extra_view AS SELECT * FROM public.extra;
CREATE TYPE public.extra_type AS ENUM ('a');
DROP TABLE public.messages CASCADE;
DELETE FROM public._prisma_migrations;
"""
SMALL = "CREATE TABLE public.marker (content text); INSERT INTO public.marker VALUES ('old');"


@pytest.fixture
def new_role(servers: Servers) -> Iterator[NewRole]:
    """Give a function that makes a role, which goes at the end with what databases say of it."""
    made: list[tuple[ThrowawayServer, str]] = []

    def create(attributes: str = "", *, major: int = 18) -> str:
        name = f"Role {secrets.token_hex(4)}"
        with connect(servers.of(major).database()) as connection:
            execute(connection, f"CREATE ROLE {quote_name(name)} LOGIN {attributes}")
        made.append((servers.of(major), name))
        return name

    yield create
    for server, name in made:
        with connect(server.database()) as connection:
            execute(connection, f"DROP ROLE {quote_name(name)}")


@contextmanager
def superuser(database: Database, name: str = "postgres") -> Iterator[Connection]:
    parameters = {**database.parameters, "user": "postgres"}
    with connect(replace(database, parameters=parameters).with_name(name)) as connection:
        yield connection


def as_role(database: Database, role: str) -> Database:
    return replace(database, parameters={**database.parameters, "user": role})


def owned_by(role: str, database: Database, sql: str = "") -> Database:
    """Give a database to a role, and return its address as that role."""
    with superuser(database) as connection:
        owner = quote_name(role)
        execute(connection, f"ALTER DATABASE {quote_name(database.name)} OWNER TO {owner}")
    run_sql(as_role(database, role), sql)
    return as_role(database, role)


def put_back(taken: Backup, database: Database, **options: object) -> Restored:
    chosen = RestoreOptions(**options)  # type: ignore[arg-type]
    return restore(taken.dump, database, confirm=lambda _plan: None, options=chosen)


def take(database: Database, directory: Path) -> Backup:
    return backup(database, target="test", directory=directory)


def dump_of(database: Database) -> str:
    program = max(find_programs("pg_dump"), key=lambda program: program.version)
    parameters = {**database.parameters, "user": "postgres"}
    with dump_stream(program, replace(database, parameters=parameters), []) as read:
        text = b"".join(iter(lambda: read(1 << 20), b"")).decode()
    return "\n".join(line for line in text.splitlines() if "restrict " not in line)


@pytest.mark.parametrize("stem", ["prisma", "schemas_crossed", "partitions"])
def test_the_owner_without_createdb_restores_in_place(
    stem: str, new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role()
    database = owned_by(role, new_database(), (SCHEMAS / f"{stem}.sql").read_text())
    taken = take(database, tmp_path)
    run_sql(database, "CREATE SCHEMA extra CREATE TABLE t (id integer); CREATE TYPE added AS ()")
    if stem == "prisma":
        run_sql(database, LIVE)
    assert verify(taken.dump, database).findings
    assert not put_back(taken, database, in_place=True, privileges="require").findings
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("major", [18, pytest.param(15, marks=pytest.mark.matrix)])
def test_the_owner_of_the_objects_alone_restores_in_place(
    major: int, new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role(major=major)
    database = new_database(major=major)
    with superuser(database, database.name) as connection:
        execute(connection, f"GRANT CREATE ON SCHEMA public TO {quote_name(role)}")
    database = as_role(database, role)
    run_sql(database, (SCHEMAS / "prisma.sql").read_text())
    taken = take(database, tmp_path)
    run_sql(database, LIVE)
    assert verify(taken.dump, database).findings
    # What the role may not grant on the schema was never taken away: no warning.
    assert not put_back(taken, database, in_place=True).findings
    assert not verify(taken.dump, database).findings


def test_grants_on_the_schema_public_are_the_backups_or_named(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role, other = new_role(), new_role()
    database = new_database()
    grant = f"GRANT CREATE ON SCHEMA public TO {quote_name(other)}"
    with superuser(database, database.name) as connection:
        execute(connection, f"GRANT CREATE ON SCHEMA public TO {quote_name(role)}")
        execute(connection, "REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        execute(connection, f"GRANT USAGE ON SCHEMA public TO {quote_name(role)}")
    database = as_role(database, role)
    run_sql(database, SMALL)
    taken = take(database, tmp_path)
    with superuser(database, database.name) as connection:
        execute(connection, grant)
    (named,) = put_back(taken, database, in_place=True).findings
    assert (named.object, named.severity) == ("privilege schema public", "warning")
    with superuser(database) as connection:
        whole = replace(database, parameters={**database.parameters, "user": "postgres"})
        assert not put_back(taken, whole, in_place=True, privileges="require").findings
    assert not verify(taken.dump, database).findings


def test_what_another_role_owns_is_named_before_anything_changes(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role()
    database = owned_by(role, new_database(), SMALL)
    taken = take(database, tmp_path)
    with superuser(database, database.name) as connection:
        execute(connection, "CREATE TABLE public.foreign_table (id integer)")
        execute(connection, "CREATE SCHEMA foreign_schema")
        execute(connection, "CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql RETURN 1")
        execute(connection, "CREATE TYPE public.foreign_type AS ENUM ()")
        execute(connection, "CREATE EXTENSION citext SCHEMA public")
    before = dump_of(database)
    with pytest.raises(RightMissing) as failure:
        put_back(taken, database, in_place=True)
    message = str(failure.value)
    assert "ownership of schema foreign_schema (postgres's)" in message
    assert "ownership of extension citext (postgres's)" in message
    assert "ownership of table public.foreign_table (postgres's)" in message
    assert "ownership of 2 more objects" in message
    assert dump_of(database) == before


def test_a_role_with_neither_right_is_told_which(
    server: ThrowawayServer, new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role()
    database = new_database(SMALL + "CREATE SCHEMA other CREATE TABLE t (id integer);")
    take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    before, names = dump_of(database), database_names(server)
    common = ["--dir", str(tmp_path), "--url", url_of(as_role(database, role)), "--json"]
    swapping = dbsnap("restore", "latest", "--yes", *common, cwd=tmp_path)
    assert swapping.returncode == 5, swapping.stderr
    assert json.loads(swapping.stdout)["status"] == "not-run"
    for right in ("CREATEDB", "CREATE on the schema public", "CREATE on the database"):
        assert right in swapping.stdout
    in_place = dbsnap("restore", "latest", "--in-place", "--yes", *common, cwd=tmp_path)
    assert in_place.returncode == 5, in_place.stderr
    for right in ("CREATE on the schema public", "CREATE on the database", "ownership of table"):
        assert right in in_place.stdout
    assert dump_of(database) == before
    assert database_names(server) == names


def test_the_hint_names_in_place_only_where_it_would_work(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role()
    database = owned_by(role, new_database(), SMALL)
    taken = take(database, tmp_path)
    with pytest.raises(RightMissing, match="CREATEDB") as failure:
        put_back(taken, database)
    assert "--in-place" in failure.value.hint
    with pytest.raises(RightMissing, match="CREATEDB") as failure:
        put_back(taken, database, to=database.name + "_beside")
    assert "--in-place" not in failure.value.hint


@contextmanager
def nobody_enters_postgres(database: Database) -> Iterator[None]:
    """Close the database postgres for all but superusers."""
    with superuser(database) as connection:
        execute(connection, "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        try:
            yield
        finally:
            execute(connection, "GRANT CONNECT ON DATABASE postgres TO PUBLIC")


def test_an_owner_with_createdb_swaps(
    server: ThrowawayServer, new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role, reader = new_role("CREATEDB"), new_role()
    database = owned_by(role, new_database(), (SCHEMAS / "prisma.sql").read_text())
    name, own, other = (quote_name(part) for part in (database.name, role, reader))
    run_sql(
        database,
        f"ALTER DATABASE {name} SET work_mem TO '5MB';"
        f'ALTER DATABASE {name} SET search_path TO "$user", public, "odd, one";'
        f"ALTER DATABASE {name} SET application_name TO 'it''s';"
        f"ALTER ROLE {own} IN DATABASE {name} SET timezone TO 'Asia/Tokyo';"
        f"COMMENT ON DATABASE {name} IS 'a ''comment''';"
        f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC;"
        f"GRANT CREATE, CONNECT ON DATABASE {name} TO {other} WITH GRANT OPTION;"
        f"ALTER DATABASE {name} CONNECTION LIMIT 7",
    )
    with superuser(database) as connection:
        before = read_properties(connection, database.name)
    assert before is not None
    assert len(before.settings) == 4
    with nobody_enters_postgres(database), connect(database) as own_session:
        taken = take(database, tmp_path)
        run_sql(database, LIVE)
        restored = put_back(taken, database)
        with pytest.raises(Exception, match=r"terminat|closed"):
            own_session.execute("SELECT 1")
    assert not verify(taken.dump, database).findings
    assert restored.plan.kept in database_names(server)
    with superuser(database) as connection:
        assert read_properties(connection, database.name) == before
        rollback(database, confirm=lambda _plan: None)
        assert read_properties(connection, database.name) == before
    assert query(database, "SELECT count(*) FROM extra") == [(0,)]


def test_settings_only_a_superuser_may_keep_stop_it_before_the_swap(
    server: ThrowawayServer, new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role("CREATEDB")
    database = owned_by(role, new_database(), SMALL)
    with superuser(database) as connection:
        execute(
            connection, f"ALTER DATABASE {quote_name(database.name)} SET log_statement TO 'all'"
        )
    taken = take(database, tmp_path)
    run_sql(database, "UPDATE public.marker SET content = 'new'")
    names = database_names(server)
    with pytest.raises(RightMissing, match=r"cannot be kept.*log_statement"):
        put_back(taken, database)
    assert database_names(server) == names
    assert query(database, "SELECT content FROM marker") == [("new",)]


def test_a_role_that_does_not_own_the_database_is_told_so(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    role = new_role("CREATEDB")
    database = new_database(SMALL)
    taken = take(database, tmp_path)
    with pytest.raises(RightMissing, match="not a member of postgres, which owns the database"):
        put_back(taken, as_role(database, role))


def test_a_member_of_the_owner_swaps_and_the_owner_stays(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    owner, member = new_role(), new_role("CREATEDB")
    database = owned_by(owner, new_database(), SMALL)
    with superuser(database) as connection:
        execute(connection, f"GRANT {quote_name(owner)} TO {quote_name(member)}")
    taken = take(database, tmp_path)
    assert not put_back(taken, as_role(database, member)).findings
    assert not verify(taken.dump, database).findings
    with superuser(database) as connection:
        properties = read_properties(connection, database.name)
    assert properties is not None
    assert properties.owner == owner


def test_what_another_roles_killed_restore_left_is_in_nobodys_way(
    new_role: NewRole, new_database: NewDatabase, tmp_path: Path
) -> None:
    owner = new_role("CREATEDB")
    database = owned_by(owner, new_database(), SMALL)
    taken = take(database, tmp_path)
    others = f"{database.name}_restore_20200101_000000"
    with superuser(database) as connection:
        execute(connection, f"CREATE DATABASE {quote_name(others)}")
    put_back(taken, database, drop_old=True)
    assert not verify(taken.dump, database).findings
    with superuser(database) as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert others in names
