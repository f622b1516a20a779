"""validate: the guard alone; needs no server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.operations.opened import opened_backup
from dbsnap.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from dbsnap.archive.record import Record
    from dbsnap.dumpfile.guarding.code_at_load import LoadedCode
    from dbsnap.inventory import Inventory
    from dbsnap.progress import Progress


@dataclass(frozen=True, slots=True)
class Validated:
    """What a whole dump contains, as the dump itself states it.

    ``rules`` of the guard are those that it breaks with leave; ``code`` of its own is what it will run
    while it is loaded.
    """

    backup: str
    dump: Path
    record: Record | None
    inventory: Inventory
    languages: tuple[str, ...]
    rules: tuple[str, ...]
    code: tuple[LoadedCode, ...]
    server_version: str
    pg_dump_version: str
    file_bytes: int
    raw_bytes: int
    sha256: str


def validate(
    dump: Path,
    *,
    allowed: Collection[str] = (),
    untrusted: bool = False,
    progress: Progress | None = None,
) -> Validated:
    """Let a dump file through the guard and say what it contains; raise DumpRefused otherwise.

    ``allowed`` are rules that it may break; ``untrusted`` holds it to all others whatever its record
    says.
    """
    progress = progress or NoProgress()
    with opened_backup(dump, progress=progress, allowed=allowed, untrusted=untrusted) as opened:
        progress.done()
        return Validated(
            backup=opened.id,
            dump=dump,
            record=opened.record,
            inventory=opened.contents.inventory,
            languages=opened.contents.languages,
            rules=opened.rules,
            code=() if opened.trusted else opened.code,
            server_version=opened.contents.server_version,
            pg_dump_version=opened.contents.pg_dump_version,
            file_bytes=opened.dump.file_bytes,
            raw_bytes=opened.raw_bytes,
            sha256=opened.sha256,
        )
