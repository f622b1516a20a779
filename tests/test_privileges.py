"""Owners and grants: kept apart from the dump, and put back where the roles exist."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import address_of, database_names, dbsnap, psql_of, query, run_sql
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.dumpfile.lexer import Statement, lex
from dbsnap.dumpfile.lexing.tokens import tokenize
from dbsnap.dumpfile.privileges import (
    _PERHAPS,
    RESET_AUTHORIZATION,
    SET_AUTHORIZATION,
    _is_about_privileges,
    applicable,
    privilege_statements,
    render,
    units,
)
from dbsnap.errors import CannotRun, DumpRefused, OperationFailed
from dbsnap.operations.backup import backup
from dbsnap.operations.opened import opened_backup
from dbsnap.operations.restore import restore
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.restoring.privileges import apply_privileges
from dbsnap.operations.verify import verify
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.quoting import quote_name
from dbsnap.postgres.throwaway import server_binaries, throwaway_server
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbsnap.dumpfile.privileges import PrivilegeStatement
    from dbsnap.operations.backup import Backup
    from dbsnap.operations.restore import Restored
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

ROLES = (Path(__file__).parent / "schemas/roles.sql").read_text()
OWN_ROLES = ("owner", "reader", "granting", '"quoted" role', "public role", "current_user")
GRANTS = """
CREATE SCHEMA s AUTHORIZATION {owner};
CREATE TABLE s.t (id serial PRIMARY KEY, a text, "to" text);
ALTER TABLE s.t OWNER TO {owner};
CREATE TABLE s.to_nobody (id integer);
CREATE TYPE s.mood AS ENUM ('good');
CREATE FUNCTION s.f("to" integer, authorization_of text DEFAULT 'to x') RETURNS integer
    LANGUAGE sql RETURN 1;
