"""A backup at rest: the record, the files around it, and finding them again."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from conftest import DEFAULT_MAJOR, drop_all_like, run_sql
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from small_backups import TODAY, publish_small_backup

from dbsnap.archive import summaries
from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import Staging, file_name_part, staging
from dbsnap.archive.record import read_record, record_from_json
from dbsnap.archive.retention import Policy
from dbsnap.archive.storage import find_dump, find_record
from dbsnap.errors import DbsnapError, DumpRefused, StorageFailed, UsageError
from dbsnap.operations.backup import backup
from dbsnap.operations.catalogue import list_backups
from dbsnap.operations.doctor import diagnose
from dbsnap.operations.pin import pin
from dbsnap.operations.prune import prune
from dbsnap.operations.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Servers

    from dbsnap.archive.record import Record
    from dbsnap.operations.backup import Backup


@pytest.fixture(scope="module")
def original(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    """Give one published backup that no test changes."""
    server = servers.of(DEFAULT_MAJOR)
    run_sql(server.database(), "CREATE DATABASE archived")
    database = server.database("archived")
    run_sql(database, "CREATE TABLE users (id int); INSERT INTO users VALUES (1), (2);")
    directory = tmp_path_factory.mktemp("original")
    yield backup(database, target="local", directory=directory, reason="why not")
    drop_all_like(server, database.name)


@pytest.fixture
def taken(original: Backup, tmp_path: Path) -> Backup:
    """Give a copy of a published backup in ``tmp_path/backups``."""
    shutil.copytree(original.dump.parent, tmp_path / "backups")
    return replace(original, dump=tmp_path / "backups" / original.dump.name)


def record_path(taken: Backup) -> Path:
    return taken.dump.with_name(taken.record.id + ".json")


def test_the_record_reads_back_as_it_was_written(taken: Backup) -> None:
    assert read_record(record_path(taken)) == taken.record
    document = taken.record.as_json()
    assert record_from_json(json.loads(json.dumps(document)), where="here") == taken.record


def test_a_number_of_more_than_64_bits_stays_as_it_is(tmp_path: Path) -> None:
    written = Staging("backup_1", tmp_path)
    for value in (10**30, [[[10**30]], "é\u2028"]):
        sha256 = written.write_json(".json", {"value": value, "b": 1})
        text = written.path(".json").read_bytes()
        assert json.loads(text) == {"value": value, "b": 1}
        assert text.startswith(b'{\n  "value": ')
        assert text.endswith(b"\n}\n")
        assert hashlib.sha256(text).hexdigest() == sha256
        written.path(".json").unlink()


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


def test_latest_is_none_that_a_restore_took(tmp_path: Path) -> None:
    """Whoever repeats a restore of ``latest`` would undo it."""
    undoing = publish_small_backup(tmp_path, tables=("public.mods",), where="id = 1", undoes="any")
    with pytest.raises(UsageError, match="were taken by restores"):
        find_dump(tmp_path, "latest")
    asked_for = publish_small_backup(tmp_path, TODAY - timedelta(days=1))
    assert find_dump(tmp_path, "latest").name == f"{asked_for}.sql"
    assert find_dump(tmp_path, undoing).name == f"{undoing}.sql"


def test_a_record_and_an_export_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    own_id = publish_small_backup(tmp_path)
    record = tmp_path / f"{own_id}.json"
    alone = tmp_path / "elsewhere.json"
    alone.write_bytes(record.read_bytes())
    (tmp_path / f"{own_id}.sql").unlink()
    for lost in (record, alone):
        with pytest.raises(DumpRefused, match="is there, but no dump"):
            find_dump(tmp_path, str(lost))
    for text in ('{"metadata": {"table": "t"}}', '{"id": 1}\n'):
        alone.write_text(text)
        assert find_dump(tmp_path, str(alone)) == alone
        assert find_dump(tmp_path, alone.name) == alone


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_their_owners_alone_under_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        directory = tmp_path / "var" / "backups"
        pin(directory, publish_small_backup(directory))
        rebuild_manifest(directory)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert len(modes) == 2 + 3 + 5  # directories, hidden files, a backup with its pin
    for name, mode in modes.items():
        assert mode == (0o700 if (tmp_path / name).is_dir() else 0o600), name
    assert "*" in (directory / ".gitignore").read_text().split("\n")


def test_the_manifest_is_made_anew_from_the_records(taken: Backup) -> None:
    directory = taken.dump.parent
    manifest = directory / "backup_manifest.json"
    (line,) = json.loads(manifest.read_text())["backups"]
    schema = resources.files("dbsnap.archive") / "schemas/manifest.json"
    Draft202012Validator(json.loads(schema.read_text())).validate(json.loads(manifest.read_text()))
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
        "pinned": False,
    }
    good = manifest.read_text()
    for broken in ("", "{", '{"version": 1, "backups": []}', good.replace("why not", "because")):
        manifest.write_text(broken)
        list_backups(directory)
        assert manifest.read_text() == good
    manifest.unlink()
    rebuild_manifest(directory)
    assert manifest.read_text() == good


def test_the_manifest_names_the_tables_of_a_table_backup(tmp_path: Path) -> None:
    publish_small_backup(tmp_path / "b", tables=("public.mods", 'shop."Old Favorites"'))
    (line,) = json.loads((tmp_path / "b/backup_manifest.json").read_text())["backups"]
    assert line["table"] == 'mods, shop."Old Favorites"'
    assert line["recordCount"] == 4


def test_a_record_that_was_just_written_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock may not have ticked since: then its content says whether it is still the same."""
    directory = tmp_path / "b"
    own_id = publish_small_backup(directory)
    path = directory / f"{own_id}.json"
    written = read_record(path)
    (directory / summaries.MEMORY_NAME).unlink(missing_ok=True)
    known = summaries.Summaries(directory)
    known.know(path, written, hashlib.sha256(path.read_bytes()).hexdigest())
    rebuild_manifest(directory, known)
    read: list[str] = []

    def counted(path: Path) -> Record:
        read.append(path.stem)
        return read_record(path)

    monkeypatch.setattr(summaries, "read_record", counted)
    list_backups(directory)
    assert not read
    stamp = [path.lstat().st_size, *[path.lstat().st_mtime_ns] * 2, 0, 0]
    monkeypatch.setattr(summaries, "_stamp", lambda _status: [*stamp])
    known = summaries.Summaries(directory)
    known.know(path, written, hashlib.sha256(path.read_bytes()).hexdigest())
    assert known.of(path).reason == "why not"
    path.write_text(path.read_text().replace("why not", "because"))  # within the same tick
    assert known.of(path).reason == "because"
    assert read == [own_id]


