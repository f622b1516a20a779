"""The user's checks: what they expect, what they may do (read), and what counts as no answer."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from conftest import address_of, query
from drilled import SHOP, taken
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.config import Flags, load_settings
from dbsnap.errors import UsageError
from dbsnap.operations.drilling.expectation import (
    ROWS_READ,
    Expectation,
    UserCheck,
    expectation,
)
from dbsnap.operations.drilling.user_checks import ROLE_PREFIX, role_name, run_user_checks
from dbsnap.postgres.connection import execute
from dbsnap.postgres.maintenance import maintain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.config import Settings
    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database
    from dbsnap.reports.outcome import Check

    NewDatabase = Callable[..., Database]

OBSTACLES = """
CREATE TABLE written (id serial PRIMARY KEY, word text);
INSERT INTO written (word) VALUES ('before');
CREATE TABLE hidden (id integer); INSERT INTO hidden VALUES (1), (2);
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
CREATE SCHEMA other; CREATE TABLE other.private (id integer); REVOKE ALL ON other.private FROM PUBLIC;
CREATE FUNCTION writes() RETURNS integer LANGUAGE sql
    AS $$ INSERT INTO public.written (word) VALUES ('invoker') RETURNING 1 $$;
CREATE FUNCTION writes_as_owner() RETURNS integer LANGUAGE sql SECURITY DEFINER
    AS $$ INSERT INTO public.written (word) VALUES ('definer') RETURNING 1 $$;
CREATE FUNCTION runs_as_owner() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
    AS $$ BEGIN COPY (SELECT 1) TO PROGRAM 'touch {marker}'; RETURN 1; END $$;
CREATE FUNCTION stubborn() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN
    LOOP BEGIN PERFORM pg_catalog.pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;
