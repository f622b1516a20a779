"""A drill passes what is whole, names what is not, passes nothing that was not run, leaves nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import (
    MAJORS,
    Started,
    address_of,
    database_names,
    dbsnap,
    eventually,
    query,
    run_sql,
)
from drilled import SHOP, edit_record, not_passed, outcomes, taken

from dbsnap.errors import ToolUnavailable
from dbsnap.operations.backup import backup
from dbsnap.operations.backup_tables import backup_tables
from dbsnap.operations.drill import drill, drill_all
from dbsnap.operations.drilling.comparison import QUESTIONS, answered, question_of
from dbsnap.operations.drilling.load_failures import proves_nothing
from dbsnap.operations.drilling.options import DrillOptions
from dbsnap.operations.drilling.server import choose_server
from dbsnap.operations.table_backup.plan import TableRequest
from dbsnap.postgres.discovery import Program
from dbsnap.postgres.maintenance import maintain
from dbsnap.postgres.side import lock_restores_into
from dbsnap.report import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Servers

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

    NewDatabase = Callable[..., Database]

FIXED = """\
-- PostgreSQL database dump

-- Dumped from database version {version}
{body}
--
-- PostgreSQL database dump complete
--

"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give a directory for temporary files whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as directory:
        path = Path(directory)
        path.chmod(0o755)  # the server's user has to pass through
        yield path


@pytest.fixture
def given(server: ThrowawayServer) -> DrillOptions:
    """Give options that drill on the server of the tests, which is there already."""
    return DrillOptions(server=server.database())


def roles_of(server: ThrowawayServer) -> set[str]:
    return {row[0] for row in query(server.database(), "SELECT rolname FROM pg_roles")}


def remains(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if "dbsnap" in path.name]


def test_a_whole_backup_passes_on_a_server_of_its_own_which_is_gone_afterwards(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path, temporary: Path
) -> None:
    owner = f"owner_{os.getpid()}"
    run_sql(server.database(), f'CREATE ROLE {owner}; CREATE ROLE "{owner} reads"')
    database = new_database(
        f"{SHOP} ALTER TABLE users OWNER TO {owner}; ALTER TABLE users ENABLE ROW LEVEL SECURITY;"
        f'CREATE POLICY p ON users FOR SELECT TO "{owner} reads" USING (id > 3);'
        f'GRANT SELECT (email) ON users TO "{owner} reads";'
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;"
        f"CREATE USER MAPPING FOR {owner} SERVER far;"
    )
    try:
        taken(database, tmp_path)
        (tmp_path / "dbsnap.toml").write_text(
            '[[checks]]\nname = "users"\nsql = "SELECT count(*) FROM users"\nexpect = ">= 30"\n'
        )
        result = dbsnap(
            *("drill", "--json", "--dir", str(tmp_path)),
            cwd=tmp_path,
            environment={"TMPDIR": str(temporary)},
        )
        assert result.returncode == 0, result.stdout + result.stderr
        document = json.loads(result.stdout)
        assert document["command"] == "drill"
        assert document["status"] == "ok"
        assert document["findings"] == []
        assert {check["outcome"] for check in document["checks"]} == {"PASS"}
        names = [check["name"] for check in document["checks"]]
        assert names[:3] == ["guard", "server", "load"]
        assert names[-3:] == ["owners and grants", "migrations", "check: users"]
        assert document["rows"] == 131
        assert 0 < document["seconds_to_restore"] < document["duration_seconds"]
        assert {t["table"]: t["rows"] for t in document["tables"]}["orders"] == 100
        assert remains(temporary) == []
    finally:
        run_sql(
            server.database(database.name),
            f'DROP OWNED BY {owner}, "{owner} reads" CASCADE; DROP ROLE {owner}, "{owner} reads"',
        )


def set_fact(kind: str, name: str, **facts: object) -> Callable[[dict[str, dict]], None]:
    def edit(document: dict[str, dict]) -> None:
        document["inventory"]["objects"][kind][name] |= facts

    return edit


DIFFERENT = {
    "tables and columns": set_fact("column", "public.users.email", default="'nobody'::text"),
    "indexes": set_fact(
        "index", "public.orders_user", definition="CREATE INDEX orders_user ON orders (id)"
    ),
    "constraints": set_fact(
        "constraint", "public.users.users_age_check", definition="CHECK (age > 1)"
    ),
    "sequences": set_fact("sequence", "public.users_id_seq", increment=7),
    "other objects": set_fact("comment", "table public.users", text="animals"),
    "owners and grants": set_fact("privilege", "table public.users", acl=[]),
    "migrations": lambda document: next(
        iter(document["inventory"]["objects"]["migration"].values())
    ).update(checksum="b" * 64),
}


