"""The manifest: the list of all records in a directory, for people and other programs to read.

It is derived: dbsnap itself reads the records, and writes the manifest anew after every change.
"""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema

from dbsnap.archive.storage import MANIFEST_NAME, directory_lock, entries, find_dump
from dbsnap.errors import DbsnapError, StorageFailed

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.archive.storage import Entry

VERSION = 1


def manifest_of(found: list[Entry], directory: Path) -> dict[str, Any]:
    """Return the manifest of these entries; it fits ``schemas/manifest.json``."""
    return {"version": VERSION, "backups": [_line(entry, directory) for entry in found]}


def rebuild_manifest(directory: Path) -> None:
    """Write the manifest from the records that are there now.

    Processes that do so at once take turns, and each reads the records inside its turn, so that
    nothing is lost. Raises StorageFailed when it cannot be written; the old one then stays.
    """
    staged = directory / f".{MANIFEST_NAME}.partial"
    try:
        with directory_lock(directory):
            document = manifest_of(entries(directory), directory)
            jsonschema.Draft202012Validator(_schema()).validate(document)
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                with os.fdopen(descriptor, "w") as output:
                    output.write(json.dumps(document, indent=2) + "\n")
                    output.flush()
                    os.fsync(output.fileno())
                staged.rename(directory / MANIFEST_NAME)
            finally:
                staged.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"cannot write {directory / MANIFEST_NAME}: {error.strerror}",
            hint="the backups themselves are complete; the next backup writes the manifest again",
        ) from None


def entry_status(entry: Entry, directory: Path) -> str:
    """Return ``verified``, ``incomplete`` (a file of it is missing) or ``damaged`` (its record is).

    Every published backup was verified when it was taken. Sizes are compared, not contents: that is
    what ``validate`` is for.
    """
    if entry.record is None:
        return "damaged"
    try:
        dump = find_dump(directory, entry.id)
    except DbsnapError:
        return "incomplete"
    return "verified" if dump.stat().st_size == entry.record.dump.bytes else "damaged"


def _line(entry: Entry, directory: Path) -> dict[str, Any]:
    record = entry.record
    return {
        "id": entry.id,
        "table": None,
        "database": record.source.database if record else "",
        "createdAt": record.created_at if record else "",
        "recordCount": record.inventory.total_rows() if record else 0,
        "filePath": record.dump.file if record else "",
        "restorePath": record.restore_script.file if record else "",
        "sizeBytes": record.dump.bytes if record else 0,
        "reason": record.reason if record else entry.problem,
        "status": entry_status(entry, directory),
    }


def _schema() -> Any:
    return json.loads((resources.files("dbsnap.archive") / "schemas/manifest.json").read_text())
