"""rollback: put back the database that the last restore replaced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.postgres.maintenance import maintain
from dbsnap.postgres.side import (
    database_exists,
    kept_databases,
    kept_name,
    lock_restores_into,
    moment_after,
    refuse_if_replaced_since,
)
from dbsnap.postgres.swap import swap

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbsnap.postgres.url import Database


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """``restored`` comes back under its name; the present database is kept as ``kept``, if any."""

    database: Database
    restored: str
    kept: str | None


def rollback(
    database: Database,
    *,
    confirm: Callable[[RollbackPlan], None],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> RollbackPlan:
    """Swap back the newest database that a restore replaced; the present one is kept in its turn.

    So a rollback can be rolled back. ``confirm`` is shown the plan and may raise ConfirmationNeeded.
    One transaction: on failure nothing has changed. Raises UsageError when there is none to put back.
    """
    with maintain(database) as maintenance:
        candidates = kept_databases(maintenance, database.name)
        if not candidates:
            raise UsageError(
                f"no restore has replaced {database.label}: there is nothing to put back",
                hint="databases kept by a restore are named NAME_before_DATE_TIME",
            )
        present = database_exists(maintenance, database.name)
        now = moment_after(candidates, clock())
        kept = kept_name(database.name, now) if present else None
        plan = RollbackPlan(database, candidates[-1], kept)
        confirm(plan)
        lock_restores_into(maintenance, database.name)
        refuse_if_replaced_since(maintenance, database.name, candidates)
        renames = [(database.name, kept)] if kept else []
        swap(maintenance, [*renames, (plan.restored, database.name)])
    return plan
