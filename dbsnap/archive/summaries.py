"""What a list needs to know of each record, remembered between runs.

Reading a record of fifty tables and checking it against its schema takes about 12 ms, most of it the
check; a directory may hold hundreds. So what was read is kept in a hidden file, and a record is read
again only when its file is another one or was touched since. Whoever restores reads the record itself.

What is remembered of a record is a list: its file's stamp, its summary, and its sha256, which is held
against the file until the stamp alone can be believed.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dbsnap.archive.private_files import read_private, replace_private
from dbsnap.archive.record import read_record
from dbsnap.errors import DumpRefused

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from dbsnap.archive.record import Record

MEMORY_NAME = ".summaries.json"
VERSION = 3
CTIME = 2
SETTLED_NANOSECONDS = 2_000_000_000
"""A file may change twice within one tick of its file system's clock, so a fresh one is not believed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a table backup; ``where`` is its filter, empty for all rows.

    ``whole`` says that no column was left out.
    """

    table: str
    where: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """A record without its inventory: sizes in bytes, ``duration_seconds`` in seconds.

    ``parts`` are the tables of a table backup; there are none for a whole database. ``undoes`` is as in
    the record.
    """

    id: str
    created_at: str
    target: str
    database: str
    server: str
    server_version: str
    reason: str
    tables: int
    rows: int
    bytes: int
    sha256: str
    duration_seconds: float
    file: str
    restore_script: str
    privileges: str
    parts: tuple[Part, ...] = ()
    undoes: str = ""


def summary_of(record: Record) -> Summary:
    """Return what a list shows of a record."""
    return Summary(
        id=record.id,
        created_at=record.created_at,
        target=record.source.target,
        database=record.source.database,
        server=record.source.server,
        server_version=record.source.server_version,
        reason=record.reason,
        tables=len(record.inventory.of("table")),
        rows=record.inventory.total_rows(),
        bytes=record.dump.bytes,
        sha256=record.dump.sha256,
        duration_seconds=record.duration_seconds,
        file=record.dump.file,
        restore_script=record.restore_script.file,
        privileges=record.privileges.file,
        parts=tuple(
            Part(part.table, part.where, not part.excluded_columns) for part in record.selection
        ),
        undoes=record.undoes,
    )


class Summaries:
    """The summaries of one directory's records, as they were remembered and read since."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known = _remembered(directory)
        self._seen: dict[str, list[Any]] = {}

    def of(self, path: Path) -> Summary:
        """Return the summary of one record; raise DumpRefused when it is damaged or not ours."""
        try:
            stamp = _stamp(path.lstat())
        except OSError:
            return summary_of(read_record(path))  # it says what is wrong
        known = self._seen.get(path.name) or self._known.get(path.name)
        if known is not None and known[0] == stamp and _is_itself(path, known[2]):
            settled = time.time_ns() - stamp[CTIME] > SETTLED_NANOSECONDS
            self._seen[path.name] = [stamp, known[1], "" if settled else known[2]]
            return _summary(known[1])
        summary = summary_of(read_record(path))
        self._seen[path.name] = [stamp, asdict(summary), ""]
        return summary

    def know(self, path: Path, record: Record, sha256: str) -> None:
        """Take note of a record that was just written, so that it need not be read, now or later."""
        self._seen[path.name] = [_stamp(path.lstat()), asdict(summary_of(record)), sha256]

    def news(self, *, now_nanoseconds: int) -> dict[str, list[Any]] | None:
        """Return what is worth to be remembered; None if that is what is remembered already."""
        believed = {
            name: line
            for name, line in self._seen.items()
            if line[2] or now_nanoseconds - line[0][CTIME] > SETTLED_NANOSECONDS
        }
        return believed if believed != self._known else None

    def remember(self, *, now_nanoseconds: int) -> None:
        """Keep what was read for the next run. Raises OSError.

        The caller holds the directory's lock.
        """
        news = self.news(now_nanoseconds=now_nanoseconds)
        if news is not None:
            text = json.dumps(news)
            document = {"version": VERSION, "sha256": _digest(text), "records": text}
            replace_private(self._directory / MEMORY_NAME, json.dumps(document).encode())


def _remembered(directory: Path) -> dict[str, list[Any]]:
    """Return what was remembered; nothing where that is missing, damaged or edited."""
    try:
        document = json.loads(read_private(directory / MEMORY_NAME))
        if document["version"] != VERSION or document["sha256"] != _digest(document["records"]):
            return {}
        known: dict[str, list[Any]] = json.loads(document["records"])
    except (OSError, DumpRefused, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return known


def _is_itself(path: Path, sha256: str) -> bool:
    """Whether a file is what it was; one whose stamp is enough (no ``sha256``) is not read."""
    if not sha256:
        return True
    try:
        return hashlib.sha256(read_private(path)).hexdigest() == sha256
    except (OSError, DumpRefused):
        return False


def _summary(fields: dict[str, Any]) -> Summary:
    return Summary(**{**fields, "parts": tuple(Part(**part) for part in fields["parts"])})


def _stamp(status: os.stat_result) -> list[int]:
    """Return what changes whenever a file does: nobody can set a ctime."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_uid]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
