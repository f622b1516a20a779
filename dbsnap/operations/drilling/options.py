"""What a drill is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.operations.migrations import HISTORY_ALONE

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.operations.drilling.expectation import UserCheck
    from dbsnap.operations.migrations import ProjectMigrations
    from dbsnap.postgres.url import Database


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What the user chose.

    ``server`` is where to drill; None is a server of the drill's own. ``without_extensions`` are left
    out, with all that depends on them, where the server lacks them; ``privileges`` False leaves out
    owners and grants. ``allow`` and ``untrusted`` are the guard's. ``history`` is the directory whose
    backups tell how the database grew, None if nobody wants to know. ``jobs`` is that of ``restore``.
    """

    server: Database | None = None
    checks: tuple[UserCheck, ...] = ()
    without_extensions: tuple[str, ...] = ()
    privileges: bool = True
    allow: tuple[str, ...] = ()
    untrusted: bool = False
    migrations: ProjectMigrations = HISTORY_ALONE
    pg_bin: tuple[Path, ...] = ()
    history: Path | None = None
    jobs: int = 1


DEFAULT = DrillOptions()
