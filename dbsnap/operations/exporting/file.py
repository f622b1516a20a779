"""The file that an export goes to: written whole or not at all, and never in a backup's place."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dbsnap.archive.storage import DUMP_SUFFIXES, PREFIX, RECORD_SUFFIX
from dbsnap.errors import StorageFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUP_SUFFIXES = frozenset({".json", ".sql", ".gz", ".zst", ".sh"})
"""Ends of the names of a backup's files."""


def refuse_to_overwrite(output: Path, dump: Path) -> None:
    """Raise UsageError where the export would take the place of a backup, or of no file at all."""
    if output.is_dir() or (output.exists() and not output.is_file()):
        raise UsageError(
            f"{output} is not a regular file",
            hint="give -o a file's name, or leave it out for stdout",
        )
    is_beside = output.parent.resolve() == dump.parent.resolve()
    looks_like_backup = output.name.startswith(PREFIX) and output.suffix in BACKUP_SUFFIXES
    is_record = output.suffix == RECORD_SUFFIX and any(
        output.with_name(output.stem + suffix).exists() for suffix in DUMP_SUFFIXES
    )
    if (is_beside and looks_like_backup) or is_record or _same(output, dump):
        raise UsageError(
            f"{output} would be taken for a part of a backup",
            hint="give the export another name, or another directory",
        )


def _same(output: Path, dump: Path) -> bool:
    return output.exists() and dump.exists() and output.samefile(dump)


@contextmanager
def written_whole(output: Path) -> Iterator[BinaryIO]:
    """Give a stream whose file takes its place when the block has ended well, and not otherwise."""
    try:
        descriptor, staged = tempfile.mkstemp(
            dir=output.parent, prefix=".export_", suffix=".partial"
        )
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(descriptor)
            Path(staged).rename(output)
        finally:
            Path(staged).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"cannot write {output}: {error.strerror or error}",
            hint="nothing was kept of it; name another file with -o",
        ) from None
