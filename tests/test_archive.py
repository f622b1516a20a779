"""A backup at rest: the record, the files around it, and finding them again."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.record import read_record, record_from_json
from dbsnap.archive.storage import file_name_part, find_dump, find_record
from dbsnap.errors import DumpRefused, UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.catalogue import list_backups
from dbsnap.operations.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.operations.backup import Backup
    from dbsnap.postgres.url import Database


@pytest.fixture
def taken(new_database: Callable[..., Database], tmp_path: Path) -> Backup:
    """Give one published backup in ``tmp_path/backups``."""
    database = new_database("CREATE TABLE users (id int); INSERT INTO users VALUES (1), (2);")
    return backup(database, target="local", directory=tmp_path / "backups", reason="why not")


def record_path(taken: Backup) -> Path:
    return taken.dump.with_name(taken.record.id + ".json")


def test_the_record_reads_back_as_it_was_written(taken: Backup) -> None:
    assert read_record(record_path(taken)) == taken.record
    document = taken.record.as_json()
    assert record_from_json(json.loads(json.dumps(document)), where="here") == taken.record


def change(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = change(document[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 99),
        (("format",), "1"),
        (("id",), "../../etc/passwd"),
        (("dump", "file"), "../dump.sql"),
        (("dump", "file"), "/etc/passwd"),
        (("dump", "sha256"), "short"),
        (("dump", "bytes"), -1),
        (("dump", "blocks", 0, "rows"), "many"),
        (("privileges",), None),
        (("inventory", "objects", "table", "public.users", "rows"), "two"),
        (("inventory", "objects", "table", "public.users"), []),
        (("created_at",), "yesterday"),
    ],
)
def test_a_damaged_record_is_refused_by_name(
    taken: Backup, path: tuple[Any, ...], value: Any
) -> None:
    document = change(taken.record.as_json(), path, value)
    record_path(taken).write_text(json.dumps(document))
    with pytest.raises(DumpRefused, match=taken.record.id) as refusal:
        read_record(record_path(taken))
    assert refusal.value.rule == "record"
    with pytest.raises(DumpRefused):
        validate(taken.dump)


@given(st.binary(max_size=40))
def test_no_bytes_make_a_record_by_accident(content: bytes) -> None:
    try:
        document = json.loads(content)
    except ValueError:
        return
    with pytest.raises(DumpRefused):
        record_from_json(document, where="here")


def test_a_record_cut_off_is_refused(taken: Backup) -> None:
    whole = record_path(taken).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 3):
        record_path(taken).write_bytes(whole[:length])
        with pytest.raises(DumpRefused):
            find_record(taken.dump)


def test_a_dump_that_is_not_its_records_is_refused(taken: Backup) -> None:
    document = taken.record.as_json()
    tables = document["inventory"]["objects"]["table"]
    tables["public.users"]["rows"] = 3
    record_path(taken).write_text(json.dumps(document))
    with pytest.raises(DumpRefused, match="users: 1 row missing") as refusal:
        validate(taken.dump)
    assert refusal.value.rule == "differs-from-record"


def test_every_way_to_name_a_backup_leads_to_its_dump(taken: Backup, tmp_path: Path) -> None:
    directory = taken.dump.parent
    names = ["latest", taken.record.id, taken.dump.name, str(taken.dump), str(record_path(taken))]
    for name in names:
        assert find_dump(directory, name).resolve() == taken.dump.resolve()
    with pytest.raises(UsageError, match="no backup nothing"):
        find_dump(directory, "nothing")
    with pytest.raises(UsageError, match="no backup in"):
        find_dump(tmp_path / "empty", "latest")
    taken.dump.unlink()
    with pytest.raises(DumpRefused, match="but no dump"):
        find_dump(directory, taken.record.id)


def test_files_are_their_owners_alone_under_any_umask(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        directory = tmp_path / "open"
        backup(new_database(), target="local", directory=directory)
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = [path for path in directory.iterdir() if path.name.startswith("backup_")]
    assert len(files) == 5
    for path in files:
        mode = 0o700 if path.suffix == ".sh" else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path.name
    assert "*" in (directory / ".gitignore").read_text().split("\n")


def test_the_manifest_is_made_anew_from_the_records(taken: Backup) -> None:
    directory = taken.dump.parent
    manifest = directory / "backup_manifest.json"
    (line,) = json.loads(manifest.read_text())["backups"]
    assert line == {
        "id": taken.record.id,
        "table": None,
        "database": taken.record.source.database,
        "createdAt": taken.record.created_at,
        "recordCount": 2,
        "filePath": taken.dump.name,
        "restorePath": taken.record.restore_script.file,
        "sizeBytes": taken.record.dump.bytes,
        "reason": "why not",
        "status": "verified",
    }
    good = manifest.read_text()
    for broken in ("", "{", '{"version": 1, "backups": []}'):
        manifest.write_text(broken)
        rebuild_manifest(directory)
        assert manifest.read_text() == good


def test_the_list_tells_whole_from_broken(taken: Backup) -> None:
    directory = taken.dump.parent
    assert [line.status for line in list_backups(directory)] == ["verified"]
    taken.dump.write_bytes(taken.dump.read_bytes()[:-1])
    assert [line.status for line in list_backups(directory)] == ["damaged"]
    taken.dump.unlink()
    assert [line.status for line in list_backups(directory)] == ["incomplete"]
    record_path(taken).write_text("{}")
    (line,) = list_backups(directory)
    assert (line.status, line.record) == ("damaged", None)
    assert line.problem
    assert list_backups(directory / "none") == []


@given(st.text(max_size=80))
def test_any_name_makes_a_file_name(name: str) -> None:
    part = file_name_part(name)
    assert part
    assert jsonschema.Draft202012Validator({"pattern": "^[A-Za-z0-9_-]+$"}).is_valid(part)
    assert len(part) <= 60
