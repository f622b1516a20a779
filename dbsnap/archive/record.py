"""The record beside a dump: what the dump must contain, and everything known about its making."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from dbsnap.archive.private_files import read_private
from dbsnap.errors import DumpRefused
from dbsnap.inventory import KINDS_IN_DATABASES, KINDS_IN_DUMPS, NAMED_NOT_NULL_SINCE, Inventory
from dbsnap.json_schema import main_schema_error

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""The version of the record's form; a newer one is refused with advice to upgrade."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a backup was taken, without secrets.

    ``properties`` are the database's own (owner, locale, settings, grants …), which no dump carries:
    they bring back a database that is gone altogether (``postgres.properties``).
    """

    target: str
    database: str
    server: str
    server_version: str
    encoding: str
    collate: str
    ctype: str
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """One COPY block of the dump, with its place in the uncompressed text.

    ``content`` is the xxh3-128 of its body; ``rows`` are exact.
    """

    table: str
    columns: tuple[str, ...]
    raw_offset: int
    raw_length: int
    rows: int
    content: str


@dataclass(frozen=True, slots=True)
class Dump:
    """The dump file: sizes in bytes, sha256 of the file, members of a compressed file, COPY blocks.

    A member is (offset, length, raw offset, raw length), all in bytes. Members and blocks are in the
    order of the file. A large table may have several blocks, with the same columns and with its rows in
    their order; each of these is the last thing in a member of its own, with nothing before it in there
    but its COPY statement and pg_dump's comment. Other blocks may share a member, or begin in the middle
    of one and go on in the next: reading begins at the last member not behind the block. A file that is
    not compressed has no members. ``rules`` are the guard's rules
    that the dump breaks because its source does: such a backup restores without being asked about.
    """

    file: str
    compression: str
    bytes: int
    raw_bytes: int
    sha256: str
    pg_dump_version: str
    members: tuple[tuple[int, int, int, int], ...]
    blocks: tuple[Block, ...]
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Companion:
    """A file written beside the dump."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OmittedObject:
    """Something of a table that the dump leaves out so that it restores into an empty database.

    A foreign key to a table that is not in the dump, for one. ``kind`` and ``name`` are an
    inventory's, ``statement`` is the SQL that creates it, ``references`` the table it needs ("" where
    none is missing), ``reason`` a clause for people.
    """

    kind: str
    name: str
    statement: str
    references: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableSelection:
    """One table of a table backup, and which part of it the dump holds.

    ``table`` has the form of ``inventory.object_name``. ``columns`` were dumped, in the table's order;
    ``excluded_columns`` were not, by wish (generated columns are in neither). ``where`` is the filter
    as it was given, an SQL condition; empty means all rows.
    """

    table: str
    columns: tuple[str, ...]
    excluded_columns: tuple[str, ...] = ()
    where: str = ""
    omitted: tuple[OmittedObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a backup promises. ``created_at`` is ISO 8601 in UTC; durations are in seconds.

    ``selection`` lists the tables of a table backup, those first that others reference; it is empty for
    a whole database. ``undoes`` is the backup whose restore this one, taken just before it, takes back;
    "" for all that were asked for.
    """

    id: str
    created_at: str
    reason: str
    dbsnap_version: str
    source: Source
    dump: Dump
    privileges: Companion
    restore_script: Companion
    duration_seconds: float
    inventory: Inventory
    notes: tuple[str, ...] = field(default=())
    selection: tuple[TableSelection, ...] = ()
    undoes: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the record as it stands on disk; it fits ``schemas/record.json``."""
        # What there is much of is JSON already, or flat: asdict would copy every fact of it.
        inventory = {
            "server_version": self.inventory.server_version,
            "objects": self.inventory.objects,
        }
        names = [each.name for each in fields(Block)]
        blocks = [{name: getattr(block, name) for name in names} for block in self.dump.blocks]
        few = replace(self, inventory=Inventory(0), dump=replace(self.dump, blocks=()))
        document = asdict(few)
        document["dump"]["blocks"] = blocks
        return {"format": FORMAT, **document, "inventory": inventory}


def record_from_json(document: Any, *, where: str) -> Record:
    """Return the Record a JSON document stands for; raise DumpRefused naming what does not fit."""
    if isinstance(document, dict) and isinstance(document.get("format"), int):
        _refuse_newer_format(document["format"], where)
    error = main_schema_error(document, _schema())
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the document"
        raise _damaged(where, f"{place}: {error.message[:200]}")
    dump = document["dump"]
    return Record(
        id=document["id"],
        created_at=document["created_at"],
        reason=document["reason"],
        dbsnap_version=document["dbsnap_version"],
        source=Source(**document["source"]),
        dump=Dump(
            **{
                **dump,
                "rules": tuple(dump.get("rules", ())),
                "members": tuple(tuple(member) for member in dump["members"]),
                "blocks": tuple(
                    Block(**{**block, "columns": tuple(block["columns"])})
                    for block in dump["blocks"]
                ),
            }
        ),
        privileges=Companion(**document["privileges"]),
        restore_script=Companion(**document["restore_script"]),
        duration_seconds=document["duration_seconds"],
        inventory=Inventory(**document["inventory"]),
        notes=tuple(document["notes"]),
        selection=tuple(_selection(table) for table in document.get("selection", ())),
        undoes=document.get("undoes", ""),
    )


def _selection(document: dict[str, Any]) -> TableSelection:
    return TableSelection(
        table=document["table"],
        columns=tuple(document["columns"]),
        excluded_columns=tuple(document["excluded_columns"]),
        where=document["where"],
        omitted=tuple(OmittedObject(**omitted) for omitted in document["omitted"]),
    )


def read_record(path: Path) -> Record:
    """Read and check one record; raise DumpRefused when it is unreadable or does not fit."""
    try:
        document = json.loads(read_private(path))
    except OSError as error:
        raise _damaged(path.name, error.strerror or "unreadable") from None
    except ValueError as error:
        raise _damaged(path.name, f"it is no JSON ({error})") from None
    return record_from_json(document, where=path.name)


def refuse_silent(record: Record) -> None:
    """Raise DumpRefused where a record has no word on a kind of object that every backup looks at.

    Such a kind would be compared with nothing, and the comparison pass.
    """
    wanted = set(KINDS_IN_DUMPS if record.selection else KINDS_IN_DATABASES)
    if record.inventory.server_version < NAMED_NOT_NULL_SINCE:
        wanted.discard("not-null constraint")
    if silent := sorted(wanted - record.inventory.objects.keys()):
        raise _damaged(f"of {record.id}", f"it says nothing of {', '.join(silent)}")


def _refuse_newer_format(version: int, where: str) -> None:
    if version > FORMAT:
        raise DumpRefused(
            f"{where} was written by a newer dbsnap (record format {version})",
            rule="record",
            hint="upgrade dbsnap",
        )


def _damaged(where: str, what: str) -> DumpRefused:
    return DumpRefused(
        f"the record {where} is damaged: {what}",
        rule="record",
        hint="take the record from another copy; or remove it, and dbsnap knows only what the dump says",
    )


def _schema() -> Any:
    return json.loads((resources.files("dbsnap.archive") / "schemas/record.json").read_text())
