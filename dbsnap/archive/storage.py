"""What is in a backups directory, and finding a backup there again.

What others could have written is not read, and no link in the directory is followed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dbsnap.archive.private_files import (
    require_private_directory,
    require_private_file,
    storage_failed,
)
from dbsnap.archive.record import Record, read_record
from dbsnap.archive.summaries import Summaries
from dbsnap.errors import DumpRefused, UsageError

if TYPE_CHECKING:
    from dbsnap.archive.summaries import Summary

PREFIX = "backup_"
RECORD_SUFFIX = ".json"
MANIFEST_NAME = "backup_manifest.json"
DUMP_SUFFIXES = (".sql", ".sql.gz", ".sql.zst")
COMPANION_SUFFIXES = ("_privileges.sql", "_restore.sh")
PIN_SUFFIX = ".pin"
LATEST = "latest"
RECORD_BEGINNING = re.compile(rb'\s*\{\s*"format"\s*:')
RECORD_HEAD_BYTES = 64

Status = Literal["verified", "incomplete", "damaged"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory holds under one id.

    Every published backup was verified when it was taken, and is ``verified`` as long as its record can
    be believed and its dump has the recorded size; ``validate`` looks at the bytes. It is ``incomplete``
    without its dump. ``problem`` says what is wrong, and ``summary`` is None where the record is.
    """

    id: str
    summary: Summary | None
    status: Status
    problem: str = ""
    pinned: bool = False

    @property
    def taken_at(self) -> datetime | None:
        """When it was taken, as its record says; None where that cannot be read."""
        try:
            return datetime.fromisoformat(self.summary.created_at) if self.summary else None
        except ValueError:  # it has the form of a date, but there is no such day
            return None

    @property
    def moment(self) -> tuple[str, str]:
        """When it was taken, in a form that sorts; a damaged record's id still says it."""
        if self.summary is not None:
            return (re.sub(r"\D", "", self.summary.created_at), self.id)
        stamp = re.match(rf"{PREFIX}(\d{{8}})_(\d{{6}})", self.id)
        return (stamp[1] + stamp[2] if stamp else "", self.id)


def entries(directory: Path, summaries: Summaries | None = None) -> list[Entry]:
    """Return every backup in the directory, oldest first; damaged ones are entries too.

    There are none where there is no such directory. Raises StorageFailed when it cannot be read, or
    when others can write into it.
    """
    require_private_directory(directory)
    try:
        names = {path.name for path in directory.iterdir()}
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_failed(f"cannot list the backups in {directory}", error) from None
    summaries = summaries or Summaries(directory)
    found = [
        _entry(directory, name.removesuffix(RECORD_SUFFIX), names, summaries)
        for name in names - {MANIFEST_NAME}
        if name.startswith(PREFIX) and name.endswith(RECORD_SUFFIX)
    ]
    return sorted(found, key=lambda entry: entry.moment)


def find_dump(directory: Path, name: str) -> Path:
    """Return the dump file that a path, a backup id or ``latest`` stands for.

    ``latest`` is the newest backup that somebody asked for: one that a restore took of what it was about
    to change is not, or a restore of ``latest`` that is repeated would take the first one back.
    Raises UsageError naming what there is when nothing fits.
    """
    if name == LATEST:
        return _latest(directory)
    here = Path(name)
    if here.exists():
        return _named_by_user(here, directory)
    require_private_directory(directory)
    for candidate in [directory / (name + suffix) for suffix in ("", *DUMP_SUFFIXES)]:
        if not os.path.lexists(candidate):
            continue
        _require_private_or_directory(candidate)
        return _dump_beside(candidate) if _is_record(candidate) else candidate
    record = directory / (name + RECORD_SUFFIX)
    if os.path.lexists(record):
        return _dump_beside(record)
    raise UsageError(
        f"there is no backup {name} in {directory}, and no such file",
        hint="dbsnap list shows the backups there are",
    )


def find_record(dump: Path) -> Record | None:
    """Return the record beside a dump, or None where there is none.

    Raises DumpRefused if it is damaged, or if it or a file that it names could be somebody else's.
    """
    path = dump.with_name(backup_id(dump) + RECORD_SUFFIX)
    if not os.path.lexists(path):
        return None
    record = read_record(path)
    for companion in (record.privileges, record.restore_script):
        if os.path.lexists(path := dump.with_name(companion.file)):
            require_private_file(path)
    return record


