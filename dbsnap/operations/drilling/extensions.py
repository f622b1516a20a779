"""Which extensions a backup needs, and which of them the server of a drill lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun
from dbsnap.postgres.connection import fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.postgres.connection import Connection


def wanted_extensions(opened: OpenedBackup) -> list[str]:
    """Return the names of the extensions that the dump creates, sorted."""
    return sorted(name.strip('"') for name in opened.contents.inventory.of("extension"))


def missing_extensions(
    wanted: Sequence[str], connection: Connection, may_be_missing: Collection[str]
) -> list[str]:
    """Return which of them the server cannot create; all of these are in ``may_be_missing``.

    Raises CannotRun naming the others.
    """
    query = "SELECT name FROM pg_catalog.pg_available_extensions"
    there = {row[0] for row in fetch(connection, query)}
    missing = [name for name in wanted if name not in there]
    if lacking := [name for name in missing if name not in may_be_missing]:
        without = " ".join(f"--without-extension {name}" for name in lacking)
        raise CannotRun(
            f"the server lacks {', '.join(lacking)}, which the backup needs",
            hint=f"install their packages, name another --server, or {without}",
        )
    return missing
