"""pin and unpin: whether prune may ever remove a backup."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.private_files import create_private, storage_failed
from dbsnap.archive.publishing import directory_lock
from dbsnap.archive.storage import PIN_SUFFIX, backup_id, entries, find_dump
from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pinning:
    """Whether a backup is pinned now, and whether that is new."""

    id: str
    pinned: bool
    changed: bool


def pin(directory: Path, name: str) -> Pinning:
    """Keep a backup for good: an empty file beside its record says so.

    Raises UsageError where there is no such backup in the directory, StorageFailed when the file cannot
    be made.
    """
    return _change(directory, name, pinned=True)


def unpin(directory: Path, name: str) -> Pinning:
    """Leave a backup to the rules of ``prune`` again; see ``pin``."""
    return _change(directory, name, pinned=False)


def _change(directory: Path, name: str, *, pinned: bool) -> Pinning:
    own_id = _backup_in(directory, name)
    path = directory / (own_id + PIN_SUFFIX)
    changed = False
    try:
        with directory_lock(directory), suppress(FileExistsError, FileNotFoundError):
            if pinned:
                os.close(create_private(path))
            else:
                path.unlink()
            changed = True
    except OSError as error:
        raise storage_failed(f"cannot {'' if pinned else 'un'}pin {own_id}", error) from None
    rebuild_manifest(directory)
    return Pinning(own_id, pinned, changed)


def _backup_in(directory: Path, name: str) -> str:
    """Return the id of a backup in the directory, be it a damaged one."""
    known = {entry.id for entry in entries(directory)}
    if name in known:
        return name
    dump = find_dump(directory, name)
    if dump.parent.resolve() != directory.resolve() or backup_id(dump) not in known:
        raise UsageError(
            f"{dump} is no backup in {directory}",
            hint="name its directory with --dir; a dump without a record is never removed by prune",
        )
    return backup_id(dump)
