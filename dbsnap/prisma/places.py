"""Where a Prisma project keeps its migrations and its schema.

Prisma's own order (CLI 6 and 7): what the configuration file says, else the directory ``migrations``
beside the schema; the schema is the one that the configuration file or ``"prisma"`` in ``package.json``
names, else ``schema.prisma``, else ``prisma/schema.prisma``. A configuration file is a program: paths
that stand there as they are can be read, and of any other it is said that it cannot be.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbsnap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIRECTORY_NAME = "migrations"
SCHEMAS = ("schema.prisma", "prisma/schema.prisma")
SCHEMA_FOLDERS = ("prisma/schema", "prisma")
"""Where a schema of several files usually is: Prisma itself wants to be told."""

EXTENSIONS = ("js", "ts", "mjs", "cjs", "mts", "cts")
CONFIGURATIONS = tuple(
    f"{name}.{e}" for name in ("prisma.config", ".config/prisma") for e in EXTENSIONS
)

SAY_IT = 'say where they are in dbsnap.toml: [prisma] migrations = "…"'

_LITERAL = r"""(?:"[^"\\\n]*"|'[^'\\\n]*'|`[^`\\$]*`)"""
_COMMENT = re.compile(rf"({_LITERAL})|//[^\n]*|/\*.*?\*/", re.DOTALL)
_JOINED = r"(?:\w+\.)?(?:join|resolve)\s*\(([^()]*(?:\(\s*\)[^()]*)?)\)"
_PATH = rf"\s*:\s*(?:({_LITERAL})|{_JOINED})\s*[,;}}\n]"
_MIGRATIONS = re.compile(r"\bmigrations[\"']?\s*:\s*\{([^{}]*)\}?")
_MIGRATIONS_PATH = re.compile(r"\bpath[\"']?" + _PATH)
_SCHEMA_PATH = re.compile(r"\bschema[\"']?" + _PATH)
_BASE = re.compile(r"__dirname|import\.meta\.dirname|process\.cwd\(\s*\)")
_DATASOURCE = re.compile(r"^[ \t]*datasource\s+\w+\s*\{", re.MULTILINE)


class NotReadable(ValueError):
    """A path is there, but in a form that only JavaScript understands."""


def migrations_directory(project: Path, configured: str | None) -> tuple[Path | None, str]:
    """Return the directory of migrations of the project in ``project``, and what stood in the way.

    ``configured`` is the path that ``dbsnap.toml`` gives, relative to the project; it goes before all
    else. None where there is no such directory; the sentence is "" unless something cannot be read.
    Raises UsageError where ``configured`` is no directory.
    """
    if configured is not None:
        chosen = project / configured
        if not chosen.is_dir():
            raise UsageError(
                f"migrations of [prisma] in dbsnap.toml is {configured}, which is no directory",
                hint="correct it; a relative path begins where dbsnap.toml is",
            )
        return chosen, ""
    try:
        found = _said_by_prisma(project)
    except NotReadable as error:
        return (
            None,
            f"{error} says where Prisma's migrations are in words that dbsnap cannot read: {SAY_IT}",
        )
    return (found, "") if found is not None and found.is_dir() else (None, "")


def schema_files(project: Path) -> list[Path]:
    """Return the files of a project's schema; the usual ones where it is named in no readable words."""
    places = [*SCHEMAS, *SCHEMA_FOLDERS]
    with suppress(NotReadable):
        configuration = _configuration(project)
        if configuration is not None:
            schema = _schema_in(_program(configuration), configuration.name)
            home = configuration.parent
        else:
            schema, home = _named_in_package(project), project
        if schema is not None:
            places.insert(0, str(home / schema))
    for place in places:
        found = project / place
        if files := [found] if found.is_file() else list(_schema_files(found)):
            return files
    return []


def _said_by_prisma(project: Path) -> Path | None:
    configuration = _configuration(project)
    schema: Path | None
    if configuration is not None:
        migrations, schema_path = paths_in_configuration(
            _program(configuration), configuration.name
        )
        if migrations is not None:
            return configuration.parent / migrations
        schema = configuration.parent / schema_path if schema_path is not None else None
    else:
        named = _named_in_package(project)
        schema = project / named if named is not None else None
    if schema is None:
        schema = next((p for n in SCHEMAS if (p := project / n).is_file()), project / SCHEMAS[-1])
    return _beside(schema)


def _configuration(project: Path) -> Path | None:
    return next((p for n in CONFIGURATIONS if (p := project / n).is_file()), None)


def _program(configuration: Path) -> str:
    """Return the text of a configuration file without its comments."""
    return _COMMENT.sub(lambda found: found[1] or " ", _text(configuration))


def paths_in_configuration(text: str, name: str) -> tuple[str | None, str | None]:
    """Return the paths of the migrations and of the schema in a configuration file without comments.

    None for one that it does not give; raises NotReadable(``name``) for one that is no plain path.
    """
    block = _MIGRATIONS.search(text)
    inside = block[1] + "\n" if block else ""
    migrations = _path(_MIGRATIONS_PATH, r"\bpath\b", inside, name)
    if migrations is not None:
        return migrations, None
    if block is None and re.search(r"\bmigrations\b", text):
        raise NotReadable(name)
    return None, _schema_in(text, name)


def _schema_in(text: str, name: str) -> str | None:
    return _path(_SCHEMA_PATH, r"\bschema[\"']?\s*[:,]", text + "\n", name)


def _path(pattern: re.Pattern[str], sign: str, text: str, name: str) -> str | None:
    found = pattern.search(text)
    if found is None:
        if re.search(sign, text):
            raise NotReadable(name)
        return None
    if found[1]:
        return found[1][1:-1]
    pieces = [piece.strip() for piece in found[2].split(",") if piece.strip()]
    if pieces and _BASE.fullmatch(pieces[0]):
        pieces = pieces[1:]
    if not pieces or not all(re.fullmatch(_LITERAL, piece) for piece in pieces):
        raise NotReadable(name)
    return "/".join(piece[1:-1] for piece in pieces)


def _named_in_package(project: Path) -> str | None:
    """Return the schema that ``package.json`` names; a file that is no JSON names none."""
    try:
        package: Any = json.loads(_text(project / "package.json") or "{}")
    except ValueError:
        return None
    section = package.get("prisma") if isinstance(package, dict) else None
    named = section.get("schema") if isinstance(section, dict) else None
    return named if isinstance(named, str) else None


def _beside(schema: Path) -> Path:
    """Return the migrations of a schema: beside its file, or that of its files with the datasource."""
    if not schema.is_dir():
        return schema.parent / DIRECTORY_NAME
    home = next((f.parent for f in _schema_files(schema) if _DATASOURCE.search(_text(f))), schema)
    return home / DIRECTORY_NAME


def _schema_files(directory: Path) -> Iterator[Path]:
    yield from (path for path in sorted(directory.rglob("*.prisma")) if path.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