def backup_id(dump: Path) -> str:
    """Return the file name of a dump without its suffix."""
    for suffix in sorted(DUMP_SUFFIXES, key=len, reverse=True):
        if dump.name.endswith(suffix):
            return dump.name.removesuffix(suffix)
    return dump.name


def _latest(directory: Path) -> Path:
    found = entries(directory)
    if not found:
        raise UsageError(f"there is no backup in {directory}", hint="take one with: dbsnap backup")
    asked_for = [entry for entry in found if not (entry.summary and entry.summary.undoes)]
    if not asked_for:
        raise UsageError(
            f"all backups in {directory} were taken by restores, of what they were about to change",
            hint="name the one you want: dbsnap list shows them",
        )
    newest = asked_for[-1]
    if newest.summary is None:
        raise DumpRefused(
            f"the newest backup, {newest.id}, cannot be used: {newest.problem}",
            rule="record",
            hint="name an older backup yourself: dbsnap list shows them",
        )
    return _dump_beside(directory / (newest.id + RECORD_SUFFIX))


def _named_by_user(path: Path, directory: Path) -> Path:
    """Return the dump that a path stands for: a link of the user's own, but none in the directory."""
    if path.parent.resolve() == directory.resolve():
        require_private_directory(directory)
        _require_private_or_directory(path)
    elif path.is_symlink():
        path = path.resolve()  # where its record is
    return _dump_beside(path) if _is_record(path) else path


def _is_record(path: Path) -> bool:
    """Return whether a file is a record, and no export of a table, which may be called .json too."""
    if not path.name.endswith(RECORD_SUFFIX) or not path.is_file():
        return False
    own_id = path.name.removesuffix(RECORD_SUFFIX)
    if path.name.startswith(PREFIX) or any(
        os.path.lexists(path.with_name(own_id + suffix)) for suffix in DUMP_SUFFIXES
    ):
        return True
    try:
        with path.open("rb") as file:
            return RECORD_BEGINNING.match(file.read(RECORD_HEAD_BYTES)) is not None
    except OSError:
        return True  # what is wrong with it is said by whoever reads it next


def _require_private_or_directory(path: Path) -> None:
    """Let a directory through: what a directory-format dump is for is said where it is opened."""
    if path.is_symlink() or not path.is_dir():
        require_private_file(path)


def _dump_beside(record: Path) -> Path:
    """Return the dump that stands beside a record, under the same name but for the suffix."""
    own_id = record.name.removesuffix(RECORD_SUFFIX)
    for suffix in DUMP_SUFFIXES:
        if os.path.lexists(dump := record.with_name(own_id + suffix)):
            require_private_file(dump)
            return dump
    raise DumpRefused(
        f"the record {record.name} is there, but no dump {own_id}.sql is",
        rule="missing-file",
        hint="bring the dump back from another copy",
    )


def _entry(directory: Path, own_id: str, names: set[str], summaries: Summaries) -> Entry:
    pinned = own_id + PIN_SUFFIX in names
    try:
        summary = summaries.of(directory / (own_id + RECORD_SUFFIX))
    except DumpRefused as error:
        return Entry(own_id, None, "damaged", str(error), pinned)
    dump = next((own_id + end for end in DUMP_SUFFIXES if own_id + end in names), None)
    if dump is None:
        return Entry(own_id, summary, "incomplete", f"its dump {summary.file} is gone", pinned)
    companions = {summary.privileges, summary.restore_script} & names
    try:
        status = (directory / dump).lstat()
        require_private_file(directory / dump, status)
        for name in companions:
            require_private_file(directory / name)
    except DumpRefused as error:
        return Entry(own_id, summary, "damaged", str(error), pinned)
    except OSError as error:
        return Entry(own_id, summary, "incomplete", f"{dump}: {error.strerror}", pinned)
    if status.st_size != summary.bytes:
        problem = f"{dump} has {status.st_size:,} bytes instead of {summary.bytes:,}"
        return Entry(own_id, summary, "damaged", problem, pinned)
    return Entry(own_id, summary, "verified", "", pinned)
