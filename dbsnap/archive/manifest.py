"""The manifest: the list of all records in a directory, for people and other programs to read.

It is derived: dbsnap itself reads the records, and writes the manifest anew after every change.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbsnap.archive.private_files import read_private, replace_private, storage_failed
from dbsnap.archive.publishing import directory_lock
from dbsnap.archive.storage import MANIFEST_NAME, entries
from dbsnap.archive.summaries import Summaries
from dbsnap.errors import DumpRefused, StorageFailed
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.archive.storage import Entry

VERSION = 1


def manifest_of(found: list[Entry]) -> dict[str, Any]:
    """Return the manifest of these entries; it fits ``schemas/manifest.json``."""
    return {"version": VERSION, "backups": [_line(entry) for entry in found]}


def rebuild_manifest(directory: Path, summaries: Summaries | None = None) -> None:
    """Write the manifest from the records that are there now; ``summaries`` are those read so far.

    Processes that do so at once take turns, and each reads the records inside its turn, so that
    nothing is lost. Raises StorageFailed when it cannot be written; the old one then stays.
    """
    try:
        with directory_lock(directory):
            summaries = summaries or Summaries(directory)
            text = _text(entries(directory, summaries))
            replace_private(directory / MANIFEST_NAME, text)
            summaries.remember(now_nanoseconds=time.time_ns())
    except OSError as error:
        what = f"cannot write {directory / MANIFEST_NAME}, though the backups are complete"
        raise storage_failed(what, error) from None


def entries_and_manifest(directory: Path) -> tuple[list[Entry], str]:
    """Return the directory's entries, and why its manifest is not as they want it; empty if it is.

    A manifest that is missing, damaged, edited or somebody else's is written anew.
    """
    summaries = Summaries(directory)
    found = entries(directory, summaries)
    current = not found
    with suppress(OSError, DumpRefused):
        current = current or read_private(directory / MANIFEST_NAME) == _text(found)
    try:
        if not current or summaries.news(now_nanoseconds=time.time_ns()) is not None:
            rebuild_manifest(directory, summaries)
    except StorageFailed as error:
        return found, "" if current else str(error)
    return found, ""


def tables_of(entry: Entry) -> str | None:
    """Return the names of a table backup's tables as people know them; None for a whole database."""
    parts = entry.summary.parts if entry.summary else ()
    return ", ".join(short_name(part.table) for part in parts) or None


def _text(found: list[Entry]) -> bytes:
    return (json.dumps(manifest_of(found), indent=2) + "\n").encode()


def _line(entry: Entry) -> dict[str, Any]:
    summary = entry.summary
    return {
        "id": entry.id,
        "table": tables_of(entry),
        "database": summary.database if summary else "",
        "createdAt": summary.created_at if summary else "",
        "recordCount": summary.rows if summary else 0,
        "filePath": summary.file if summary else "",
        "restorePath": summary.restore_script if summary else "",
        "sizeBytes": summary.bytes if summary else 0,
        "reason": summary.reason if summary else entry.problem,
        "status": entry.status,
        "pinned": entry.pinned,
    }
