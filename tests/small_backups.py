"""Backups without a server: records of made-up databases, published as real ones are."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from dbsnap.archive.manifest import rebuild_manifest
from dbsnap.archive.publishing import publish, staging
from dbsnap.archive.record import Companion, Dump, Record, Source, TableSelection
from dbsnap.inventory import Inventory

if TYPE_CHECKING:
    from pathlib import Path

TODAY = datetime(2026, 1, 24, 10, 30, tzinfo=UTC)
PROPERTIES = {
    "encoding": "UTF8",
    "collate": "C",
    "ctype": "C",
    "provider": "libc",
    "locale": None,
    "icu_rules": None,
    "owner": None,
    "tablespace": None,
    "comment": None,
    "connection_limit": -1,
    "is_template": False,
    "grants": None,
    "settings": [],
}


def publish_small_backup(
    directory: Path,
    taken_at: datetime = TODAY,
    *,
    database: str = "app",
    tables: tuple[str, ...] = (),
    where: str = "",
    undoes: str = "",
    manifest: bool = True,
) -> str:
    """Publish a backup of two rows and return its id."""
    content = b"SELECT 1;\n"
    with staging(directory, tables[0] if tables else database, taken_at) as stage:
        files = [stage.id + suffix for suffix in (".sql", "_privileges.sql", "_restore.sh")]
        for suffix in (".sql", "_privileges.sql", "_restore.sh"):
            stage.write(suffix, content)
        digest = sha256(content).hexdigest()
        record = Record(
            id=stage.id,
            created_at=f"{taken_at:%Y-%m-%dT%H:%M:%SZ}",
            reason="why not",
            dbsnap_version="0.1.0",
            source=Source(
                *("local", database, f"{database} on localhost:5432", "18.6", "UTF8", "C", "C"),
                properties=PROPERTIES,
            ),
            dump=Dump(files[0], "none", len(content), len(content), digest, "18.6", (), ()),
            privileges=Companion(files[1], len(content), digest),
            restore_script=Companion(files[2], len(content), digest),
            duration_seconds=0.1,
            inventory=Inventory(
                180006,
                {"table": {t: {"form": "table", "rows": 2} for t in tables or ("public.users",)}},
            ),
            selection=tuple(TableSelection(table, ("id",), where=where) for table in tables),
            undoes=undoes,
        )
        stage.write_json(".json", record.as_json())
        publish(stage, directory)
    if manifest:
        rebuild_manifest(directory)
    return record.id
