"""What has become of each migration: the history in a database against the migrations here. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dbsnap.prisma.migrations import LocalMigrations

State = Literal["applied", "failed", "rolled back"]


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of ``_prisma_migrations``: one attempt to apply one migration."""

    name: str
    checksum: str
    state: State


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """The names of the migrations in each state, in the order in which they were or will be applied.

    Every migration of the history is in exactly one of ``applied``, ``failed`` (or still running) and
    ``rolled_back``. ``edited`` and ``missing_here`` say more of some of them, and ``pending`` are those
    that ``prisma migrate deploy`` would apply. Where ``compared`` is false there are no migrations here
    to compare with, and these three are empty.
    """

    compared: bool
    applied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    missing_here: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


def status_of(rows: Sequence[HistoryRow], local: LocalMigrations | None) -> MigrationStatus:
    """Return what has become of every migration in the history or here.

    ``rows`` are in the order of their attempts. One that neither finished nor was rolled back makes its
    migration a failed one, whatever other rows say: it stops Prisma (P3009). A migration all of whose
    attempts were rolled back is pending again. Edited is an applied one if none of its applied attempts
    has a checksum of the script here; a failed one may be edited, that is how it is mended.
    """
    attempts: dict[str, list[HistoryRow]] = {}
    for row in rows:
        attempts.setdefault(row.name, []).append(row)
    states = {name: _state(of_name) for name, of_name in attempts.items()}
    status = MigrationStatus(
        compared=local is not None,
        applied=_names(states, "applied"),
        failed=_names(states, "failed"),
        rolled_back=_names(states, "rolled back"),
    )
    if local is None:
        return status
    edited, pending = [], []
    for migration in local.migrations:
        state = states.get(migration.name, "rolled back")
        applied = [row for row in attempts.get(migration.name, ()) if row.state == "applied"]
        if state == "rolled back":
            pending.append(migration.name)
        elif state == "applied" and not any(migration.matches(row.checksum) for row in applied):
            edited.append(migration.name)
    here = local.names
    missing = [
        name for name, state in states.items() if name not in here and state != "rolled back"
    ]
    return replace(
        status, edited=tuple(edited), missing_here=tuple(missing), pending=tuple(pending)
    )


def _state(attempts: Iterable[HistoryRow]) -> State:
    states = {row.state for row in attempts}
    if "failed" in states:
        return "failed"
    return "applied" if "applied" in states else "rolled back"


def _names(states: Mapping[str, State], wanted: State) -> tuple[str, ...]:
    return tuple(name for name, state in states.items() if state == wanted)
