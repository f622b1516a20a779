"""Whether a restore can be done, and how: decided and checked before anything is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.errors import CannotRun, DumpRefused, RightMissing, UsageError
from dbsnap.inventory import short_name
from dbsnap.operations.opened import content_not_compared
from dbsnap.operations.restoring.in_place import missing_rights, refuse_in_place
from dbsnap.operations.restoring.plan import RestorePlan
from dbsnap.operations.restoring.privileges import check_privileges
from dbsnap.operations.restoring.role import loading_address, loading_notes
from dbsnap.postgres.connection import fetch, fetch_value, server_version
from dbsnap.postgres.discovery import choose
from dbsnap.postgres.properties import (
    DatabaseProperties,
    properties_from_json,
    read_properties,
)
from dbsnap.postgres.side import database_exists, kept_name, side_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from dbsnap.operations.opened import OpenedBackup
    from dbsnap.operations.restoring.plan import RestoreOptions, Way
    from dbsnap.postgres.maintenance import Maintenance
    from dbsnap.postgres.url import Database


def plan_restore(
    opened: OpenedBackup,
    database: Database,
    maintenance: Maintenance,
    options: RestoreOptions,
    *,
    now: datetime,
    pg_bin: Sequence[Path],
) -> RestorePlan:
    """Decide how to restore, and check that it can be done; nothing is changed.

    Raises CannotRun when the server is too old, lacks an extension, or no psql fits; RightMissing
    naming the right that the role lacks; UsageError when ``--to`` names a database that exists.
    """
    version = server_version(maintenance.connection)
    _refuse_older_server(opened, version)
    psql = choose(
        "psql",
        version,
        pg_bin=pg_bin,
        needs_tls=database.needs_tls,
        must_withstand=not opened.trusted,
    )
    loader = loading_address(database, maintenance, options)
    _refuse_without_tables(opened)
    _refuse_missing_extensions(opened, maintenance)
    live = read_properties(maintenance.connection, database.name)
    way = _way(options, live_exists=live is not None)
    if way == "beside":
        refuse_existing(maintenance, options.to or "")
    properties = live if live is not None and way != "beside" else _from_backup(opened, live)
    if way == "create":
        properties = _of_lost_database(opened, maintenance, properties)
    if way == "in place":
        refuse_in_place(opened, database)
    else:
        _refuse_missing_rights(opened, database, maintenance, way, properties, live)
    check_privileges(opened, maintenance, options.privileges)
    filled = {"beside": options.to or "", "in place": database.name}.get(
        way, side_name(database.name, now)
    )
    return RestorePlan(
        way=way,
        backup=opened.id,
        source=opened.record.source.server if opened.record else "a dump without a record",
        created_at=opened.record.created_at if opened.record else "",
        tables=len(opened.expected.of("table")),
        rows=opened.expected.total_rows(),
        database=database,
        filled=filled,
        kept=kept_name(database.name, now) if way == "swap" and not options.drop_old else None,
        properties=properties,
        psql=psql,
        loader=loader,
        sessions=_sessions(maintenance, database.name) if way == "swap" else 0,
        notes=(
            *(finding.message for finding in content_not_compared(opened)),
            *loading_notes(opened, maintenance, psql, options),
        ),
    )


def refuse_existing(maintenance: Maintenance, name: str) -> None:
    """Raise UsageError if there is a database of this name, which ``--to`` would have to replace."""
    if database_exists(maintenance, name):
        raise UsageError(
            f"the database {name} exists already",
            hint="--to restores beside everything: name a database that does not exist",
        )


def _refuse_without_tables(opened: OpenedBackup) -> None:
    """Refuse rows of tables that neither the dump makes nor an extension (``pg_dump --data-only``)."""
    made = opened.contents.inventory.of("table")
    recorded = opened.expected.of("table")
    for block in opened.contents.copy_blocks:
        if recorded.get(block.table, {}).get("form") == "extension data":
            continue
        if "form" not in made.get(block.table, {}):
            raise DumpRefused(
                f"line {block.line:,}: rows of {short_name(block.table)}, which the dump does not make",
                rule="data-only",
                offset=block.offset,
                line=block.line,
                table=short_name(block.table),
                hint="a dump of data alone (pg_dump --data-only) cannot fill an empty database",
            )


def _way(options: RestoreOptions, *, live_exists: bool) -> Way:
    if options.to == "":
        raise UsageError("--to is empty", hint="name a database that does not exist")
    if options.to is not None and options.in_place:
        raise UsageError("--to and --in-place exclude each other")
    if options.to is not None:
        return "beside"
    if options.in_place:
        if not live_exists:
            raise UsageError("--in-place needs the database to exist", hint="leave --in-place out")
        return "in place"
    return "swap" if live_exists else "create"


def _refuse_older_server(opened: OpenedBackup, version: int) -> None:
    source, target = opened.source_version // 10000, version // 10000
    if source > target:
        raise CannotRun(
            f"the backup is from PostgreSQL {source}, and this server is PostgreSQL {target}: "
            "an older server does not understand all of it",
            hint=f"restore it into PostgreSQL {source} or newer",
        )


def _refuse_missing_extensions(opened: OpenedBackup, maintenance: Maintenance) -> None:
    available = {
        row[0]
        for row in fetch(
            maintenance.connection, "SELECT name FROM pg_catalog.pg_available_extensions"
        )
    }
    missing = sorted(set(opened.contents.inventory.of("extension")) - available)
    names = [name.strip('"') for name in missing if name.strip('"') not in available]
    if names:
        raise CannotRun(
            f"this server lacks the extensions {', '.join(names)}, which the backup needs",
            hint="install their packages on the server, and try again",
        )


def _refuse_missing_rights(
    opened: OpenedBackup,
    database: Database,
    maintenance: Maintenance,
    way: Way,
    properties: DatabaseProperties,
    live: DatabaseProperties | None,
) -> None:
    role, superuser, creates = fetch(
        maintenance.connection,
        "SELECT current_user, rolsuper, rolcreatedb FROM pg_catalog.pg_roles "
        "WHERE rolname = current_user",
    )[0]
    if superuser:
        return
    if not creates:
        _refuse_without_createdb(opened, database, role, live=live is not None and way == "swap")
    if live is not None and way == "swap" and not _is_member(maintenance, live.owner):
        raise RightMissing(
            f"the role {role} is not a member of {live.owner}, which owns the database",
            hint="connect as the owner, or use --in-place",
        )
    if way != "beside" and not _is_member(maintenance, properties.owner):
        raise RightMissing(
            f"the role {role} cannot create a database for {properties.owner}",
            hint=f"connect as {properties.owner} or a superuser",
        )


def _refuse_without_createdb(
    opened: OpenedBackup, database: Database, role: str, *, live: bool
) -> None:
    lacking = missing_rights(opened, database) if live else []
    also = f", and for --in-place it lacks {', '.join(lacking)}" if lacking else ""
    hint = "grant it (ALTER ROLE … CREATEDB)"
    raise RightMissing(
        f"the role {role} may not create databases (CREATEDB){also}",
        hint=f"{hint}, or use --in-place (one transaction)" if live and not lacking else hint,
    )


def _is_member(maintenance: Maintenance, owner: str | None) -> bool:
    if owner is None:
        return True
    query = "SELECT pg_catalog.pg_has_role(current_user, %s, 'MEMBER')"
    return bool(fetch_value(maintenance.connection, query, [owner]))


def _of_lost_database(
    opened: OpenedBackup, maintenance: Maintenance, otherwise: DatabaseProperties
) -> DatabaseProperties:
    """Return the properties of a database that is gone, as far as its record knows and roles exist."""
    if opened.record is None or not (opened.trusted and opened.record.source.properties):
        return otherwise
    roles = {row[0] for row in fetch(maintenance.connection, "SELECT rolname FROM pg_roles")}
    properties = properties_from_json(opened.record.source.properties).where_roles_exist(roles)
    if not _is_member(maintenance, properties.owner):
        properties = replace(properties, owner=None)
    return replace(properties, tablespace=None)


def _from_backup(opened: OpenedBackup, live: DatabaseProperties | None) -> DatabaseProperties:
    """Return properties for a database that is new: encoding and locale of the source."""
    if opened.record is not None:
        source = opened.record.source
        known = source.properties
        return DatabaseProperties(
            source.encoding,
            source.collate,
            source.ctype,
            provider=known.get("provider", "libc"),
            locale=known.get("locale"),
            icu_rules=known.get("icu_rules"),
        )
    if live is not None:
        return DatabaseProperties(
            live.encoding, live.collate, live.ctype, live.provider, live.locale, live.icu_rules
        )
    return DatabaseProperties("UTF8", "C", "C")


def _sessions(maintenance: Maintenance, name: str) -> int:
    query = "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = %s"
    return int(fetch_value(maintenance.connection, query, [name]))
