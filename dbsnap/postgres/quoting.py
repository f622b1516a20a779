"""Names and strings as they stand in SQL."""

from __future__ import annotations


def quote_name(*parts: str) -> str:
    """Return a name as it stands in SQL: every part in double quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def quote_literal(value: str) -> str:
    """Return a string constant that means the same under any ``standard_conforming_strings``."""
    quoted = "'" + value.replace("'", "''").replace("\\", "\\\\") + "'"
    return " E" + quoted if "\\" in value else quoted