def test_only_records_that_changed_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "b"
    first = publish_small_backup(directory, TODAY - timedelta(1))
    second = publish_small_backup(directory)
    read: list[str] = []

    def counted(path: Path) -> Record:
        read.append(path.stem)
        return read_record(path)

    monkeypatch.setattr(summaries, "read_record", counted)
    monkeypatch.setattr(summaries, "SETTLED_NANOSECONDS", 0)
    rebuild_manifest(directory)
    assert sorted(read) == [first, second]
    rebuild_manifest(directory)
    listed, _ = list_backups(directory)
    assert len(read) == 2
    path = directory / f"{first}.json"
    times = path.stat()
    path.write_text(path.read_text().replace("why not", "because"))  # it is as long as before
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed, _ = list_backups(directory)
    assert read[2:] == [first]
    assert changed[0].summary is not None
    assert (changed[0].summary.reason, changed[1]) == ("because", listed[1])
    memory = directory / ".summaries.json"
    edited = memory.read_bytes().replace(b"because", b"why not")
    for damage in (b"", b"{}", b"[1]", b"\xff", edited):
        memory.write_bytes(damage)
        assert list_backups(directory) == (changed, [])
    assert len(read) == 3 + 5 * 2


def test_what_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """Within one tick of the file system's clock a file can change unseen."""
    publish_small_backup(tmp_path)
    rebuild_manifest(tmp_path)
    assert not (tmp_path / ".summaries.json").exists()


def test_the_list_tells_whole_from_broken(taken: Backup) -> None:
    directory = taken.dump.parent

    def statuses() -> list[str]:
        entries, findings = list_backups(directory)
        assert len(findings) == len([entry for entry in entries if entry.status != "verified"])
        return [entry.status for entry in entries]

    assert statuses() == ["verified"]
    taken.dump.write_bytes(taken.dump.read_bytes()[:-1])
    assert statuses() == ["damaged"]
    taken.dump.unlink()
    assert statuses() == ["incomplete"]
    record_path(taken).write_text("{}")
    ((entry,), (finding,)) = list_backups(directory)
    assert (entry.status, entry.summary) == ("damaged", None)
    assert entry.problem
    assert finding.message == entry.problem
    assert list_backups(directory / "none") == ([], [])


@given(st.text(max_size=80))
def test_any_name_makes_a_file_name(name: str) -> None:
    part = file_name_part(name)
    assert part
    assert re.fullmatch("[A-Za-z0-9_-]+", part)
    assert len(part) <= 60


