"""A table as a backup holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbsnap.dumpfile.defining.column_types import canonical_type
from dbsnap.inventory import short_name

if TYPE_CHECKING:
    from dbsnap.archive.record import OmittedObject

RowsBlock = tuple[Sequence[str], Iterator[bytes]]
"""Rows in COPY's text format, in pieces, and the names of their columns."""

RowsOf = Callable[[Mapping[str, str], Mapping[str, str]], Iterable[RowsBlock]]
"""Gives a table's rows, told the live columns' types and the base types of domains."""


@dataclass(frozen=True, slots=True)
class BackupTable:
    """A table as a backup holds it; of a partitioned table with the rows of all its partitions.

    ``columns`` are those whose values are in the backup, none where that has no rows and does not say;
    ``excluded`` those left out of it by wish,
    ``where`` the filter it was taken with. ``types`` are the columns' as ``format_type`` words them,
    without their modifiers where ``exact_types`` is False; what is not known is not there.
    ``partitions`` are its partitions with their own, ``asked`` the names it was asked for by.
    ``never_null`` columns were NOT NULL, ``keys`` are sets of columns that told its rows apart, as far
    as that is known. ``size`` is that of the rows in bytes, as the backup has them; ``rows`` gives them.
    """

    name: str
    columns: tuple[str, ...]
    types: Mapping[str, str]
    exact_types: bool
    size: int
    rows: RowsOf
    never_null: frozenset[str] = frozenset()
    keys: frozenset[frozenset[str]] = frozenset()
    excluded: tuple[str, ...] = ()
    where: str = ""
    omitted: tuple[OmittedObject, ...] = ()
    partitions: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return the name as people know it."""
        return short_name(self.name)

    def type_differs(self, column: str, live_type: str) -> bool:
        """Return whether the backup knows another type for a column than the live table has."""
        known = self.types.get(column)
        if known is None:
            return False
        return known != (live_type if self.exact_types else canonical_type(live_type))
