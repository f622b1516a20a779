"""Which form the values of a type have in JSON, by the type's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbsnap.dumpfile.conversion.json_moments import Moment, ZonedTime
from dbsnap.dumpfile.conversion.json_structures import Array, Json
from dbsnap.dumpfile.conversion.json_values import (
    Boolean,
    Bytes,
    ExactNumber,
    Float,
    Text,
    ValueFormat,
)
from dbsnap.dumpfile.defining.column_types import ARRAY, canonical_type, column_types, domain_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbsnap.inventory import Inventory

_FORMATS: dict[str, ValueFormat] = {
    **dict.fromkeys(("smallint", "integer", "bigint", "numeric"), ExactNumber()),
    **dict.fromkeys(("int2", "int4", "int8", "int", "decimal"), ExactNumber()),
    **dict.fromkeys(("real", "double precision", "float4", "float8"), Float()),
    **dict.fromkeys(("boolean", "bool"), Boolean()),
    **dict.fromkeys(("date", "timestamptz"), Moment()),
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), Moment()),
    **dict.fromkeys(("time with time zone", "timetz"), ZonedTime()),
    "bytea": Bytes(),
}
_JSON_TYPES = frozenset({"json", "jsonb"})
_DELIMITERS = {"box": ";"}


def value_format(
    type_name: str, domains: Mapping[str, str], *, one_line: bool = False, element: bool = False
) -> ValueFormat:
    """Return the format of a type's values.

    ``type_name`` is written in full, as ``format_type`` does with an empty search path; ``domains``
    gives the base types of domains by their names in an inventory. ``one_line`` is for NDJSON, and
    ``element`` says that the values are elements of an array. A type that is not known is text.
    """
    name = canonical_type(type_name)
    seen = {name}
    while name in domains and (name := canonical_type(domains[name])) not in seen:
        seen.add(name)
    if name in _JSON_TYPES:
        return Json(one_line=one_line, element=element)
    if name.endswith(ARRAY):
        if (
            element
        ):  # of a domain over arrays: its text, because as an array it would be a dimension
            return Text()
        own = name.removesuffix(ARRAY)
        inner = value_format(own, domains, one_line=one_line, element=True)
        return Array(inner, delimiter=_DELIMITERS.get(own, ","))
    return _FORMATS.get(name) or Text()


def value_formats(inventory: Inventory, table: str) -> dict[str, ValueFormat]:
    """Return the format of each column of a table in a whole inventory, in the table's order.

    This is what reading an export needs to know of the live table (``json_import``).
    """
    domains = domain_types(inventory)
    return {
        column: value_format(declared, domains)
        for column, declared in column_types(inventory, table).items()
    }
