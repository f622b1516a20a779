"""The backups directory: publishing a backup as a whole, finding one again, listing what is there.

Everything is written into a staging directory first and renamed into place, the record last: a backup
exists from the moment its record does. Files are 0600 and directories 0700 under any umask.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from dbsnap.archive.record import Record, read_record
from dbsnap.errors import DumpRefused, StorageFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

PREFIX = "backup_"
RECORD_SUFFIX = ".json"
MANIFEST_NAME = "backup_manifest.json"
DUMP_SUFFIXES = (".sql", ".sql.gz", ".sql.zst")
COMPANION_SUFFIXES = ("_privileges.sql", "_restore.sh")
STAGING_SUFFIX = ".partial"
LOCK_NAME = ".lock"
LATEST = "latest"
PROJECT_MARKS = (".git", "package.json", "pyproject.toml", "dbsnap.toml")
NAME_LENGTH = 60

GIT_IGNORE = """\
# Dumps hold real data: nothing in this directory but this file belongs in git.
*
!.gitignore
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory holds under one id: a record, or the reason why it cannot be read."""

    id: str
    record: Record | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Staging:
    """A backup being written: ``path(suffix)`` for each of its files, all still out of sight."""

    id: str
    directory: Path

    def path(self, suffix: str) -> Path:
        """Return the staged path of the file with this suffix."""
        return self.directory / (self.id + suffix)

    def create(self, suffix: str) -> BinaryIO:
        """Create and open one of the files, readable by its owner alone."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.fdopen(os.open(self.path(suffix), flags, 0o600), "wb")

    def write(self, suffix: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write one of the smaller files at once."""
        with self.create(suffix) as output:
            output.write(content)
        self.path(suffix).chmod(mode)

    def write_json(self, suffix: str, document: Any) -> None:
        """Write the record."""
        self.write(suffix, (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode())


def prepare_directory(directory: Path) -> None:
    """Create the directory if need be, and make sure that it is ours alone and unseen by git."""
    if any((directory / mark).exists() for mark in PROJECT_MARKS):
        raise StorageFailed(
            f"{directory} is a project's own directory, which would become unreadable for others",
            hint="give backups a directory of their own: ./backups, --dir or DBSNAP_DIR",
        )
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if status.st_uid != os.geteuid() and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StorageFailed(
                f"{directory} belongs to another user and can be written by others",
                hint="name a directory of your own with --dir or DBSNAP_DIR",
            )
        if status.st_uid == os.geteuid() and status.st_mode & 0o077:
            directory.chmod(0o700)
        ignore = directory / ".gitignore"
        if not ignore.exists():
            ignore.touch(mode=0o600)
            ignore.write_text(GIT_IGNORE)
    except OSError as error:
        raise StorageFailed(
            f"cannot use {directory} for backups: {error.strerror}",
            hint="name another directory with --dir or DBSNAP_DIR",
        ) from None


@contextmanager
def staging(directory: Path, name: str, now: datetime) -> Iterator[Staging]:
    """Reserve an id and a staging directory; whatever was not published is gone at the end.

    ``name`` says what is backed up; ``now`` is in UTC. Staging directories of dbsnaps that were
    killed are removed. Raises StorageFailed when the disk is full or the directory unusable.
    """
    prepare_directory(directory)
    wanted = f"{PREFIX}{now:%Y%m%d_%H%M%S}_{file_name_part(name)}"
    try:
        with directory_lock(directory):  # others must not see a staging directory without its lock
            _remove_abandoned(directory)
            stage, lock = _reserve(directory, wanted)
    except OSError as error:
        raise StorageFailed(
            f"cannot begin a backup in {directory}: {error.strerror or error}",
            hint="make room, or name another directory with --dir or DBSNAP_DIR",
        ) from None
    try:
        yield stage
    except OSError as error:
        raise StorageFailed(
            f"cannot write the backup into {directory}: {error.strerror or error}",
            hint="nothing was kept of it; make room or name another --dir",
        ) from None
    finally:
        _discard(stage.directory, stage.id)
        lock.close()


def publish(stage: Staging, directory: Path) -> None:
    """Put a staged backup in place: the record last, because with it the backup exists.

    Interrupted or killed before that, the files already in place are removed by ``staging``, or by
    that of the next backup.
    """
    for path in stage.directory.iterdir():
        _flush(path)
    others = [p for p in stage.directory.iterdir() if p.name.startswith(PREFIX)]
    record = stage.path(RECORD_SUFFIX)
    for path in sorted(others):
        if path != record:
            path.rename(directory / path.name)
    _flush(directory)
    record.rename(directory / record.name)
    _flush(directory)


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Hold the directory's own lock, which those who change more than one file of it take in turn.

    Raises OSError.
    """
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entries(directory: Path) -> list[Entry]:
    """Return every backup in the directory, oldest first; damaged records are entries too."""
    found = []
    for path in sorted(directory.glob(f"{PREFIX}*{RECORD_SUFFIX}")):
        if path.name == MANIFEST_NAME:
            continue
        own_id = path.name.removesuffix(RECORD_SUFFIX)
        try:
            found.append(Entry(own_id, read_record(path)))
        except DumpRefused as error:
            found.append(Entry(own_id, None, str(error)))
    return found


def find_dump(directory: Path, name: str) -> Path:
    """Return the dump file that a path, a backup id or ``latest`` stands for.

    Raises UsageError naming what there is when nothing fits.
    """
    if name == LATEST:
        return _latest(directory)
    candidates = [Path(name), directory / name]
    candidates += [directory / (name + suffix) for suffix in DUMP_SUFFIXES]
    for candidate in candidates:
        if candidate.name.endswith(RECORD_SUFFIX) and candidate.is_file():
            return _dump_beside(candidate)
        if candidate.exists():
            return candidate
    record = directory / (name + RECORD_SUFFIX)
    if record.exists():
        return _dump_beside(record)
    raise UsageError(
        f"there is no backup {name} in {directory}, and no such file",
        hint="dbsnap list shows the backups there are",
    )


def find_record(dump: Path) -> Record | None:
    """Return the record beside a dump, or None where there is none; raise DumpRefused if damaged."""
    path = dump.with_name(backup_id(dump) + RECORD_SUFFIX)
    return read_record(path) if path.exists() else None


def backup_id(dump: Path) -> str:
    """Return the file name of a dump without its suffix."""
    for suffix in sorted(DUMP_SUFFIXES, key=len, reverse=True):
        if dump.name.endswith(suffix):
            return dump.name.removesuffix(suffix)
    return dump.name


def file_name_part(name: str) -> str:
    """Return a database's or table's name as it can stand in a file name on any system."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:NAME_LENGTH] or "database"


def _latest(directory: Path) -> Path:
    found = entries(directory)
    newest = max(found, key=_moment, default=None)
    if newest is None:
        raise UsageError(f"there is no backup in {directory}", hint="take one with: dbsnap backup")
    if newest.record is None:
        raise DumpRefused(
            f"the newest backup, {newest.id}, cannot be used: {newest.problem}",
            rule="record",
            hint="name an older backup yourself: dbsnap list shows them",
        )
    return _dump_beside(directory / (newest.id + RECORD_SUFFIX))


def _dump_beside(record: Path) -> Path:
    """Return the dump that stands beside a record, under the same name but for the suffix."""
    own_id = record.name.removesuffix(RECORD_SUFFIX)
    for suffix in DUMP_SUFFIXES:
        if (dump := record.with_name(own_id + suffix)).exists():
            return dump
    raise DumpRefused(
        f"the record {record.name} is there, but no dump {own_id}.sql is",
        rule="missing-file",
        hint="bring the dump back from another copy",
    )


def _moment(entry: Entry) -> tuple[str, str]:
    """Return when a backup was taken; a damaged record's id still says it."""
    if entry.record is not None:
        return (re.sub(r"\D", "", entry.record.created_at), entry.id)
    stamp = re.match(rf"{PREFIX}(\d{{8}})_(\d{{6}})", entry.id)
    return (stamp[1] + stamp[2] if stamp else "", entry.id)


def _reserve(directory: Path, wanted: str) -> tuple[Staging, IO[str]]:
    number = 1
    while True:
        own_id = wanted if number == 1 else f"{wanted}_{number}"
        stage = Staging(own_id, directory / f".{own_id}{STAGING_SUFFIX}")
        number += 1
        try:
            stage.directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        if any(directory.glob(f"{own_id}.*")):
            stage.directory.rmdir()
            continue
        lock = (stage.directory / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return stage, lock


def _remove_abandoned(directory: Path) -> None:
    """Remove the staging directories whose dbsnap no longer holds their lock."""
    for stage in directory.glob(f".{PREFIX}*{STAGING_SUFFIX}"):
        own_id = stage.name.removeprefix(".").removesuffix(STAGING_SUFFIX)
        try:
            with (stage / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _discard(stage, own_id)
        except FileNotFoundError:  # killed before it had locked it
            _discard(stage, own_id)
        except BlockingIOError:
            continue


def _discard(stage: Path, own_id: str) -> None:
    """Remove a staging directory, and what ``publish`` renamed if it did not come to the record."""
    directory = stage.parent
    if not (directory / (own_id + RECORD_SUFFIX)).exists():
        for suffix in (*DUMP_SUFFIXES, *COMPANION_SUFFIXES):
            (directory / (own_id + suffix)).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
