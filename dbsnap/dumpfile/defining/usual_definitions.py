"""The definitions that pg_dump writes most, each learnt by one match instead of by its tokens.

They only save time: ``Definitions.take`` learns the same from the same statement, and from every other.
A form is as narrow as pg_dump's wording: names have a schema, there are no comments, and outside of
quotes no backslash, dollar or ampersand, which could make a name of something else.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.defined_objects import CONSTRAINT_TYPES
from dbsnap.dumpfile.patterns import compiled
from dbsnap.inventory import object_name

if TYPE_CHECKING:
    from dbsnap.dumpfile.defining.defined_objects import DefinedObjects

_NAME = r'(?:[a-z_][a-z0-9_]*+|"[^"]*+(?:""[^"]*+)*+")'
_FULL_NAME = rf"(?!only\.){_NAME}\.{_NAME}"
_FULL_NAME_IN_STRING = _FULL_NAME.replace('[^"]', r"""[^"']""")
_NAME_PART = compiled(_NAME)
_STRING = r"'(?<![eE]')[^']*+'"
_QUOTED = r'"[^"]*+"'
_END_OF_WORD = r"(?![A-Za-z0-9_$\x80-\U0010ffff])"


def _parentheses(depth: int = 4) -> str:
    """Return the pattern of parentheses, nested up to ``depth`` deep."""
    nested = "|" + _parentheses(depth - 1) if depth > 1 else ""
    return rf"""\((?: [^'"()$\\/-]++ | {_STRING} | {_QUOTED} | -(?!-) | /(?!\*) {nested} )*+\)"""


# NOT NULL and CONSTRAINT say something of a column wherever they stand outside of parentheses.
_INERT = rf"""
    (?!(?i:not|constraint){_END_OF_WORD})[A-Za-z0-9_]++
  | [ .:+*=<>|%] | {_STRING} | {_QUOTED} | {_parentheses()}
"""
_ELEMENT = rf"""
    \n[ ]{{4}}
    (?: CONSTRAINT\ (?P<own>{_NAME})\ (?P<type>CHECK|FOREIGN|PRIMARY|UNIQUE)\ (?P<rest>(?:{_INERT})++)
      | (?!(?:constraint|primary|unique|check|foreign|like|not){_END_OF_WORD})
        (?P<column>{_NAME})\ (?:{_INERT}|\[(?:{_INERT}|,)*+\])++(?P<not_null>NOT\ NULL)?
    )
    (?:,(?=\n)|(?P<last>\n\);\Z))
    """
_ARGUMENT = rf"(?:(?!(?i:default){_END_OF_WORD})[A-Za-z0-9_]++|\[\]|\.(?=[a-z_]))++"
_RESULT = rf"(?:(?!(?i:language){_END_OF_WORD})[A-Za-z0-9_]++|[ .%]|\[\]|{_parentheses(2)})++"
_FORM = rf"""
    ALTER\ TABLE\ (?:ONLY\ )?+(?P<constrained>{_FULL_NAME})\n[ ]{{4}}
        ADD\ CONSTRAINT\ (?P<own>{_NAME})
        \ (?P<type>CHECK|EXCLUDE|FOREIGN|PRIMARY|UNIQUE)(?P<rest>\ [^&\\]*+)\Z
  | CREATE\ (?P<unlogged>UNLOGGED\ )?TABLE\ (?P<table>{_FULL_NAME})\ \((?=\n)
  | CREATE\ (?:UNIQUE\ )?+INDEX\ (?!concurrently\ )(?P<index>{_NAME})
        \ ON\ (?:ONLY\ )?+(?P<indexed>{_FULL_NAME})\ USING[ ]
  | CREATE\ (?:UNLOGGED\ )?+SEQUENCE\ (?P<sequence>{_FULL_NAME})\n[ ]{{4}}[A-Z]
  | CREATE\ (?:OR\ REPLACE\ )?+VIEW\ (?P<view>{_FULL_NAME})\ (?:AS|WITH)[ \n]
  | CREATE\ MATERIALIZED\ VIEW\ (?P<materialized_view>{_FULL_NAME})\ AS\n
  | CREATE\ TYPE\ (?P<enum>{_FULL_NAME})\ AS\ ENUM\ \(
  | CREATE\ (?:OR\ REPLACE\ )?+(?:FUNCTION|PROCEDURE)\ (?P<routine>{_FULL_NAME})
        \((?P<arguments>(?:{_ARGUMENT}(?:,?\ {_ARGUMENT})*+)?+)\)
        (?:\ RETURNS\ {_RESULT})?+\n[ ]{{4}}LANGUAGE\ (?P<language>[a-z][a-z0-9_]*+)[ \n]
  | CREATE\ TRIGGER\ (?P<trigger>{_NAME})\ (?:AFTER|BEFORE|INSTEAD\ OF)
        (?:\ (?:OR|INSERT|UPDATE|DELETE|TRUNCATE))++\ ON\ (?P<triggered>{_FULL_NAME})[ \n][A-Z]
  | ALTER\ TABLE\ {_FULL_NAME}\ ALTER\ COLUMN\ {_NAME}
        \ ADD\ GENERATED\ (?:ALWAYS|BY\ DEFAULT)\ AS\ IDENTITY\ \(\n
        [ ]{{4}}SEQUENCE\ NAME\ (?P<identity>{_FULL_NAME})\n
  | SELECT\ pg_catalog\.setval\('(?P<set>{_FULL_NAME_IN_STRING})'
        ,\ (?P<value>-?+[0-9]{{1,19}}),\ (?P<called>true|false)\);\Z
    """
