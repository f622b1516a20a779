"""Putting a backup into the directory as a whole, and taking one away.

Everything is written into a staging directory first and renamed into place, the record last: a backup
exists from the moment its record does, and until its record goes. Files are 0600 and directories 0700
under any umask.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from dbsnap.archive.direct_output import DirectOutput
from dbsnap.archive.private_files import (
    create_private,
    require_private_directory,
    storage_failed,
)
from dbsnap.archive.storage import COMPANION_SUFFIXES, DUMP_SUFFIXES, PREFIX, RECORD_SUFFIX
from dbsnap.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

STAGING_SUFFIX = ".partial"
LOCK_NAME = ".lock"
PROJECT_MARKS = (".git", "package.json", "pyproject.toml", "dbsnap.toml")
NAME_LENGTH = 60

GIT_IGNORE = """\
# Dumps hold real data: nothing in this directory but this file belongs in git.
*
!.gitignore
"""


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
        return os.fdopen(create_private(self.path(suffix)), "wb")

    def create_large(self, suffix: str) -> BinaryIO:
        """Create and open the file that may be as large as the database."""
        return cast("BinaryIO", DirectOutput(create_private(self.path(suffix))))

    def write(self, suffix: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write one of the smaller files at once."""
        with self.create(suffix) as output:
            output.write(content)
        self.path(suffix).chmod(mode)

    def write_json(self, suffix: str, document: Any) -> str:
        """Write the record; return the sha256 of the file."""
        content = _encoded(document)
        self.write(suffix, content)
        return hashlib.sha256(content).hexdigest()


def _encoded(document: Any) -> bytes:
    """Return a document as indented JSON.

    orjson takes a twentieth of the time of Python's json, but no number of more than 64 bits; nothing
    keeps a user's own column in ``_prisma_migrations`` from holding one.
    """
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def prepare_directory(directory: Path) -> None:
    """Create the directory if need be, and make sure that it is ours alone and unseen by git.

    Raises StorageFailed where that cannot be, and where others could have written into it already.
    """
    require_private_directory(directory)
    if any((directory / mark).exists() for mark in PROJECT_MARKS):
        raise StorageFailed(
            f"{directory} is a project's own directory, which would become unreadable for others",
            hint="give backups a directory of their own: ./backups, --dir or DBSNAP_DIR",
        )
    try:
        _make_directory(directory)
        _tighten(directory)
        ignore = directory / ".gitignore"
        if ignore.is_symlink():  # git would not follow it, and the data would be there to be added
            ignore.unlink()
        with suppress(FileExistsError), os.fdopen(create_private(ignore), "w") as output:
            output.write(GIT_IGNORE)
    except OSError as error:
        raise storage_failed(f"cannot use {directory} for backups", error) from None


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
            remove_abandoned(directory)
            stage, lock = _reserve(directory, wanted)
    except OSError as error:
        raise storage_failed(f"cannot begin a backup in {directory}", error) from None
    try:
        yield stage
    except OSError as error:
        what = f"cannot write the backup into {directory}, and nothing was kept of it"
        raise storage_failed(what, error) from None
    finally:
        # In turn with the others: two who remove one staging directory could meet a third who makes it.
        with suppress(OSError, StorageFailed), directory_lock(directory):
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


def withdraw(directory: Path, own_id: str) -> None:
    """Take one backup away: ``publish`` backwards, its record first, because with it the backup ends.

    The caller holds the directory's lock. Killed after that, the rest is removed by whoever holds the
    lock next. Raises OSError.
    """
    stage = directory / f".{own_id}{STAGING_SUFFIX}"
    stage.mkdir(mode=0o700)
    record = own_id + RECORD_SUFFIX
    try:
        (directory / record).rename(stage / record)
        _flush(directory)
    finally:
        _discard(stage, own_id)


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Hold the directory's own lock, which those who change more than one file of it take in turn.

    Raises OSError, and StorageFailed where others can write into the directory.
    """
    require_private_directory(directory)
    path = directory / LOCK_NAME
    if path.is_symlink():
        raise StorageFailed(f"{path} is a symbolic link, which is not followed", hint="remove it")
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def file_name_part(name: str) -> str:
    """Return a database's or table's name as it can stand in a file name on any system."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:NAME_LENGTH] or "database"


def _make_directory(directory: Path) -> None:
    """Make the directory, and what is missing on the way to it, as ours alone."""
    if directory.is_dir():
        return
    if not directory.parent.is_dir():
        _make_directory(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _tighten(directory: Path) -> None:
    """Let nobody else look into a directory of ours. Through a link no modes are changed."""
    status = directory.stat()
    if status.st_uid != os.geteuid() or not status.st_mode & 0o077:
        return
    if directory.is_symlink():
        raise StorageFailed(
            f"{directory} is a link to a directory that others can look into",
            hint=f"chmod 700 {directory.resolve()}",
        )
    directory.chmod(0o700)


def _reserve(directory: Path, wanted: str) -> tuple[Staging, IO[str]]:
    # Or the dump of a table app_privileges would have the name of the privileges of app.
    number = 2 if wanted.endswith("_privileges") else 1
    while True:
        own_id = wanted if number == 1 else f"{wanted}_{number}"
        stage = Staging(own_id, directory / f".{own_id}{STAGING_SUFFIX}")
        number += 1
        try:
            stage.directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        companions = [directory / (own_id + suffix) for suffix in COMPANION_SUFFIXES]
        if any(directory.glob(f"{own_id}.*")) or any(map(os.path.lexists, companions)):
            stage.directory.rmdir()
            continue
        lock = os.fdopen(create_private(stage.directory / "lock"), "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return stage, lock


def remove_abandoned(directory: Path) -> None:
    """Remove what killed dbsnaps left: staging directories whose lock nobody holds any more.

    The caller holds the directory's lock. Raises OSError.
    """
    for stage in directory.glob(f".{PREFIX}*{STAGING_SUFFIX}"):
        status = stage.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            continue  # none that we made
        own_id = stage.name.removeprefix(".").removesuffix(STAGING_SUFFIX)
        try:
            descriptor = os.open(stage / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # killed before it had locked it
            _discard(stage, own_id)
            continue
        with os.fdopen(descriptor) as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _discard(stage, own_id)


def _discard(stage: Path, own_id: str) -> None:
    """Remove a staging directory, and what stands published without the record, which makes it whole."""
    directory = stage.parent
    if not os.path.lexists(directory / (own_id + RECORD_SUFFIX)):
        for suffix in (*DUMP_SUFFIXES, *COMPANION_SUFFIXES):
            (directory / (own_id + suffix)).unlink(missing_ok=True)
    shutil.rmtree(stage, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
