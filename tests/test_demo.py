"""The demo: the same data each time, a tour that proves what it says, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import dbsnap, query

from dbsnap.cli.demo import take_tour, tour_document
from dbsnap.cli.screen import Screen
from dbsnap.errors import OperationFailed
from dbsnap.operations.demo import DEMO_STEPS, address, seed
from dbsnap.postgres.client import client_environment
from dbsnap.postgres.connection import connect, execute
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.tools import run
from dbsnap.postgres.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dbsnap.postgres.url import Database

ROWS_SHA256 = "5e13c6f76a932a73bdab79366326b0dd10807c5e517f12d49f74b4ce100826de"
"""Of the COPY blocks of a dump of the sample data: another value means that the data has changed."""

CHECKSUMS = {
    "20240101000000_init": "4373dce646a24e8fb7251df0380ddc31f8d35469bd8a71fe8185c2b12897a2c2",
    "20240215120000_lists": "700fe1bf005884b52647fd308199a615dc4111d855bf38ab71b7ce50f4af3dda",
}
"""sha256 of the two files that ``prisma migrate diff`` wrote for this schema."""

SECONDS = 120


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give a directory for temporary files that a server's user can enter, with a short path."""
    directory = Path(tempfile.mkdtemp(prefix="t-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def left_behind(temporary: Path) -> list[str]:
    """Return the files and the processes that a demo with this TMPDIR has left."""
    files = [str(path) for path in temporary.iterdir()]
    return files + [line for line in command_lines() if str(temporary) in line]


def command_lines() -> list[str]:
    if Path("/proc/self/cmdline").exists():
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:  # it has just ended
                continue
        return found
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def dump_of(database: Database) -> str:
    """Return a dump as pg_dump writes it, without its random keys."""
    pg_dump = choose("pg_dump", 180000)
    environment = {**client_environment(database, application="test"), "PGTZ": "UTC"}
    text = run(pg_dump.path, [], environment=environment)
    return re.sub(r"^\\(un)?restrict .*\n", "", text, flags=re.MULTILINE)


def seeded(new_database: Callable[..., Database], settings: str = "") -> Database:
    database = new_database()
    with connect(database) as connection:
        if settings:
            execute(connection, settings)
        seed(connection)
    return database


# The data


def test_two_seedings_give_the_same_dump_whatever_the_session(
    new_database: Callable[..., Database],
) -> None:
    first = dump_of(seeded(new_database))
    time.sleep(1.1)  # a clock that was read would show
    elsewhere = (
        "SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'"
    )
    second = dump_of(seeded(new_database, elsewhere))
    assert first == second
    assert "COPY public.list_data_rows" in first


def test_the_rows_are_those_of_every_other_day(new_database: Callable[..., Database]) -> None:
    dump = dump_of(seeded(new_database))
    blocks = re.findall(r"^COPY .*?^\\\.$", dump, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    assert hashlib.sha256("\n".join(blocks).encode()).hexdigest() == ROWS_SHA256


def test_a_changed_value_changes_the_dump(new_database: Callable[..., Database]) -> None:
    database = seeded(new_database)
    before = dump_of(database)
    query(database, "UPDATE messages SET body = body || '.' WHERE id = 1200 RETURNING id")
    assert dump_of(database) != before


def test_the_data_looks_like_an_application(new_database: Callable[..., Database]) -> None:
    database = seeded(new_database)
    counts = {
        table: query(database, f"SELECT count(*), max(id) FROM {table}")[0]
        for table in ("users", "messages", "lists", "list_properties", "list_data_rows")
    }
    assert counts == {
        "users": (200, 200),
        "messages": (2400, 2400),
        "lists": (450, 450),
        "list_properties": (1350, 1350),
        "list_data_rows": (1750, 1750),
    }
    sequences = dict(query(database, "SELECT sequencename, last_value FROM pg_sequences"))
    assert sequences == {f"{table}_id_seq": last for table, (_, last) in counts.items()}
    levels = query(
        database,
        """
        WITH RECURSIVE tree AS (
            SELECT id, 1 AS level FROM lists WHERE parent_id IS NULL
            UNION ALL
            SELECT lists.id, level + 1 FROM lists JOIN tree ON parent_id = tree.id
        )
        SELECT level, count(*) FROM tree GROUP BY level ORDER BY level
        """,
    )
    assert levels == [(1, 100), (2, 200), (3, 100), (4, 50)]
    kinds = "SELECT DISTINCT jsonb_typeof(value) FROM list_data_rows, jsonb_each(data) ORDER BY 1"
    assert [row[0] for row in query(database, kinds)] == [
        *("array", "boolean", "null", "number", "object", "string")
    ]


def test_the_migration_history_is_what_prisma_would_have_written(
    new_database: Callable[..., Database],
) -> None:
    database = seeded(new_database)
    rows = query(
        database,
        "SELECT migration_name, checksum, applied_steps_count,"
        " finished_at > started_at AND rolled_back_at IS NULL AND logs IS NULL"
        " FROM _prisma_migrations ORDER BY started_at",
    )
    assert rows == [(name, checksum, 1, True) for name, checksum in CHECKSUMS.items()]


def test_the_address_leads_back_to_the_database(new_database: Callable[..., Database]) -> None:
    database = new_database(name="demo/ü &?=%")
    assert dict(parse_url(address(database), origin="test").parameters) == database.parameters


# The tour


def test_the_tour_shows_commands_and_proofs_and_leaves_nothing(
    tmp_path: Path, temporary: Path
) -> None:
    done = dbsnap("demo", cwd=tmp_path, environment={"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    shown = [line[2:] for line in done.stdout.splitlines() if line.startswith("$ ")]
    assert shown == [step.shown for step in DEMO_STEPS]
    assert {"backup", "show", "verify", "restore", "rollback"} <= {
        step.arguments[0] for step in DEMO_STEPS if step.arguments
    }
    for proof in (
        "6,152 rows; 6 tables, 11 indexes",
        "DELETE 3",
        "users: 3 rows missing",
        "list_data_rows: 35 rows missing, 1 row differs",
        "index messages_user_id_idx is gone",
        "VERIFIED and restored demo: 6,152 rows",
        "rolled back",
        "dbsnap doctor",
    ):
        assert proof in done.stdout
    verdicts = re.findall(r"^(VERIFIED|DIFFERENT) demo on .* against ", done.stdout, re.MULTILINE)
    assert verdicts == ["VERIFIED", "DIFFERENT", "VERIFIED", "DIFFERENT", "VERIFIED"]
    assert "Traceback" not in done.stderr
    assert left_behind(temporary) == []
    assert list(tmp_path.iterdir()) == []


def test_the_tour_as_one_document(tmp_path: Path, temporary: Path) -> None:
    done = dbsnap("demo", "--json", cwd=tmp_path, environment={"TMPDIR": str(temporary)})
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["command"], document["status"], document["findings"]) == ("demo", "ok", [])
    steps = document["steps"]
    assert [step["command"] for step in steps] == [step.shown for step in DEMO_STEPS]
    assert [step["exit_code"] for step in steps] == [step.expected_exit for step in DEMO_STEPS]
    outcomes = [step["document"]["status"] for step in steps if "verify" in step["command"]]
    assert outcomes == ["ok", "different", "ok", "different", "ok"]
    damaged = next(step for step in steps if step["exit_code"] == 4)["document"]["findings"]
    assert "index messages_user_id_idx is gone" in [finding["message"] for finding in damaged]
    assert [step["output"] for step in steps if "output" in step] == [
        *("DELETE 3", "DROP INDEX", "UPDATE 1")
    ]
    assert left_behind(temporary) == []


def test_the_users_own_configuration_is_neither_read_nor_touched(
    tmp_path: Path, temporary: Path
) -> None:
    elsewhere = "postgresql://nobody@127.0.0.1:1/elsewhere"
    files = {".env": f"DATABASE_URL={elsewhere}\n", "dbsnap.toml": "this is not TOML\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    environment = {
        "TMPDIR": str(temporary),
        "DATABASE_URL": elsewhere,
        "DIRECT_URL": elsewhere,
        "DBSNAP_DIR": str(tmp_path / "mine"),
        "DBSNAP_COMPRESS": "no such compression",
        "PGSERVICE": "no such service",
        "PGOPTIONS": "-c no_such_setting=1",
    }
    done = dbsnap("demo", cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Starting a throw-away PostgreSQL", signal.SIGINT),
        ("$ dbsnap backup", signal.SIGINT),
        ('$ psql "$DATABASE_URL" -c "UPDATE', signal.SIGINT),
        ("$ dbsnap restore latest --yes", signal.SIGINT),
        ("$ dbsnap restore latest --yes", signal.SIGTERM),
        ("$ dbsnap rollback", signal.SIGINT),
    ],
)
def test_an_interruption_leaves_nothing_behind(
    tmp_path: Path, temporary: Path, moment: str, number: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "dbsnap", "demo"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        seen = any(line.startswith(moment) for line in process.stdout)
        time.sleep(0.1)  # into the step
        process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    assert seen
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert left_behind(temporary) == []


def test_a_step_that_ends_otherwise_stops_the_tour(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = (Path.cwd(), dict(os.environ))
    taken: list[Sequence[str]] = []

    def fails_to_verify(arguments: Sequence[str]) -> int:
        taken.append(arguments)
        return 5 if arguments[0] == "verify" else 0

    with pytest.raises(OperationFailed, match="`dbsnap verify latest`: exit code 5 instead of 0"):
        take_tour(fails_to_verify, Screen())
    assert [arguments[0] for arguments in taken] == ["backup", "list", "show", "verify"]
    assert (Path.cwd(), dict(os.environ)) == before
    assert left_behind(temporary) == []


def test_an_interrupted_step_ends_the_document(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def interrupted(arguments: Sequence[str]) -> int:
        sys.stdout.write(json.dumps({"command": arguments[0], "status": "failed"}))
        return 130

    document, exit_code = tour_document(interrupted)
    assert (exit_code, document["status"], document["message"]) == (130, "failed", "interrupted")
    assert [step["exit_code"] for step in document["steps"]] == [130]
    assert left_behind(temporary) == []
