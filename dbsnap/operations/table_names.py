"""The table of a backup that a person's words stand for. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from dbsnap.errors import UsageError
from dbsnap.inventory import object_name, short_name, split_name
from dbsnap.prisma.models import model_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.prisma.models import PrismaModel

LISTED = 8
"""How many names are given where none is like the one that is not there."""


def table_named(names: Iterable[str], wanted: str, models: Sequence[PrismaModel] = ()) -> str:
    """Return the one of these names (an inventory's) that ``wanted`` stands for.

    It may leave out quotes, and the schema: ``public`` goes before the others. What is no table's name
    can be that of one of Prisma's ``models``. Raises UsageError for a name of no table, with the nearest
    ones, or of several.
    """
    there = list(names)
    found = [name for name in there if wanted in spellings(name)]
    if not found and (model := model_named(models, wanted)):
        meant = object_name(model.schema or "public", model.table)
        found = [name for name in there if name == meant]
    found = found or [
        name for name in there if wanted in {split_name(name)[-1], quoted(split_name(name)[-1])}
    ]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(short_name(name) for name in sorted(found))
        raise UsageError(
            f"{wanted} is the name of several tables: {listed}", hint="name its schema too"
        )
    raise UsageError(f"the backup has no table {wanted}", hint=nearest(wanted, there))


def nearest(wanted: str, there: Iterable[str]) -> str:
    """Return a hint with the names most like one that is not there, in whatever case."""
    known = {short_name(name).lower(): short_name(name) for name in there}
    close = difflib.get_close_matches(wanted.lower(), known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(known[name] for name in close)}?"
    if not known:
        return "the backup has none at all"
    listed = ", ".join(known[name] for name in sorted(known)[:LISTED])
    return f"the backup has {listed}{' …' if len(known) > LISTED else ''}"


def spellings(name: str) -> set[str]:
    """Return the ways to write a table's name: with its schema or, in public, without; quoted or not."""
    schema, table = split_name(name)
    own = {table, object_name(table), quoted(table)}
    written = {
        f"{first}.{last}" for first in (schema, object_name(schema), quoted(schema)) for last in own
    }
    return written | own if schema == "public" else written


def quoted(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'