GRANT USAGE ON SCHEMA s TO {reader}, {granting}, {quoted};
GRANT SELECT (id, "to"), UPDATE (a) ON s.t TO {reader};
GRANT SELECT, INSERT ON s.t TO {granting} WITH GRANT OPTION;
SET SESSION AUTHORIZATION {granting};
GRANT SELECT ON s.t TO {reader}, {quoted} WITH GRANT OPTION;
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION {quoted};
GRANT SELECT ON s.t TO PUBLIC;
RESET SESSION AUTHORIZATION;
REVOKE EXECUTE ON FUNCTION s.f(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION s.f(integer, text) TO {public};
REVOKE USAGE ON TYPE s.mood FROM PUBLIC;
GRANT USAGE ON TYPE s.mood TO {current};
GRANT ALL ON SEQUENCE s.t_id_seq TO {reader};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA s GRANT SELECT ON TABLES TO {reader};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE {granting} GRANT ALL ON SCHEMAS TO {quoted} WITH GRANT OPTION;
INSERT INTO s.t (a) VALUES ('one');
"""
LARGE_OBJECT = """
SELECT lo_from_bytea(424242, 'content');
ALTER LARGE OBJECT 424242 OWNER TO {owner};
GRANT SELECT ON LARGE OBJECT 424242 TO {reader};
"""


@pytest.fixture
def roles(server: ThrowawayServer) -> Iterator[dict[str, str]]:
    """Give quoted names of new roles, which go at the end."""
    stamp = secrets.token_hex(4)
    made = {part: quote_name(f"{part} {stamp}") for part in OWN_ROLES}
    made["current_user"] = quote_name("current_user")
    with connect(server.database()) as connection:
        for name in made.values():
            execute(connection, f"CREATE ROLE {name}")
    yield made
    with connect(server.database()) as connection:
        for name in made.values():
            execute(connection, f"DROP ROLE {name}")


@pytest.fixture
def granted(roles: dict[str, str], new_database: NewDatabase) -> Callable[[str], Database]:
    """Give a function that makes a database full of grants, which go before the roles do."""
    names = {key.split()[0].strip('"').split("_")[0]: name for key, name in roles.items()}
    return lambda more="": new_database((GRANTS + more).format(**names))


def take(database: Database, directory: Path) -> Backup:
    return backup(database, target="test", directory=directory)


def put_back(taken: Backup, database: Database, **options: object) -> Restored:
    chosen = RestoreOptions(**{"drop_old": True, **options})  # type: ignore[arg-type]
    return restore(taken.dump, database, confirm=lambda _plan: None, options=chosen)


def kinds_that_differ(taken: Backup, database: Database) -> set[str]:
    return {finding.object.split(" ")[0] for finding in verify(taken.dump, database).findings}


def statements_of(dump: Path) -> list[bytes]:
    with dump.open("rb") as source:
        return [event.text for event in lex(source.read) if isinstance(event, Statement)]


def test_the_dump_is_portable_and_the_rest_stands_apart(
    granted: Callable[[str], Database], tmp_path: Path
) -> None:
    taken = take(granted(LARGE_OBJECT), tmp_path)
    telling = re.compile(rb"\A(GRANT|REVOKE|ALTER DEFAULT|(RE)?SET SESSION AUTH)|\bOWNER TO\b")
    assert not [text for text in statements_of(taken.dump) if telling.search(text)]
    beside = statements_of(tmp_path / taken.record.privileges.file)
    assert all(text.startswith(b"SET ") or telling.search(text) for text in beside)
    for part in (b"OWNER TO", b"GRANT SELECT(id)", b"ON LARGE OBJECT", b"ALTER DEFAULT PRIVILEGES"):
        assert any(part in text for text in beside), part


@pytest.mark.parametrize("mode", ["auto", "require"])
@pytest.mark.parametrize("in_place", [False, True])
def test_owners_and_grants_come_back(
    mode: str, in_place: bool, granted: Callable[[str], Database], tmp_path: Path
) -> None:
    database = granted("" if in_place else LARGE_OBJECT)
    taken = take(database, tmp_path)
    run_sql(
        database, "REVOKE ALL ON s.t FROM PUBLIC CASCADE; ALTER TABLE s.t OWNER TO CURRENT_USER"
    )
    assert kinds_that_differ(taken, database) == {"privilege"}
    restored = put_back(taken, database, privileges=mode, in_place=in_place)
    assert not restored.findings
    assert not verify(taken.dump, database).findings


def test_the_catalogue_of_roles_comes_back(new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database(ROLES)
    taken = take(database, tmp_path)
    run_sql(database, "DROP SCHEMA owned CASCADE")
    assert not put_back(taken, database, privileges="require").findings
    assert not verify(taken.dump, database).findings


@pytest.mark.parametrize("in_place", [False, True])
def test_none_applies_nothing(
    in_place: bool, granted: Callable[[str], Database], tmp_path: Path
) -> None:
    database = granted("")
    taken = take(database, tmp_path)
    assert not put_back(taken, database, privileges="none", in_place=in_place).findings
    owners = query(database, "SELECT DISTINCT relowner::regrole::text, relacl FROM pg_class "
                   "WHERE relnamespace = 's'::regnamespace")  # fmt: skip
    assert owners == [("postgres", None)]
    assert query(database, "SELECT count(*) FROM pg_default_acl") == [(0,)]
    assert kinds_that_differ(taken, database) == {"privilege"}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ThrowawayServer]:
    """Give another server of the same major, without the roles of the first."""
    with throwaway_server(server_binaries(major=18)) as other:
        yield other


@pytest.mark.parametrize("in_place", [False, True])
def test_roles_that_do_not_exist_are_named_and_the_rest_is_applied(
    in_place: bool,
    roles: dict[str, str],
    granted: Callable[[str], Database],
    elsewhere: ThrowawayServer,
    tmp_path: Path,
) -> None:
    source = granted("")
    taken = take(source, tmp_path)
    database = elsewhere.database(source.name)
    with connect(elsewhere.database()) as connection:
        execute(connection, f"CREATE DATABASE {quote_name(database.name)}")
        execute(connection, f"CREATE ROLE {roles['reader']}")
    restored = put_back(taken, database, in_place=in_place)
    (warning,) = restored.findings
    assert warning.severity == "warning"
    stamp = roles["reader"].strip('"').removeprefix("reader ")
    absent = ['"quoted" role', "granting", "owner", "public role"]
    named = sorted([*(f"{name} {stamp}" for name in absent), "current_user"])
    assert warning.message.endswith(f"roles do not exist here: {', '.join(named)}")
    reader = roles["reader"].strip('"')
    readable = (
        "SELECT has_schema_privilege(%s, 's', 'USAGE'), has_column_privilege(%s, 's.t', 'a', 'UPDATE'),"
        " has_function_privilege('public', 's.f(integer, text)', 'EXECUTE')"
    )
    with connect(database) as connection:
        assert connection.execute(readable, [reader, reader]).fetchall() == [(True, True, False)]
    assert kinds_that_differ(taken, database) == {"privilege"}
    with connect(elsewhere.database()) as connection:
        execute(connection, f"DROP DATABASE {quote_name(database.name)}")
        execute(connection, f"DROP ROLE {roles['reader']}")


@pytest.mark.parametrize("way", [[], ["--in-place"], ["--to", "beside"]])
def test_require_stops_before_anything_when_a_role_is_missing(
    way: list[str],
    granted: Callable[[str], Database],
    elsewhere: ThrowawayServer,
    tmp_path: Path,
) -> None:
    take(granted(""), tmp_path)
    with connect(elsewhere.database()) as connection:
        execute(connection, "DROP DATABASE IF EXISTS waiting")
        execute(connection, "CREATE DATABASE waiting")
    database = elsewhere.database("waiting")
    run_sql(database, "CREATE TABLE here (id integer)")
    names = database_names(elsewhere)
    run = dbsnap(
        *("restore", "latest", "--dry-run", "--privileges", "require", *way),
        *("--dir", str(tmp_path), "--url", address_of(database)),
        cwd=tmp_path,
    )
    assert run.returncode == 5, "the plan itself"
    run = dbsnap(
        *("restore", "latest", "--yes", "--privileges", "require", *way),
        *("--dir", str(tmp_path), "--url", address_of(database)),
        cwd=tmp_path,
    )
    assert run.returncode == 5, run.stderr
    assert '"quoted" role' in run.stderr
    assert database_names(elsewhere) == names
    assert query(database, "SELECT count(*) FROM here") == [(0,)]


@pytest.mark.parametrize("damage", ["changed", "gone"])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_changed_file_of_privileges_is_refused(
    damage: str, in_place: bool, server: ThrowawayServer, new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database("CREATE TABLE t (id integer); GRANT SELECT ON t TO PUBLIC")
    taken = take(database, tmp_path)
    names = database_names(server)
    path = tmp_path / taken.record.privileges.file
    if damage == "changed":
        path.write_bytes(path.read_bytes().replace(b"GRANT SELECT", b"GRANT DELETE"))
    else:
        path.unlink()
    query(database, "INSERT INTO t VALUES (1) RETURNING 1")
    with pytest.raises(DumpRefused, match=taken.record.privileges.file):
        restore(
            taken.dump,
            database,
            confirm=lambda _plan: pytest.fail("a plan was made"),
            options=RestoreOptions(in_place=in_place),
        )
    with (
        opened_backup(taken.dump, progress=NoProgress()) as opened,
        pytest.raises(DumpRefused, match=taken.record.privileges.file),
    ):
        apply_privileges(opened, psql_of(database), database, "auto")
    assert database_names(server) == names
    assert query(database, "SELECT id FROM t") == [(1,)]
    put_back(taken, database, in_place=in_place, privileges="none")
    assert query(database, "SELECT id FROM t") == []


def test_what_the_server_refuses_costs_only_itself(
    roles: dict[str, str], granted: Callable[[str], Database], tmp_path: Path
) -> None:
    database = granted("")
    taken = take(database, tmp_path)
    run_sql(
        database, f"DROP TYPE s.mood; REVOKE ALL ON SEQUENCE s.t_id_seq FROM {roles['reader']};"
    )
    with opened_backup(taken.dump, progress=NoProgress()) as opened:
        program = psql_of(database)
        with pytest.raises(CannotRun, match=r'type "s\.mood" does not exist'):
            apply_privileges(opened, program, database, "require")
        assert "sequence" in str(verify(taken.dump, database).findings)
        (warning,) = apply_privileges(opened, program, database, "auto")
    assert re.search(r"\b3 of \d+ were refused .*s\.mood", warning.message)
    assert kinds_that_differ(taken, database) == {"privilege", "type"}
    left = [f.object for f in verify(taken.dump, database).findings if "privilege" in f.object]
    assert left == ["privilege type s.mood"]


def test_a_role_that_goes_meanwhile_is_missed_too(
    granted: Callable[[str], Database], elsewhere: ThrowawayServer, tmp_path: Path
) -> None:
    taken = take(granted(""), tmp_path)
    database = elsewhere.database()
    with (
        opened_backup(taken.dump, progress=NoProgress()) as opened,
        pytest.raises(CannotRun, match="roles that do not exist here"),
    ):
        apply_privileges(opened, psql_of(database), database, "require")


def test_the_file_of_privileges_can_be_applied_by_psql_alone(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    database = new_database(ROLES)
    taken = take(database, tmp_path)
    text = (tmp_path / taken.record.privileges.file).read_text()
    run_sql(database, text)  # a second time, by psql alone
    assert not verify(taken.dump, database).findings


def reader_of(text: bytes) -> Callable[[int], bytes]:
    pieces = iter([text])
    return lambda _size: next(pieces, b"")


@pytest.mark.parametrize(
    "text",
    [
        b"GRANT SELECT ON TABLE t TO x; \\! touch /tmp/x\n",
        b"GRANT SELECT \\! touch /tmp/x\n ON TABLE t TO x;\n",
        b"\\connect other\nGRANT SELECT ON TABLE t TO x;\n",
        b"GRANT SELECT ON TABLE t TO x\\;DROP TABLE t;\n",
    ],
)
def test_psql_commands_among_privileges_are_refused(text: bytes) -> None:
    with pytest.raises(DumpRefused):
        privilege_statements(reader_of(text))


def test_only_statements_about_owners_and_grants_are_taken() -> None:
    text = b"""\\restrict key
SET client_encoding TO 'UTF8';
DROP TABLE t;
GRANT pg_read_all_data TO x;
GRANT SELECT ON TABLE t TO x;
ALTER TABLE t OWNER TO "O""wner";
ALTER TABLE t ADD COLUMN owner text;
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'GRANT SELECT ON TABLE t TO y';
\\unrestrict key
"""
    taken = privilege_statements(reader_of(text))
    assert [statement.text for statement in taken] == [
        b"GRANT SELECT ON TABLE t TO x;",
        b'ALTER TABLE t OWNER TO "O""wner";',
    ]
    assert [set(statement.roles) for statement in taken] == [{"x"}, {'O"wner'}]


SKELETONS = [
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO x",
    "ALTER TABLE t OWNER TO x",
    "ALTER TABLE t ALTER COLUMN c SET DEFAULT 1",
    "SET SESSION AUTHORIZATION x",
    "RESET SESSION AUTHORIZATION",
    "GRANT ALL ON TABLE t TO x",
    "REVOKE ALL ON TABLE t FROM x",
]


@given(st.sampled_from(SKELETONS), st.data())
def test_the_look_at_the_beginning_overlooks_nothing_about_privileges(
    skeleton: str, data: st.DataObject
) -> None:
    gaps = st.sampled_from([" ", "\n", "\t\f", "/**/", " /* x */", "--\n", " -- x\n"])
    words = [data.draw(st.sampled_from([word, word.lower()])) for word in skeleton.split()]
    text = "".join(word + data.draw(gaps) for word in words).encode() + b";"
    if _is_about_privileges(tokenize(text)):
        assert _PERHAPS.match(text)
    else:
        assert skeleton == SKELETONS[2]


NAMES = ["a", "B", "to", "public role", 'quo"ted', "current_user", "from, to", "role"]


@st.composite
def privilege_files(draw: st.DrawFn) -> list[tuple[bytes, set[str]]]:
    """Draw statements as pg_dump writes them, each with the roles it needs."""

    def role() -> str:
        return draw(st.sampled_from(NAMES))

    def simple() -> tuple[bytes, set[str]]:
        one, two = role(), role()
        first, second = quote_name(one), quote_name(two)
        return draw(
            st.sampled_from(
                [
                    (f'GRANT SELECT("to",b) ON TABLE public."from" TO {first};', {one}),
                    (
                        f"GRANT ALL ON FUNCTION f(a integer, b text) TO {first},{second};",
                        {one, two},
                    ),
                    (f"REVOKE ALL ON SCHEMA s FROM {first};", {one}),
                    ("REVOKE USAGE ON SCHEMA public FROM PUBLIC;", set()),
                    (f"ALTER TABLE public.t OWNER TO {first};", {one}),
                    (f"GRANT ALL ON SEQUENCE s TO {first} WITH GRANT OPTION;", {one}),
                    (
                        f"ALTER DEFAULT PRIVILEGES FOR ROLE {first} GRANT ALL ON TABLES TO {second};",
                        {one, two},
                    ),
                    (f"REVOKE GRANT OPTION FOR SELECT ON TABLE t FROM {first};", {one}),
                ]
            ).map(lambda pair: (pair[0].encode(), pair[1]))
        )

    written = []
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            written.append(simple())
            continue
        other = role()
        written.append((SET_AUTHORIZATION + quote_name(other).encode() + b";", {other}))
        written += [simple() for _ in range(draw(st.integers(1, 3)))]
        written.append((RESET_AUTHORIZATION, set()))
    return written


def read_back(written: list[tuple[bytes, set[str]]]) -> list[PrivilegeStatement]:
    return privilege_statements(reader_of(b"\n".join(text for text, _ in written) + b"\n"))


@given(privilege_files())
def test_every_role_a_statement_needs_is_known(written: list[tuple[bytes, set[str]]]) -> None:
    statements = read_back(written)
    assert [(s.text, set(s.roles)) for s in statements] == written
    file = render(statements, backup_id="backup", encoding="UTF8")
    assert privilege_statements(reader_of(file)) == statements


@given(privilege_files(), st.sets(st.sampled_from(NAMES)))
def test_what_is_applicable(written: list[tuple[bytes, set[str]]], existing: set[str]) -> None:
    statements = read_back(written)
    kept, missing = applicable(statements, existing)
    assert all(statement.roles <= existing for statement in kept)
    assert missing == sorted({role for _, needed in written for role in needed} - existing)
    if not missing:
        assert kept == statements
    position = 0
    for statement in kept:  # a subsequence: the order is kept
        position = statements.index(statement, position) + 1
    assert as_whom(kept) == [pair for pair in as_whom(statements) if pair[0] <= existing]


def as_whom(statements: list[PrivilegeStatement]) -> list[tuple[set[str], bytes, bytes]]:
    """Return each statement with the session's role and all roles needed; pairs must be closed."""
    found = []
    session, needed = b"", frozenset[str]()
    for statement in statements:
        if statement.text.startswith(SET_AUTHORIZATION):
            assert not session
            session, needed = statement.text, statement.roles
        elif statement.text == RESET_AUTHORIZATION:
            assert session
            session, needed = b"", frozenset()
        else:
            found.append((set(statement.roles | needed), session, statement.text))
    assert not session
    return found


@given(privilege_files())
def test_units_apply_each_statement_as_the_same_role(
    written: list[tuple[bytes, set[str]]],
) -> None:
    statements = read_back(written)
    alone = [as_whom(privilege_statements(reader_of(unit))) for unit in units(statements)]
    assert [pair for pairs in alone for pair in pairs] == as_whom(statements)
    assert all(len(pairs) == 1 for pairs in alone)


def test_a_dump_restores_where_no_role_exists(
    granted: Callable[[str], Database], elsewhere: ThrowawayServer, tmp_path: Path
) -> None:
    taken = take(granted(LARGE_OBJECT), tmp_path)
    with connect(elsewhere.database()) as connection:
        execute(connection, "CREATE DATABASE plain")
    database = elsewhere.database("plain")
    run_sql(database, taken.dump.read_text())
    assert kinds_that_differ(taken, database) == {"privilege"}
    policies = elsewhere.database("policies")
    with_policies = take(elsewhere_source(granted), tmp_path / "policies")
    with pytest.raises(OperationFailed, match=r"role .* does not exist"):
        put_back(with_policies, policies)
    assert "policies" not in database_names(elsewhere)


def elsewhere_source(granted: Callable[[str], Database]) -> Database:
    """Make a database whose policy names a role, which pg_dump writes into the dump itself."""
    return granted("ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.t TO {reader}")