"""The forms; the last group of each says which one it is."""

_NAMED = {
    "sequence": "sequence",
    "view": "view",
    "materialized_view": "materialized view",
    "enum": "type",
    "identity": "sequence",
}
"""Forms that say nothing but a name, and the kind of what it names."""


@cache
def _verbose(pattern: str) -> re.Pattern[str]:
    """Compile a pattern when it is first needed: large ones take long."""
    return compiled(pattern, re.VERBOSE)


def compile_patterns() -> None:
    """Compile what ``learn_usual`` needs, which takes longer than reading a small dump."""
    for pattern in (_FORM, _ELEMENT):
        _verbose(pattern)


def learn_usual(found: DefinedObjects, text: str) -> bool:
    """Learn from a statement with standard strings; return False, having learnt nothing, if unusual."""
    form = _verbose(_FORM).match(text)
    if form is None:
        return False
    group = str(form.lastgroup)
    if kind := _NAMED.get(group):
        found.add(kind, _full(form[group]))
    elif group == "table":
        return _learn_table(found, form, text)
    elif group == "rest":
        return _learn_constraint(found, _full(form["constrained"]), form)
    elif group == "indexed":
        schema, _ = _NAME_PART.findall(form["indexed"])
        name = f"{_full(schema)}.{_full(form['index'])}"
        found.add("index", name, table=_full(form["indexed"]))
    elif group == "language":
        found.languages.add(form["language"])
        name = f"{_full(form['routine'])}({form['arguments']})"
        found.add("function", name, language=form["language"])
    elif group == "triggered":
        table = _full(form["triggered"])
        found.add("trigger", f"{table}.{_full(form['trigger'])}", table=table, enabled="yes")
    else:
        facts = {"last_value": int(form["value"]), "is_called": form["called"] == "true"}
        found.sequence_values[_full(form["set"])] = facts
    found.any |= text.startswith("CREATE")
    return True


def _learn_table(found: DefinedObjects, form: re.Match[str], text: str) -> bool:
    """Learn a table whose elements are usual ones; nothing if one of them is not."""
    elements = []
    position = form.end()
    last = None
    while last is None:
        element = _verbose(_ELEMENT).match(text, position)
        if element is None or (element["own"] and not _is_validated(element["rest"])):
            return False
        elements.append(element)
        position, last = element.end(), element["last"]
    table = _full(form["table"])
    own_name = _NAME_PART.findall(form["table"])[1]
    columns = []
    for element in elements:
        if element["own"]:
            _learn_constraint(found, table, element)
            continue
        column = _raw(element["column"])
        columns.append(column)
        if element["not_null"]:
            found.add_not_null(table, f"{_raw(own_name)}_{column}_not_null")
    found.any = True
    found.add_table(table, columns, form="table", unlogged=bool(form["unlogged"]))
    return True


def _learn_constraint(found: DefinedObjects, table: str, constraint: re.Match[str]) -> bool:
    if not _is_validated(constraint["rest"]):
        return False
    kind = CONSTRAINT_TYPES[constraint["type"].lower()]
    found.add_constraint(table, _raw(constraint["own"]), kind, validated=True)
    return True


def _is_validated(rest: str) -> bool:
    """Return whether NOT VALID and NOT ENFORCED stand nowhere for sure."""
    return "not" not in rest.lower() and "&" not in rest and "\\" not in rest


def _raw(name: str) -> str:
    """Return a name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _full(name: str) -> str:
    """Return a name, or a full name, with quotes only where ``object_name`` wants them."""
    if '"' not in name:
        return name
    return object_name(*[_raw(part) for part in _NAME_PART.findall(name)])