def test_each_difference_from_the_record_fails_the_check_it_belongs_to_and_no_other(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions, server: ThrowawayServer
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    record = dump.with_suffix(".json")
    whole = record.read_text()
    before = database_names(server), roles_of(server)
    healthy = drill(dump, options=given)
    assert healthy.verdict == "ok"
    assert healthy.findings == []
    for name, edit in DIFFERENT.items():
        edit_record(dump, edit)
        found = drill(dump, options=given)
        assert not_passed(found) == {name: "FAIL"}, name
        assert found.verdict == "different"
        assert found.findings
        record.write_text(whole)
    assert (database_names(server), roles_of(server)) == before


def test_rows_that_are_not_those_of_the_record_are_refused_or_found(
    new_database: NewDatabase,
    tmp_path: Path,
    given: DrillOptions,
    dbsnap_here: Callable,
    server: ThrowawayServer,
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    edit_record(dump, set_fact("table", "public.users", rows=31))
    found = drill(dump, options=given)
    assert outcomes(found)["guard"] == "FAIL"
    assert found.verdict == "refused"
    assert {c.outcome for c in found.checks if c.name != "guard"} == {"NOT RUN"}
    result = dbsnap_here("drill", str(dump), "--server", address_of(server.database()), "--json")
    assert result.returncode == 3
    assert json.loads(result.stdout)["status"] == "refused"


def test_a_record_that_is_silent_on_a_kind_of_object_proves_nothing_of_it(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    record = dump.with_suffix(".json")
    whole = record.read_text()
    for kind in json.loads(whole)["inventory"]["objects"]:
        edit_record(dump, lambda document, kind=kind: document["inventory"]["objects"].pop(kind))
        found = drill(dump, options=given)
        assert found.verdict == "refused"
        assert kind in found.reason
        record.write_text(whole)


def test_of_two_drills_of_one_database_on_one_server_the_second_is_not_run(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions, server: ThrowawayServer
) -> None:
    database = new_database(SHOP)
    dump = taken(database, tmp_path)
    before = database_names(server)
    with maintain(database) as first:
        lock_restores_into(first, f"{database.name}_drill")
        found = drill(dump, options=given)
    assert outcomes(found)["server"] == "NOT RUN"
    assert "another dbsnap is restoring" in found.reason
    assert found.verdict == "not-run"
    assert database_names(server) == before


def test_rows_that_are_changed_on_their_way_in_are_found_by_their_content(
    tmp_path: Path, given: DrillOptions
) -> None:
    # Whole and harmless, and yet not what it says: code of its own changes what is loaded.
    body = (
        "CREATE TABLE public.a (v integer);\n"
        "CREATE FUNCTION public.adds() RETURNS trigger LANGUAGE plpgsql AS\n"
        "    'BEGIN NEW.v = NEW.v + 1; RETURN NEW; END';\n"
        "CREATE TRIGGER adds BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.adds();\n"
        "COPY public.a (v) FROM stdin;\n1\n\\.\n"
    )
    dump = tmp_path / "dump.sql"
    dump.write_text(FIXED.format(version="18.6", body=body))
    found = drill(dump, options=given)
    assert outcomes(found)["rows and content"] == "FAIL"
    assert "a: the content differs" in found.reason
    assert not_passed(found) == {"rows and content": "FAIL"}


def test_a_dump_that_does_not_load_fails_and_one_that_the_server_cannot_load_is_not_run(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions, server: ThrowawayServer
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    before = database_names(server)
    text = dump.read_text()
    foreign = tmp_path / "foreign.sql"
    foreign.write_text(text.replace("\n1\tuser1\t1\n", "\n2\tuser1\t1\n"))
    twice = drill(foreign, options=given)
    assert outcomes(twice)["load"] == "FAIL"
    assert "could not create unique index" in twice.reason
    assert twice.verdict == "different"
    assert outcomes(twice)["rows and content"] == "NOT RUN"
    foreign.write_text(text.replace("email text NOT NULL", 'email text COLLATE "xx-none" NOT NULL'))
    lacking = drill(foreign, options=given)
    assert outcomes(lacking)["load"] == "NOT RUN"
    assert lacking.verdict == "not-run"
    assert database_names(server) == before


def test_no_server_that_fits_is_not_run_and_says_so_in_every_report(
    tmp_path: Path, dbsnap_here: Callable
) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text(FIXED.format(version="99.1", body="CREATE TABLE public.a (v integer);"))
    result = dbsnap_here("drill", str(dump), "--junit", str(tmp_path / "j.xml"), cwd=tmp_path)
    assert result.returncode == 5
    assert "NOT RUN server" in result.stdout
    assert "the backup is of PostgreSQL 99, and here are only older servers" in result.stdout
    assert 'errors="1' in (tmp_path / "j.xml").read_text()


def program(*version: int) -> Program:
    return Program("postgres", Path(f"/{version}"), version, "test", tls=False)


def test_the_server_is_of_the_dumps_own_major_or_the_nearest_newer_one() -> None:
    found = [program(15, 2), program(18, 1), program(17, 9), program(17, 10), program(16, 1)]
    assert choose_server(found, 160004).version == (16, 1)
    assert choose_server(found, 170000).version == (17, 10)
    assert choose_server(found, 140000).version == (15, 2)
    assert choose_server([program(15, 2), program(18, 1)], 160000).version == (18, 1)
    assert choose_server(found, 0).version == (18, 1)
    with pytest.raises(ToolUnavailable, match="PostgreSQL 19, and here are only older"):
        choose_server(found, 190000)
    with pytest.raises(ToolUnavailable, match="no PostgreSQL server is installed"):
        choose_server([], 180000)


def test_all_gives_each_backup_a_row_and_the_worst_exit_code_on_one_server(
    new_database: NewDatabase, tmp_path: Path, temporary: Path, dbsnap_here: Callable
) -> None:
    database = new_database(SHOP)
    dumps = [taken(database, tmp_path) for _ in range(4)]
    edit_record(dumps[1], DIFFERENT["indexes"])
    dumps[2].write_bytes(dumps[2].read_bytes()[:-100])
    dumps[3].unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(temporary))
        result = dbsnap_here("drill", "--all", "--dir", str(tmp_path), "--json", cwd=tmp_path)
    assert result.returncode == 3
    document = json.loads(result.stdout)
    statuses = {one["backup"]: one["status"] for one in document["drills"]}
    names = [dump.name.partition(".")[0] for dump in dumps]
    assert [statuses[name] for name in names] == ["ok", "different", "refused", "refused"]
    assert [one["rows"] for one in document["drills"]] == [131] * 4
    assert result.stderr.count("starting PostgreSQL") == 1
    assert remains(temporary) == []
    found = drill_all(tmp_path, options=DrillOptions(privileges=False, server=database))
    assert [one.verdict for one in found] == ["ok", "different", "refused", "refused"]


def test_an_empty_directory_proves_nothing(tmp_path: Path, dbsnap_here: Callable) -> None:
    result = dbsnap_here("drill", "--all", "--dir", str(tmp_path / "none"), cwd=tmp_path)
    assert result.returncode == 5
    assert "nothing was proved" in result.stderr


def test_nothing_is_left_of_a_drill_that_is_killed(
    new_database: NewDatabase, tmp_path: Path, temporary: Path
) -> None:
    taken(new_database(SHOP), tmp_path)
    (tmp_path / "dbsnap.toml").write_text(
        '[[checks]]\nname = "waits"\nsql = "SELECT pg_sleep(60)"\nexpect = "no rows"\n'
    )
    running = Started(
        *("drill", "--dir", str(tmp_path)),
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert running.wait_for("running your checks"), running.text
    (postmaster,) = temporary.glob("dbsnap-server-*/data/postmaster.pid")
    pid = int(postmaster.read_text().splitlines()[0])
    running.kill(signal.SIGKILL)  # what it does when it is interrupted is tested with the demo
    assert eventually(
        lambda: not Path(f"/proc/{pid}").exists() and not remains(temporary), seconds=30
    )


def test_a_table_backup_is_proved_in_an_empty_database(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions
) -> None:
    request = TableRequest(tables=["orders"], where=["orders=id <= 10"])
    record = backup_tables(new_database(SHOP), request, target="t", directory=tmp_path).record
    dump = tmp_path / record.dump.file
    found = drill(dump, options=given)
    assert not_passed(found) == {}
    assert [(t.name, t.rows) for t in found.tables] == [("orders", 10)]
    edit_record(dump, set_fact("column", "public.orders.total", type="numeric(9,2)"))
    assert not_passed(drill(dump, options=given)) == {"tables and columns": "FAIL"}


def test_a_given_server_gets_no_roles_and_keeps_nothing(
    new_database: NewDatabase, server: ThrowawayServer, tmp_path: Path, given: DrillOptions
) -> None:
    role = f"goes_{os.getpid()}"
    run_sql(server.database(), f"CREATE ROLE {role}")
    database = new_database(f"{SHOP} ALTER TABLE orders OWNER TO {role}")
    dump = taken(database, tmp_path)
    run_sql(database, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}")
    before = database_names(server), roles_of(server)
    found = drill(dump, options=given)
    assert not_passed(found) == {"owners and grants": "NOT RUN"}
    assert role in found.reason
    without = drill(dump, options=DrillOptions(server=server.database(), privileges=False))
    assert without.verdict == "ok"
    assert without.left_out == ("owners and grants",)
    assert "owners and grants" not in outcomes(without)
    assert (database_names(server), roles_of(server)) == before


@pytest.mark.matrix
@pytest.mark.parametrize("major", MAJORS)
def test_a_backup_of_each_major_passes_on_its_own_and_on_the_newest(
    new_database: NewDatabase, servers: Servers, tmp_path: Path, major: int
) -> None:
    dump = taken(new_database(SHOP, major=major), tmp_path)
    own = drill(dump)
    assert not_passed(own) == {}
    assert own.server.startswith(f"PostgreSQL {major}.")
    newest = drill(dump, options=DrillOptions(server=servers.of(max(MAJORS)).database()))
    assert not_passed(newest) == {}


def test_a_locale_that_is_not_here_is_replaced_and_named(
    new_database: NewDatabase, tmp_path: Path, given: DrillOptions
) -> None:
    dump = taken(new_database(SHOP), tmp_path)

    def elsewhere(document: dict[str, dict]) -> None:
        document["source"] |= {"collate": "xx_XX.UTF-8", "ctype": "xx_XX.UTF-8"}

    edit_record(dump, elsewhere)
    found = drill(dump, options=given)
    assert found.verdict == "ok"
    (finding,) = found.findings
    assert finding.severity == "warning"
    assert re.search("no locale xx_XX.UTF-8: restored with C.UTF-8", finding.message)


def test_prismas_directory_is_held_against_what_was_restored(
    new_database: NewDatabase, tmp_path: Path, server: ThrowawayServer, dbsnap_here: Callable
) -> None:
    dump = taken(new_database(SHOP), tmp_path)
    script = tmp_path / "prisma/migrations/20250101000000_later/migration.sql"
    script.parent.mkdir(parents=True)
    script.write_text("SELECT 1;")
    arguments = ("drill", str(dump), "--server", address_of(server.database()))
    result = dbsnap_here(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    assert "20250101000000_later" in result.stdout
    result = dbsnap_here(*arguments, "--require-migrations", cwd=tmp_path)
    assert result.returncode == 4
    assert "FAIL    migrations" in result.stdout
    shutil.rmtree(tmp_path / "prisma")
    foreign = tmp_path / "foreign.sql"
    body = "CREATE TABLE public.a (v integer);\nCOPY public.a (v) FROM stdin;\n1\n\\.\n"
    foreign.write_text(FIXED.format(version="18.6", body=body))
    arguments = ("drill", str(foreign), "--server", address_of(server.database()))
    assert dbsnap_here(*arguments, cwd=tmp_path).returncode == 0
    result = dbsnap_here(*arguments, "--require-migrations", cwd=tmp_path)
    assert result.returncode == 5
    assert "NOT RUN migrations" in result.stdout


def test_every_kind_of_object_belongs_to_a_question(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    record = backup(new_database(SHOP), target="t", directory=tmp_path).record
    asked = [kind for kinds in QUESTIONS.values() for kind in kinds]
    assert set(record.inventory.objects) <= set(asked)
    assert len(asked) == len(set(asked))
    for kind in asked:
        finding = Finding("missing", f"{kind} x", "gone")
        assert kind in QUESTIONS[question_of(finding)]


def test_what_could_not_be_compared_is_no_pass() -> None:
    warning = Finding("advice", "table x", "odd", "warning")
    uncompared = Finding("not-compared", "table x", "unknown")
    missing = Finding("missing", "table x", "gone")
    assert answered("a", "all", [warning]).outcome == "PASS"
    assert answered("a", "all", [warning, uncompared]).outcome == "NOT RUN"
    assert answered("a", "all", [uncompared, missing]).outcome == "FAIL"
    softer = Finding("not-compared", "content", "counted only", "warning")
    assert answered("a", "all", [softer]).outcome == "NOT RUN"


def test_why_a_load_failed_tells_whether_anything_is_known_of_the_backup() -> None:
    for message in (
        'psql failed: ERROR:  could not extend file "base/1/2": No space left on device',
        'ERROR:  collation "xx" for encoding "UTF8" does not exist',
        "psql was ended by signal 9",
        'ERROR:  language "plperlu" does not exist',
    ):
        assert proves_nothing(message)
    for message in (
        'ERROR:  duplicate key value violates unique constraint "a"',
        'ERROR:  relation "public.a" does not exist',
        "ERROR:  invalid input syntax for type integer",
    ):
        assert not proves_nothing(message)
    assert proves_nothing('ERROR:  relation "public.a" does not exist', less=True)
