"""What the expressions in a statement call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbsnap.dumpfile.lexing.tokens import Cursor

_AFTER_DEFAULT = frozenset({"constraint", "not", "null", "check", "generated", "collate"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the function or operator ``name``.

    ``column``: it is in the default of this column of a new table; ``bare``: it is an operator without
    a schema, as pg_dump never writes one of the dump's own.
    """

    name: tuple[str, ...]
    column: str = ""
    bare: bool = False


def operator_or_name(cursor: Cursor) -> tuple[str, ...]:
    """Read the qualified name of a function or an operator."""
    name = cursor.name()
    if cursor.accept("."):
        return (*name, cursor.next().value)
    return name or (cursor.next().value,)


def calls_in(cursor: Cursor, kind: str) -> Iterator[Call]:
    """Yield what the rest of a statement calls; ``kind`` is that of what it creates, or ""."""
    depth = 0
    column = ""
    in_default = False
    while cursor.position < len(cursor.tokens):  # a rule can have semicolons in it
        token = cursor.peek()
        if kind == "table" and depth == 1:
            if cursor.peek(-1).value in ("(", ","):
                column, in_default = token.value, False
            elif token.kind == "word":
                in_default = token.value == "default" or (
                    in_default and token.value not in _AFTER_DEFAULT
                )
        depth += cursor.sees("(") - cursor.sees(")")
        call = _call(cursor, kind)
        if call is not None:
            yield replace(call, column=column) if in_default else call


def _call(cursor: Cursor, kind: str) -> Call | None:
    """Step over the next token or name; return it if it is called."""
    if cursor.accept("references"):
        cursor.name()
        return None
    further, before, token = (cursor.peek(ahead) for ahead in (-2, -1, 0))
    if not token.is_name:
        cursor.next()
        return Call((token.value,), bare=True) if token.kind == "operator" else None
    name = cursor.name()
    if cursor.sees(".") and cursor.peek(1).kind == "operator":
        cursor.next()
        operator = (*name, cursor.next().value)
        return None if kind == "operator class" else Call(operator)
    of_value = before.value == "." and further.value in (")", "]")
    is_named = kind == "type" and before.value == "="
    return Call(name) if cursor.sees("(") or of_value or is_named else None
