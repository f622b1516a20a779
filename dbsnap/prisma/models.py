"""The models of a Prisma schema, and the tables they stand for.

Of the schema language only this is read: which ``model`` blocks there are, and their ``@@map`` and
``@@schema`` (Prisma's documentation, "Prisma schema API"). Nothing is checked that Prisma checks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.prisma.places import schema_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_MODEL = re.compile(
    rf"^[ \t]*model[ \t]+(\w+)[ \t]*\{{((?:{_STRING}|[^\"}}])*)\}}", re.MULTILINE | re.DOTALL
)
_ATTRIBUTE = r"^[ \t]*@@{}[ \t]*\([ \t]*(?:name[ \t]*:)?[ \t]*({})[ \t]*\)"
_MAP = re.compile(_ATTRIBUTE.format("map", _STRING), re.MULTILINE)
_SCHEMA = re.compile(_ATTRIBUTE.format("schema", _STRING), re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PrismaModel:
    """A model and the table it stands for; ``schema`` is "" where the schema file names none."""

    name: str
    table: str
    schema: str = ""

    @property
    def accessor(self) -> str:
        """Return the name under which Prisma's client has the model: ``prisma.facetDefinition``."""
        return self.name[:1].lower() + self.name[1:]


def prisma_models(text: str) -> list[PrismaModel]:
    """Return the models of one schema file, in their order; what cannot be read is left out."""
    bare = _COMMENT.sub(lambda found: found[1] or " ", text)
    return [
        PrismaModel(name, _value(_MAP, body) or name, _value(_SCHEMA, body))
        for name, body in _MODEL.findall(bare)
    ]


def find_prisma_models(project: Path) -> list[PrismaModel]:
    """Return the models of the schema in a project's directory; none where there is no schema.

    Files that cannot be read are passed over: a model's name is a convenience.
    """
    return [model for path in schema_files(project) for model in prisma_models(_text(path))]


def model_named(models: Iterable[PrismaModel], name: str) -> PrismaModel | None:
    """Return the model that has this name, or whose accessor it is."""
    known = list(models)
    by_name = next((model for model in known if model.name == name), None)
    return by_name or next((model for model in known if model.accessor == name), None)


def _value(attribute: re.Pattern[str], body: str) -> str:
    found = attribute.search(body)
    try:
        return str(json.loads(found[1])) if found else ""
    except ValueError:  # an escape that JSON does not know
        return found[1][1:-1] if found else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