# What others could have written


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, str, str]:
    """Give a directory and the ids of two backups in it, the older first."""
    directory = tmp_path / "b"
    older = publish_small_backup(directory, TODAY - timedelta(1))
    return directory, older, publish_small_backup(directory)


def everything(directory: Path) -> dict[str, Callable[[], object]]:
    """Return what every command does to the directory, by name."""
    return {
        "backup": lambda: publish_small_backup(directory),
        "list": lambda: list_backups(directory),
        "latest": lambda: find_dump(directory, "latest"),
        "by id": lambda: find_dump(directory, "backup_20260124_103000_app"),
        "by path": lambda: find_dump(directory, f"{directory}/backup_20260124_103000_app.sql"),
        "manifest": lambda: rebuild_manifest(directory),
        "pin": lambda: pin(directory, "latest"),
        "prune": lambda: prune(directory, Policy(keep_days=1), confirm=lambda _: None),
    }


def troubled(directory: Path) -> bool:
    """Return whether doctor warns of the directory."""
    return any(check.subject == "backups directory" for check in diagnose(None, directory).checks)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_directory_that_all_can_write_to_is_refused(
    two: tuple[Path, str, str], mode: int
) -> None:
    directory = two[0]
    before = sorted(path.name for path in directory.iterdir())
    directory.chmod(mode)
    for name, use in everything(directory).items():
        with pytest.raises(StorageFailed, match="can be written by others") as failure:
            use()
        chmod = f"chmod 700 {directory}"
        assert failure.value.hint.endswith("--dir or DBSNAP_DIR" if mode == 0o1777 else chmod), name
    assert troubled(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == mode
    assert sorted(path.name for path in directory.iterdir()) == before
    directory.chmod(0o700)
    assert not troubled(directory)
    for use in everything(directory).values():
        use()


def test_a_directory_that_our_own_group_can_write_to_is_tightened(
    two: tuple[Path, str, str],
) -> None:
    """As a umask of 002 makes it; what others would put into it is told by its owner."""
    directory = two[0]
    directory.chmod(0o775)
    assert len(list_backups(directory)[0]) == 2
    assert stat.S_IMODE(directory.stat().st_mode) == 0o775
    publish_small_backup(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_no_modes_are_changed_through_a_link_to_the_directory(
    two: tuple[Path, str, str], tmp_path: Path
) -> None:
    directory = two[0]
    link = tmp_path / "link"
    link.symlink_to(directory)
    publish_small_backup(link)
    directory.chmod(0o755)
    with pytest.raises(StorageFailed, match="is a link") as failure:
        publish_small_backup(link)
    assert failure.value.hint == f"chmod 700 {directory}"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    assert len(list_backups(link)[0]) == 3


FOREIGN = 54321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@as_root
@pytest.mark.parametrize("mode", [0o700, 0o770])
def test_a_directory_of_another_user_is_refused(two: tuple[Path, str, str], mode: int) -> None:
    directory = two[0]
    directory.chmod(mode)
    os.chown(directory, FOREIGN, FOREIGN)
    for use in everything(directory).values():
        with pytest.raises(StorageFailed, match=rf"belongs to another user \({FOREIGN}\)"):
            use()


@as_root
def test_under_sudo_the_callers_directory_is_ours(
    two: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = two[0]
    for path in (directory, *directory.iterdir()):
        os.chown(path, FOREIGN, FOREIGN)
    monkeypatch.setenv("SUDO_UID", str(FOREIGN))
    for use in everything(directory).values():
        use()


def give_away(path: Path) -> None:
    os.chown(path, FOREIGN, FOREIGN)


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("spoil", [pytest.param(give_away, marks=as_root), open_to_all])
@pytest.mark.parametrize("suffix", [".sql", ".json", "_privileges.sql", "_restore.sh"])
def test_a_file_that_others_could_have_written_is_refused(
    two: tuple[Path, str, str], suffix: str, spoil: Callable[[Path], None]
) -> None:
    directory, older, newer = two
    spoil(directory / f"{newer}{suffix}")
    assert_only_the_other_is_used(directory, older, newer)


def assert_only_the_other_is_used(directory: Path, older: str, newer: str) -> None:
    status = {entry.id: entry.status for entry in list_backups(directory)[0]}
    assert status == {older: "verified", newer: "damaged"}
    for name in (newer, "latest", f"{newer}.sql", str(directory / f"{newer}.sql")):
        with pytest.raises(DumpRefused) as refusal:
            find_record(find_dump(directory, name))
        assert refusal.value.rule in {"link", "foreign-file", "record"}
    record = find_record(find_dump(directory, older))
    assert record is not None
    assert record.id == older


PLANTED = [
    "{id}.sql",
    "{id}.json",
    "{id}_privileges.sql",
    "{id}_restore.sh",
    "{id}.pin",
    "backup_manifest.json",
    ".backup_manifest.json.partial",
    ".summaries.json",
    ".summaries.json.partial",
    ".lock",
    ".gitignore",
    ".backup_20260124_103000_app_2.partial",
    "backup_20260124_103000_app_2.sql",
]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("lead", ["file", "directory", "nowhere"])
def test_a_link_out_of_the_directory_is_not_followed(
    two: tuple[Path, str, str],
    tmp_path: Path,
    name: str,
    lead: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory, older, newer = two
    monkeypatch.setattr(summaries, "SETTLED_NANOSECONDS", 0)
    outside = tmp_path / "outside"
    outside.mkdir()
    link = directory / name.format(id=newer)
    content = link.read_bytes() if link.is_file() else b"precious"
    for path in (outside / "file", outside / "lock"):
        path.write_bytes(content)
        path.chmod(0o644)
    link.unlink(missing_ok=True)
    link.symlink_to({"file": outside / "file", "directory": outside}.get(lead, outside / "new"))
    before = [(path, path.stat().st_mtime_ns) for path in sorted(outside.iterdir())]
    if name.startswith("{id}") and name != "{id}.pin":
        assert_only_the_other_is_used(directory, older, newer)
    for use in everything(directory).values():
        with suppress(DbsnapError):
            use()
    assert [(path, path.stat().st_mtime_ns) for path in sorted(outside.iterdir())] == before
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    for path in (outside / "file", outside / "lock"):
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    if name == ".lock":
        with pytest.raises(StorageFailed, match="is a symbolic link"):
            publish_small_backup(directory)
        link.unlink()
    fresh = publish_small_backup(directory, TODAY + timedelta(1))
    assert find_record(find_dump(directory, fresh)) is not None
    assert older not in {path.name for path in outside.iterdir()}


def test_a_list_needs_no_manifest(two: tuple[Path, str, str], tmp_path: Path) -> None:
    directory, older, newer = two
    (directory / "backup_manifest.json").unlink()
    (directory / ".lock").unlink()
    (directory / ".lock").symlink_to(tmp_path)
    found, findings = list_backups(directory)
    assert [entry.id for entry in found] == [older, newer]
    assert [(finding.object, finding.severity) for finding in findings] == [("manifest", "warning")]
    assert not (directory / "backup_manifest.json").exists()


def test_a_link_of_the_users_own_is_followed(two: tuple[Path, str, str], tmp_path: Path) -> None:
    directory, older, _ = two
    mine = tmp_path / "before-the-migration.sql"
    mine.symlink_to(directory / f"{older}.sql")
    dump = find_dump(directory, str(mine))
    record = find_record(dump)
    assert record is not None
    assert (dump.name, record.id) == (f"{older}.sql", older)
    shared = tmp_path / "shared.sql"
    shared.write_text("SELECT 1;")
    shared.chmod(0o666)
    mine.unlink()
    mine.symlink_to(shared)
    assert find_record(find_dump(directory, str(mine))) is None


def test_the_dump_of_one_never_takes_the_name_of_another_ones_file(tmp_path: Path) -> None:
    with (
        staging(tmp_path, "app", TODAY) as one,
        staging(tmp_path, "app_privileges", TODAY) as other,
    ):
        assert other.id != f"{one.id}_privileges"
    for database in ("app", "app_privileges", "app_restore", "app"):
        publish_small_backup(tmp_path, database=database)
    assert [entry.status for entry in list_backups(tmp_path)[0]] == ["verified"] * 4
    (tmp_path / "backup_20260125_103000_app_privileges.sql").write_text("by hand")
    later = publish_small_backup(tmp_path, TODAY + timedelta(1))
    assert later == "backup_20260125_103000_app_2"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EROFS, "that you may write"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "name another directory"),
    ],
)
def test_the_hint_fits_what_went_wrong(tmp_path: Path, number: int, hint: str) -> None:
    with pytest.raises(StorageFailed) as failure, staging(tmp_path, "app", TODAY):
        raise OSError(number, os.strerror(number))
    assert hint in failure.value.hint
    assert ("make room" in failure.value.hint) == (hint == "make room")
    assert os.strerror(number) in str(failure.value)
    assert not list(tmp_path.glob("*backup_*"))
