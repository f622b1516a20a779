"""The objects that a dump's statements define, as an inventory would name them.

Names are taken from parsed statements, never from pg_dump's comments, which are cut and escaped
(``sanitize_line`` in ``src/fe_utils/string_utils.c``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.defined_objects import INDEX_CONSTRAINTS, DefinedObjects
from dbsnap.dumpfile.defining.table_definitions import (
    alter_table,
    create_table,
    elements,
    enabled_state,
)
from dbsnap.dumpfile.defining.usual_definitions import learn_usual
from dbsnap.dumpfile.lexing.tokens import Cursor, decode, encode, tokenize
from dbsnap.inventory import KINDS_IN_DUMPS, PLAIN_NAME, Facts, Inventory, object_name, split_name

if TYPE_CHECKING:
    from dbsnap.dumpfile.lexing.tokens import Token

_MODIFIERS = (
    "unique",
    "unlogged",
    "temporary",
    "temp",
    "foreign",
    "constraint",
    "recursive",
)
_LARGEST_NUMBER = 19
"""Digits of the largest bigint."""


class Definitions(DefinedObjects):
    """Learns the objects that the statements so far define."""

    def __init__(self) -> None:
        super().__init__()
        self._others = {
            "extension": self._create_extension,
            "type": self._create_type,
            "domain": self._create_type,
            "index": self._create_index,
        }

    def learn(self, text: bytes, *, standard_strings: bool = True) -> None:
        """Learn from a statement, in UTF-8; what is none of an inventory's business changes nothing."""
        if not (standard_strings and learn_usual(self, decode(text))):
            self.take(Cursor(tokenize(text, standard_strings=standard_strings)), text)

    def take(self, cursor: Cursor, text: bytes) -> None:
        """Learn from the tokens of a statement, as ``learn`` does."""
        match cursor.next().value:
            case "create":
                self.any = True
                self._create(cursor, text)
            case "alter" if cursor.accept("event", "trigger"):
                name = object_name(*cursor.name())
                self.switch("event trigger", name, enabled_state(cursor))
            case "alter":
                cursor.accept("foreign")
                if cursor.accept("table"):
                    alter_table(self, cursor)
            case "select":
                self._select(cursor)
            case "set" if cursor.accept("search_path"):
                cursor.accept_any("to", "=")
                self.schema = cursor.next().value or "public"

    def _create(self, cursor: Cursor, text: bytes) -> None:
        cursor.accept("or", "replace")
        modifiers = set()
        while modifier := cursor.accept_any(*_MODIFIERS):
            modifiers.add(modifier)
        kind = cursor.next().value
        if kind in ("materialized", "event"):
            kind += " " + cursor.next().value
        cursor.accept("if", "not", "exists")
        match kind:
            case "schema" if not cursor.sees("public"):
                self.add("schema", object_name(*cursor.name()))
            case "event trigger":
                self.add(kind, object_name(*cursor.name()), enabled="yes")
            case "sequence" | "view" | "materialized view":
                self.add(kind, self.qualified(cursor.name()))
            case "table":
                create_table(self, cursor, modifiers)
            case "function" | "procedure" | "aggregate":
                self._create_function(cursor, kind, text)
            case "trigger" | "policy" | "rule":
                self._create_on_table(cursor, kind)
            case _ if create := self._others.get(kind):
                create(cursor)

    def _create_extension(self, cursor: Cursor) -> None:
        name = cursor.name()
        if name == ("plpgsql",):  # in every database; pg_dump mentioned it up to 10
            return
        cursor.accept("with")
        schema = cursor.name() if cursor.accept("schema") else ()
        self.add("extension", object_name(*name), **({"schema": schema[0]} if schema else {}))

    def _create_type(self, cursor: Cursor) -> None:
        name = self.qualified(cursor.name())
        if cursor.at_end():  # a shell, the name of a base type that is defined further on
            return
        self.add("type", name)
        if cursor.accept("as", "("):
            self.columns[name] = [element[0].value for element in elements(cursor) if element]

    def _create_index(self, cursor: Cursor) -> None:
        cursor.accept("concurrently")
        cursor.accept("if", "not", "exists")
        name = cursor.name()
        if cursor.accept("on"):
            cursor.accept("only")
            table = cursor.name()
            schema = table[:-1] or (self.schema,)
            self.add("index", object_name(*schema, *name), table=self.qualified(table))

    def _create_function(self, cursor: Cursor, kind: str, text: bytes) -> None:
        name = self.qualified(cursor.name())
        arguments = _identity_arguments(cursor, text)
        language = "aggregate" if kind == "aggregate" else ""
        while not language and not cursor.at_end():
            if cursor.accept("language"):
                language = cursor.next().value
                self.languages.add(language)
            elif not cursor.skip_parentheses():
                cursor.next()
        self.add("function", f"{name}({arguments})", **({"language": language} if language else {}))

    def _create_on_table(self, cursor: Cursor, kind: str) -> None:
        own_name = cursor.next().value
        before_table = "to" if kind == "rule" else "on"
        while not cursor.at_end() and not cursor.accept(before_table):
            cursor.next()
        parts = cursor.name()
        table = self.qualified(parts)
        if kind == "rule" and own_name == "_RETURN":
            self.turn_into_view(table)
            return
        enabled = {} if kind == "policy" else {"enabled": "yes"}
        self.add(kind, self.qualified(parts, own_name), table=table, **enabled)

    def _select(self, cursor: Cursor) -> None:
        cursor.accept("pg_catalog", ".")
        if cursor.accept("lo_create"):
            self.add_large_object()
        elif cursor.accept("set_config", "("):
            if cursor.next().value == "search_path" and cursor.accept(","):
                self.schema = cursor.next().value.partition(",")[0] or "public"
        elif cursor.accept("setval", "("):
            name = Cursor(tokenize(encode(cursor.next().value))).name()
            cursor.accept(",")
            sign = -1 if cursor.accept("-") else 1
            value = cursor.next().value
            called = not (cursor.accept(",") and cursor.sees("false"))
            if name and value.isascii() and value.isdigit() and len(value) <= _LARGEST_NUMBER:
                facts: Facts = {"last_value": sign * int(value), "is_called": called}
                self.sequence_values[self.qualified(name)] = facts


