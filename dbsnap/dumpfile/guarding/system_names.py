"""What belongs to the server itself, told by its name."""

from __future__ import annotations

SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})

SYSTEM_PREFIX = "pg_"
"""What the names of all catalogs begin with; the server reserves it for schemas and roles only."""


def is_in_system_schema(name: tuple[str, ...]) -> bool:
    """Return whether a qualified name, with or without a database, lies in a system schema."""
    return not SYSTEM_SCHEMAS.isdisjoint(name[:-1])


def may_be_systems_own(name: tuple[str, ...]) -> bool:
    """Return whether a name that is looked up can be found among the system's own objects.

    Without a schema it is looked for in ``pg_catalog`` first, unless ``search_path`` says otherwise.
    """
    if len(name) == 1:
        return name[0].startswith(SYSTEM_PREFIX) or name[0] in SYSTEM_SCHEMAS
    return is_in_system_schema(name)
