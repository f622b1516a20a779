"""drill: guard → throw-away server → restore → compare → the user's checks → discard.

The steps of one backup are ``Proof`` in ``drilling/proving.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.archive.storage import backup_id, entries, find_dump
from dbsnap.errors import CannotRun, DumpRefused
from dbsnap.operations.drilling.course import course_of
from dbsnap.operations.drilling.growth import History
from dbsnap.operations.drilling.options import DEFAULT, DrillOptions
from dbsnap.operations.drilling.proving import Proof
from dbsnap.operations.drilling.server import DrillServers
from dbsnap.progress import NoProgress
from dbsnap.reports.outcome import GUARD, Drill

if TYPE_CHECKING:
    from pathlib import Path

    from dbsnap.archive.storage import Entry
    from dbsnap.progress import Progress


def drill(
    dump: Path, *, options: DrillOptions = DEFAULT, progress: Progress | None = None
) -> Drill:
    """Restore a backup into a throw-away server, compare all of it with its record, and discard it.

    What was found is in the result, whatever it is; nothing is left behind. Raises UsageError alone:
    there is no such file, or a check of the user's cannot be read.
    """
    progress = progress or NoProgress()
    with DrillServers(options.server, options.pg_bin, progress) as servers:
        known = Drill(backup_id(dump), dump.name, ())
        return Proof(dump, servers, options, History(options.history), progress, known).drill()


def drill_all(
    directory: Path, *, options: DrillOptions = DEFAULT, progress: Progress | None = None
) -> list[Drill]:
    """Drill every backup of a directory, oldest first; those of one major on one server.

    Raises CannotRun where there is none: nothing was proved. A backup that cannot be used is a result.
    """
    progress = progress or NoProgress()
    found = entries(directory)
    if not found:
        raise CannotRun(
            f"there is no backup in {directory}: nothing was proved",
            hint="take one with: dbsnap backup",
        )
    history = History(options.history)
    drills = []
    with DrillServers(options.server, options.pg_bin, progress) as servers:
        for entry in found:
            known = _announced(entry)
            try:
                dump = find_dump(directory, entry.id)
            except DumpRefused as error:
                course = course_of(options)
                course.stop(GUARD, "FAIL", error)
                drills.append(replace(known, checks=course.checks()))
            else:
                proof = Proof(dump, servers, options, history, progress, known)
                drills.append(proof.drill())
    return drills


def _announced(entry: Entry) -> Drill:
    """Return what the directory says of a backup before anything of it is proved."""
    known = Drill(entry.id, entry.id, ())
    summary = entry.summary
    if summary is None:
        return known
    return replace(
        known,
        file=summary.file,
        database=summary.database,
        taken_at=summary.created_at,
        source=f"PostgreSQL {summary.server_version}",
        rows=summary.rows,
        bytes=summary.bytes,
    )