def stated_in_dump(inventory: Inventory) -> Inventory:
    """Return what pg_dump states as statements of its own of what a live database holds.

    An inventory read out of a dump file can be compared with this one. Left out are the kinds that
    no file reader fills, the schema ``public``, which every database has, large objects that are
    none, and what comes with something else: indexes of constraints, and constraints and triggers
    that a partition or child inherits. All of a partition but its foreign keys are stated
    although inherited, indexes that are not valid are not (``dumpConstraint``, ``dumpTableSchema``
    and ``getIndexes`` in ``src/bin/pg_dump/pg_dump.c``).
    """
    own_indexes = {
        object_name(*split_name(facts["table"])[:-1], split_name(name)[-1])
        for name, facts in inventory.of("constraint").items()
        if facts.get("type") in INDEX_CONSTRAINTS
    }

    def is_stated(kind: str, name: str, facts: Facts) -> bool:
        match kind:
            case "schema":
                return name != "public"
            case "large objects":
                return bool(facts.get("count"))
            case "index":
                valid = facts.get("valid", True) or facts.get("partitioned", False)
                return name not in own_indexes and valid
            case "constraint" if facts.get("type") in INDEX_CONSTRAINTS:
                return True
            case "constraint" | "not-null constraint" if facts.get("type") != "foreign key":
                table = inventory.of("table").get(facts["table"], {})
                return not facts.get("inherited") or "partition_bound" in table
        return not facts.get("inherited")

    objects = {
        kind: {name: facts for name, facts in names.items() if is_stated(kind, name, facts)}
        for kind, names in inventory.objects.items()
        if kind in KINDS_IN_DUMPS
    }
    return replace(inventory, objects=objects)


def _identity_arguments(cursor: Cursor, text: bytes) -> str:
    """Read a list of arguments; return it as ``pg_get_function_identity_arguments`` words it."""
    if cursor.accept("(", "*", ")") or not cursor.accept("("):
        return ""
    return ", ".join(_without_default(element, text) for element in elements(cursor) if element)


def _without_default(argument: list[Token], text: bytes) -> str:
    """Return an argument as written, without default and needless quotes, white space unified."""
    parts: list[str] = []
    end = argument[0].start
    for token in argument:
        if token.kind in ("word", "operator") and token.value in ("default", "="):
            break
        if token.start > end and parts:
            parts.append(" ")
        plain = token.kind == "quoted" and PLAIN_NAME.match(token.value)
        parts.append(token.value if plain else decode(text[token.start : token.end]))
        end = token.end
    return "".join(parts)
