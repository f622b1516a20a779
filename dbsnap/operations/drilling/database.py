"""The database that a drill restores into: made for it, and dropped whatever happens."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun, DbsnapError, RightMissing, ServerFailed
from dbsnap.operations.restoring.plan import RestoreOptions
from dbsnap.operations.restoring.preflight import plan_restore
from dbsnap.postgres.maintenance import end_session, maintain
from dbsnap.postgres.side import (
    create_side_database,
    drop_abandoned_side_databases,
    drop_database,
    lock_restores_into,
    side_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestorePlan
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.properties import DatabaseProperties
    from dbsnap.postgres.url import Database

FIRST_BUILTIN_LOCALE = 170000
"""The first ``server_version_num`` that has a C.UTF-8 of its own, the same on every machine."""


def drill_name(opened: OpenedBackup) -> str:
    """Return the name that the drills of one database go by on a server."""
    database = opened.record.source.database if opened.record else "dump"
    return f"{database}_drill"


def plan_drill(
    opened: OpenedBackup, maintenance: Maintenance, server: Database, pg_bin: Sequence[Path]
) -> RestorePlan:
    """Decide how to load the dump; raise CannotRun as a restore into a new database would.

    Raises OperationFailed where the same database is being drilled on this server already.
    """
    lock_restores_into(
        maintenance, drill_name(opened)
    )  # before there is a name that both would take
    name = side_name(drill_name(opened), datetime.now(UTC))
    options = RestoreOptions(to=name, privileges="auto")
    return plan_restore(
        opened,
        server.with_name(name),
        maintenance,
        options,
        now=datetime.now(UTC),
        pg_bin=pg_bin,
    )


@contextmanager
def drill_database(
    maintenance: Maintenance, plan: RestorePlan, name: str
) -> Iterator[tuple[Database, str]]:
    """Create the database, and drop it at the end; give it and the locale it has instead of its own.

    The caller has planned it, so that no other drill is at it; what killed drills of the same name left
    behind is dropped first. The locale is "" where the
    database has its own.
    """
    drop_abandoned_side_databases(maintenance, name)
    session = maintenance.connection.info.backend_pid
    try:
        instead = _create(maintenance, plan)
        yield plan.database, instead
    except BaseException:
        with suppress(DbsnapError), maintain(plan.database) as another:
            end_session(another, session)  # it may be what failed, or in the middle of something
            drop_database(another, plan.database.name)
        raise
    drop_database(maintenance, plan.database.name)


def _create(maintenance: Maintenance, plan: RestorePlan) -> str:
    """Create it with its own locale, or if the server has none such with one that every server has."""
    own = plan.properties
    version = maintenance.connection.info.server_version
    tried = [own, *_everywhere(own, version)]
    first: DbsnapError | None = None
    for properties in tried:
        try:
            create_side_database(maintenance, plan.database.name, properties)
        except RightMissing:
            raise
        except (ServerFailed, CannotRun) as error:
            first = first or error
        else:
            return "" if properties is own else _locale(properties)
    raise first or CannotRun("no database can be created")


def _everywhere(own: DatabaseProperties, version: int) -> Iterator[DatabaseProperties]:
    plain = replace(own, collate="C", ctype="C", provider="libc", locale=None, icu_rules=None)
    if own.encoding == "UTF8":
        if version >= FIRST_BUILTIN_LOCALE:
            yield replace(plain, provider="builtin", locale="C.UTF-8")
        yield replace(plain, collate="C.UTF-8", ctype="C.UTF-8")
    yield plain


def _locale(properties: DatabaseProperties) -> str:
    return properties.locale or properties.collate
