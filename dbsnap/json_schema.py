"""JSON documents held against their schemas (JSON Schema 2020-12).

The library is loaded with the first document: it takes a twentieth of a second, and most commands have
none to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError


def schema_errors(document: Any, schema: Any) -> list[ValidationError]:
    """Return everything in which a document does not fit a schema, in no particular order."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return list(Draft202012Validator(schema).iter_errors(document))


def main_schema_error(document: Any, schema: Any) -> ValidationError | None:
    """Return the error that says most about why a document does not fit; None if it does."""
    errors = schema_errors(document, schema)
    if not errors:
        return None
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    main: ValidationError | None = best_match(errors)
    return main
