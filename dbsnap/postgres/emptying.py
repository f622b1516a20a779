"""What leaves nothing of a database but its schema public, for a restore in place."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbsnap.postgres.asking import Ask


@dataclass(frozen=True, slots=True)
class EmptyingStatement:
    """One statement, what it is about, and whether this role has the rights of that object's owner."""

    sql: str
    object: str
    owner: str | None
    allowed: bool


def emptying_statements(ask: Ask) -> list[EmptyingStatement]:
    """Return what drops every object of the database, in the order in which to run it.

    An object that an earlier statement drops too is no error. The schema public stays, because only its
    owner could create it again. Where the role has the rights of that owner, the privileges on it, and
    default privileges, become what they are in a new database.
    """
    query = (resources.files("dbsnap.postgres") / "emptying.sql").read_text()
    return [EmptyingStatement(*row) for row in ask(query)]
