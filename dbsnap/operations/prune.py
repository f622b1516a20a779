"""prune: remove the backups, and the databases that restores replaced, that no rule keeps."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.private_files import storage_failed
from dbsnap.archive.publishing import directory_lock, remove_abandoned, withdraw
from dbsnap.archive.retention import Candidate, Decision, decide, decide_by_age
from dbsnap.archive.storage import entries
from dbsnap.errors import StorageFailed
from dbsnap.inventory import short_name
from dbsnap.postgres.connection import fetch_value
from dbsnap.postgres.maintenance import maintain
from dbsnap.postgres.side import drop_database, kept_databases, lock_restores_into

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbsnap.archive.retention import Policy
    from dbsnap.archive.storage import Entry
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database

STAMP = "%Y%m%d_%H%M%S"
STAMP_LENGTH = len("YYYYMMDD_HHMMSS")
SIZE = """
SELECT CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) ELSE 0 END
FROM pg_catalog.pg_database WHERE datname = %s
"""


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What would become of every backup in the directory, oldest first.

    ``databases`` are those that restores into ``database`` replaced; none are looked at without one.
    """

    directory: Path
    policy: Policy
    database: Database | None
    backups: tuple[Decision, ...]
    databases: tuple[Decision, ...]

    @property
    def removed(self) -> list[Decision]:
        """Return what would go: backups, then databases."""
        return [decision for decision in (*self.backups, *self.databases) if decision.removed]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done of a plan: the backups and databases that are gone, by id and name."""

    plan: PrunePlan
    backups: tuple[str, ...]
    databases: tuple[str, ...]


def prune(
    directory: Path,
    policy: Policy,
    *,
    confirm: Callable[[PrunePlan], None],
    database: Database | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pruned:
    """Remove what the policy does not keep, once ``confirm`` has seen the plan and did not raise.

    With a ``database`` also the databases that restores into it replaced, by ``keep_days``. Nothing goes
    that the plan did not name, and nothing that was pinned, or is needed, by the time it is its turn.
    Killed at any moment, each backup is whole or gone. Raises StorageFailed or ServerFailed where
    something cannot be removed; what was removed before is gone, and the others are untouched.
    """
    now = clock()
    if database is None:
        plan = PrunePlan(directory, policy, None, _backups(directory, policy, now), ())
        confirm(plan)
        return Pruned(plan, _remove_backups(plan, now), ())
    with maintain(database) as maintenance:
        plan = PrunePlan(
            directory,
            policy,
            database,
            _backups(directory, policy, now),
            _databases(maintenance, database.name, policy, now),
        )
        confirm(plan)
        removed = _remove_backups(plan, now)
        return Pruned(plan, removed, _drop_databases(maintenance, database.name, plan))


def _backups(directory: Path, policy: Policy, now: datetime) -> tuple[Decision, ...]:
    return tuple(decide(map(_candidate, entries(directory)), policy, now))


def _candidate(entry: Entry) -> Candidate:
    summary = entry.summary
    return Candidate(
        id=entry.id,
        subjects=_subjects(entry),
        taken_at=entry.taken_at,
        status=entry.status,
        pinned=entry.pinned,
        bytes=summary.bytes if summary else 0,
    )


def _subjects(entry: Entry) -> frozenset[str]:
    """Return what a backup is of: one filtered, or without some columns, does not replace another.

    Those that restores took are of rows that none is ever of again: they count by their tables, or the
    newest of each such filter would stay for good.
    """
    if entry.summary is None:
        return frozenset()
    server = entry.summary.server
    if entry.summary.undoes:
        return frozenset(
            f"{short_name(part.table)} before restores in {server}" for part in entry.summary.parts
        )
    return frozenset(
        " ".join(
            [
                short_name(part.table),
                *([] if part.whole else ["without some columns"]),
                *([f"where {part.where}"] if part.where else []),
                f"in {server}",
            ]
        )
        for part in entry.summary.parts
    ) or frozenset([server])


def _remove_backups(plan: PrunePlan, now: datetime) -> tuple[str, ...]:
    planned = [decision.id for decision in plan.backups if decision.removed]
    if not plan.backups:
        return ()
    gone: list[str] = []
    try:
        with directory_lock(plan.directory):
            remove_abandoned(plan.directory)
            decisions = _backups(plan.directory, plan.policy, now)
            still = {decision.id for decision in decisions if decision.removed}
            for own_id in planned:
                if own_id in still:
                    withdraw(plan.directory, own_id)
                    gone.append(own_id)
    except OSError as error:
        what = f"{len(gone)} of {len(planned)} backups were removed from {plan.directory}, no more"
        raise storage_failed(what, error) from None
    finally:
        with suppress(StorageFailed):  # the next list or backup writes it
            rebuild_manifest(plan.directory)
    return tuple(gone)


def _databases(
    maintenance: Maintenance, name: str, policy: Policy, now: datetime
) -> tuple[Decision, ...]:
    return tuple(
        decide_by_age(
            kept,
            datetime.strptime(kept[-STAMP_LENGTH:], STAMP).replace(tzinfo=UTC),
            fetch_value(maintenance.connection, SIZE, [kept]) or 0,
            policy,
            now,
        )
        for kept in kept_databases(maintenance, name)
    )


def _drop_databases(maintenance: Maintenance, name: str, plan: PrunePlan) -> tuple[str, ...]:
    planned = [decision.id for decision in plan.databases if decision.removed]
    if not planned:
        return ()
    lock_restores_into(maintenance, name)
    still: Sequence[str] = kept_databases(maintenance, name)
    gone = [kept for kept in planned if kept in still]
    for kept in gone:
        drop_database(maintenance, kept)
    return tuple(gone)