END $$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
"""

HOSTILE = (
    "INSERT INTO written (word) VALUES ('x')",
    "WITH w AS (INSERT INTO written (word) VALUES ('x') RETURNING 1) SELECT * FROM w",
    "SELECT 1; INSERT INTO written (word) VALUES ('x')",
    "SELECT 1; COMMIT; INSERT INTO written (word) VALUES ('x')",
    "COMMIT",
    "SELECT 1 INTO fresh",
    "CREATE TABLE fresh (id integer)",
    "DROP TABLE written",
    "TRUNCATE written",
    "SET ROLE postgres",
    "RESET ROLE",
    "RESET SESSION AUTHORIZATION; DROP TABLE written",
    "SET SESSION AUTHORIZATION postgres",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT set_config('session_authorization', 'postgres', false)",
    "SELECT set_config('transaction_read_only', 'off', false), writes()",
    "SET TRANSACTION READ WRITE",
    "COPY written TO PROGRAM 'touch {marker}'",
    "COPY (SELECT 1) TO '{marker}'",
    "SELECT lo_export(lo_from_bytea(0, 'x'), '{marker}')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT nextval('written_id_seq')",
    "SELECT setval('written_id_seq', 99)",
    "SELECT writes()",
    "SELECT writes_as_owner()",
    "SELECT runs_as_owner()",
    "CALL commits()",
    "DO $$ BEGIN INSERT INTO written (word) VALUES ('x'); END $$",
    "PREPARE TRANSACTION 'kept'",
    "LOCK TABLE written IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM written FOR UPDATE",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "NOTIFY x",
    "",
    "SELECT (",
    "/* not closed",
)


def ask(database: Database, *checks: UserCheck, search_path: str = "") -> dict[str, Check]:
    with maintain(database) as maintenance:
        answers = run_user_checks(
            maintenance, database, checks, known_as=database.name, search_path=search_path
        )
    return {check.name.removeprefix("check: "): check for check in answers}


def check(sql: str, expect: Any = "no rows", *, timeout: float = 60) -> UserCheck:
    return UserCheck(sql, expectation(expect, where="here"), sql, timeout_seconds=timeout)


def test_the_role_of_a_killed_drill_is_removed_by_the_next_one(new_database: NewDatabase) -> None:
    one, other = new_database(), new_database()
    roles = f"SELECT count(*) FROM pg_roles WHERE rolname LIKE '{ROLE_PREFIX}%'"
    looks = check(roles, 1)
    for database in (one, other):  # a drill's database has another name each time
        with maintain(database) as maintenance:
            role = role_name("shop_drill")
            execute(maintenance.connection, f"DROP ROLE IF EXISTS {role}")
            execute(maintenance.connection, f"CREATE ROLE {role}")
            (answer,) = run_user_checks(
                maintenance, database, [looks], known_as="shop_drill", search_path=""
            )
        assert answer.outcome == "PASS", answer.message
        assert query(database, roles) == [(0,)]


def test_checks_pass_and_fail_by_what_they_find(new_database: NewDatabase) -> None:
    database = new_database(SHOP + OBSTACLES)
    passing = [
        check("SELECT count(*) FROM users", 30),
        check("SELECT count(*) FROM users;  -- all of them", ">= 30"),
        check("TABLE hidden", "no rows")  # fails: policies hide nothing from a check
        and check("SELECT count(*) FROM hidden", 2),
        check("SELECT id FROM users WHERE email IS NULL"),
        check("SELECT max(total) FROM orders", "100.0"),
        check("SELECT bool_and(age > 0) FROM users", True),
        check("SELECT date '2026-01-24'", "> 2026-01-01"),
        check("SELECT NULL", "null"),
        check("SELECT count(*) FROM other.private", 0),
        check("VALUES ('a''b%s')", "a'b%s"),
    ]
    failing = {
        check("SELECT count(*) AS n FROM users", 31): "expected 31, found 30",
        check("SELECT id FROM users"): "expected no rows, found 30 rows",
        check("SELECT 1 FROM users WHERE id = 1"): "expected no rows, found 1 row",
        check("SELECT 1 FROM users", 1): "expected one value, 1, found 30 rows of 1 column",
        check("SELECT 1 WHERE false", 1): "expected one value, 1, found no rows",
        check("SELECT generate_series(1, 5000)"): "found more than 1,000 rows",
        check("SELECT 'abc'", "> 5"): "expected > 5, found abc",
    }
    found = ask(database, *passing, *failing)
    assert [name for name, one in found.items() if one.outcome == "PASS"] == [
        one.name for one in passing
    ]
    for one, words in failing.items():
        assert found[one.name].outcome == "FAIL"
        assert words in found[one.name].message
        assert "user1" not in found[one.name].message


def test_no_check_can_change_anything_and_none_that_tries_is_a_pass(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path
) -> None:
    marker = f"/tmp/dbsnap-test-{uuid.uuid4().hex}"
    database = new_database(OBSTACLES.replace("{marker}", marker))
    before = query(database, "SELECT * FROM written, written_id_seq ORDER BY 1")
    hostile = [check(sql.replace("{marker}", marker)) for sql in HOSTILE]
    found = ask(database, *hostile)
    allowed = {  # they answer, but a pass would need no rows; nothing they set outlives them
        one.name for one in hostile if found[one.name].outcome == "FAIL"
    }
    assert allowed <= {
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'"
    }
    assert all(one.outcome != "PASS" for one in found.values())
    assert query(database, "SELECT * FROM written, written_id_seq ORDER BY 1") == before
    assert query(database, "SELECT to_regclass('fresh')") == [(None,)]
    assert query(database, "SELECT gid FROM pg_prepared_xacts") == []
    listed = query(database, f"SELECT pg_stat_file('{marker}', true)")
    assert listed == [(None,)]
    roles = query(database, f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{ROLE_PREFIX}%'")
    assert roles == []


def test_the_obstacles_would_change_something_without_what_holds_them_back(
    new_database: NewDatabase,
) -> None:
    database = new_database(OBSTACLES.replace("{marker}", "/dev/null"))
    assert query(database, "SELECT writes(), writes_as_owner()") == [(1, 1)]
    assert query(database, "SELECT count(*) FROM written") == [(3,)]


def test_a_check_that_takes_too_long_is_not_run(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbsnap.operations.drilling.user_checks.GRACE_SECONDS", 0.5)
    database = new_database(OBSTACLES)
    slow = check("SELECT pg_sleep(30)", timeout=0.2)
    raised = check("SELECT set_config('statement_timeout', '0', false), pg_sleep(30)", timeout=0.2)
    stubborn = check("SELECT stubborn()", timeout=0.2)
    quick = check("SELECT 1 WHERE false", timeout=5)
    found = ask(database, slow, raised, stubborn, quick)
    assert {name: one.outcome for name, one in found.items()} == {
        slow.name: "NOT RUN",
        raised.name: "NOT RUN",
        stubborn.name: "NOT RUN",
        quick.name: "PASS",
    }
    assert found[slow.name].message == "it took longer than 0.2 s"
    assert all(one.seconds < 20 for one in found.values())


def test_checks_see_tables_by_the_databases_own_search_path(new_database: NewDatabase) -> None:
    database = new_database("CREATE SCHEMA app; CREATE TABLE app.only_there (id integer)")
    one = check("SELECT * FROM only_there")
    assert ask(database, one)[one.name].outcome == "NOT RUN"
    assert ask(database, one, search_path='"$user", app')[one.name].outcome == "PASS"
    assert (
        ask(database, one, search_path="app'; DROP SCHEMA app; --")[one.name].outcome == "NOT RUN"
    )
    assert query(database, "SELECT count(*) FROM app.only_there") == [(0,)]


def test_checks_come_from_the_configuration_from_files_and_from_the_command_line(
    new_database: NewDatabase,
    server: ThrowawayServer,
    tmp_path: Path,
    dbsnap_here: Callable,
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    (tmp_path / "good.sql").write_text("-- nobody without\nSELECT id FROM users WHERE email = ''\n")
    (tmp_path / "bad.sql").write_text("SELECT id FROM users WHERE id < 4;\n")
    (tmp_path / "dbsnap.toml").write_text(
        '[drill]\ntimeout_seconds = 7\n[[checks]]\nname = "of a file"\nfile = "good.sql"\n'
        '[[checks]]\nname = "broken"\nsql = "SELECT nothing FROM nowhere"\n'
    )
    arguments = ("drill", str(dump), "--server", address_of(server.database()))
    result = dbsnap_here(*arguments, "--check", "bad.sql", cwd=tmp_path)
    assert result.returncode == 4
    assert "PASS    check: of a file" in result.stdout
    assert "NOT RUN check: broken" in result.stdout
    assert 'relation "nowhere" does not exist' in result.stdout
    assert "FAIL    check: bad.sql" in result.stdout
    result = dbsnap_here(*arguments, cwd=tmp_path)
    assert result.returncode == 5
    result = dbsnap_here(*arguments, "--check", "none.sql", cwd=tmp_path)
    assert result.returncode == 2
    assert "none.sql cannot be read" in result.stderr


def settings(root: Path, text: str) -> Settings:
    (root / "dbsnap.toml").write_text(text)
    return load_settings(directory=root, environment={}, flags=Flags())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[checks]]\nsql = "SELECT 1"', "checks.0 needs name"),
        ('[[checks]]\nname = "a"', "check 1, 'a', needs exactly one of sql and file"),
        ('[[checks]]\nname = "a"\nsql = "x"\nfile = "y"', "needs exactly one of sql and file"),
        (
            '[[checks]]\nname = "a"\nsql = "x"\nexpected = 1',
            "checks.0.expected is not a known key; did",
        ),
        (
            '[[checks]]\nname = "a"\nsql = "x"\nexpect = [1]',
            "must be a string or a number or true or",
        ),
        ('[[checks]]\nname = "a"\nsql = "x"\nexpect = ">="', 'expect = ">=" compares with nothing'),
        ('[[checks]]\nname = "a"\nsql = "x"\nexpect = "> many"', "no number and no date"),
        ('[[checks]]\nname = "a"\nsql = "x"\ntimeout_seconds = 0', "must be more than 0"),
        (
            '[[checks]]\nname = "a"\nsql = "x"\n[[checks]]\nname = "a"\nsql = "y"',
            "has the same name",
        ),
        ("[drill]\ntimeout = 5", "drill.timeout is not a known key; did you mean timeout_seconds?"),
        ('[drill]\nwithout_extensions = "vector"', "drill.without_extensions must be a list"),
    ],
)
def test_a_check_that_cannot_be_meant_is_an_error_of_the_configuration(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        settings(tmp_path, text)
    assert words in str(raised.value)


def test_the_configuration_gives_checks_with_their_defaults(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        '[drill]\ntimeout_seconds = 9.5\nwithout_extensions = ["vector"]\n'
        '[[checks]]\nname = "a"\nsql = "x"\n'
        '[[checks]]\nname = "b"\nfile = "b.sql"\nexpect = 5\ntimeout_seconds = 1',
    )
    assert found.checks == (
        UserCheck("a", Expectation(), "x", timeout_seconds=9.5),
        UserCheck("b", Expectation("=", "5"), file=tmp_path / "b.sql", timeout_seconds=1),
    )
    assert found.without_extensions == ("vector",)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.integers()


@given(NUMBERS, NUMBERS)
def test_comparisons_of_numbers_are_exact(wanted: Decimal, found: Decimal) -> None:
    def fits(sign: str) -> bool:
        return not expectation(f"{sign} {wanted}", where="x").problem([(found,)])

    assert fits(">=") == (found >= wanted)
    assert fits("<") == (found < wanted)
    assert fits("=") == (found == wanted)
    assert fits("!=") == (found != wanted)
    assert fits("<>") != fits("==")


@given(st.text(), st.text())
def test_a_text_fits_itself_alone(wanted: str, found: str) -> None:
    fits = not Expectation("=", wanted).problem([(found,)])
    assert fits == (wanted == found)


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes(),
    st.sampled_from(["no rows", ">= 5", "< 2026-01-01", "x", "= true", "!= 7", "null"]),
    st.integers(0, 3),
)
def test_any_answer_can_be_judged(value: object, expect: str, rows: int) -> None:
    problem = expectation(expect, where="x").problem([(value,)] * rows)
    assert problem == "" or problem.startswith("expected ")
    if rows != 1:
        assert bool(problem) == (expect != "no rows" or rows > 0)


def test_what_is_no_number_is_neither_more_nor_less() -> None:
    for sign in (">", "<", ">=", "<="):
        for found in (math.nan, Decimal("NaN"), "NaN"):
            assert expectation(f"{sign} 1", where="x").problem([(found,)])
    assert expectation("!= 1", where="x").problem([(math.nan,)]) == ""


def test_moments_are_compared_as_moments() -> None:
    after = expectation("> 2026-01-24T10:00:00+00:00", where="x")
    assert after.problem([(datetime(2026, 1, 24, 10, 30, tzinfo=UTC),)]) == ""
    assert after.problem([(datetime(2026, 1, 24, 9, 30),)])  # noqa: DTZ001 - as a timestamp without zone
    assert expectation("<= 2026-01-24", where="x").problem([(date(2026, 1, 24),)]) == ""
    assert ROWS_READ == 1000
