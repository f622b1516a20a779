"""A dump loaded into the database made for it: by one psql that reads all of it, or by several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.errors import OperationFailed
from dbsnap.operations.restoring.parallel_load import load_by_plan, parallel_plan
from dbsnap.postgres.connection import fetch
from dbsnap.postgres.load import load

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbsnap.dumpfile.omit import Span
    from dbsnap.dumpfile.rows import UnorderedSum
    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestoreOptions, RestorePlan
    from dbsnap.postgres.connection import Connection
    from dbsnap.postgres.url import Database
    from dbsnap.progress import Progress

SETTINGS = "SELECT name FROM pg_catalog.pg_settings"


def load_dump(
    opened: OpenedBackup,
    plan: RestorePlan,
    side: Database,
    connection: Connection,
    options: RestoreOptions,
    left_out: Collection[Span],
    *,
    progress: Progress,
) -> dict[str, UnorderedSum]:
    """Load a dump but for what is ``left_out`` and the settings that this server does not know.

    Returns the rows of the tables whose rows several sessions brought, which are in another order now.
    Raises ToolFailed or ServerFailed with what psql or the server said, DumpRefused or OperationFailed
    when the file was changed since the guard read it; what was loaded until then stays.
    """
    known = {row[0] for row in fetch(connection, SETTINGS)}
    unknown, names = opened.not_understood(known)
    unneeded = [*left_out, *unknown]
    for setting in names:
        progress.note(f"left out SET {setting}, which this server does not know")
    address = plan.loader.with_name(side.name)
    parallel = parallel_plan(opened, options, unneeded)
    if parallel is not None:
        return load_by_plan(
            opened,
            parallel,
            address,
            connection,
            options.jobs,
            on_progress=progress.advance,
        )
    read, digest = opened.to_load(unneeded)
    load(plan.psql, address, read, on_progress=progress.advance)
    if digest() != opened.sha256:
        raise OperationFailed(
            f"{opened.dump.path.name} was changed while it was loaded; nothing was swapped"
        )
    return {}
