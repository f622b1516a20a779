"""The inventory, read in the dump's snapshot by a thread of its own, while the dump is being written."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import psycopg

from dbsnap.errors import OperationFailed
from dbsnap.postgres.catalog import read_inventory
from dbsnap.postgres.connection import server_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbsnap.inventory import Inventory
    from dbsnap.postgres.snapshot import Snapshot

CANCEL_AGAIN_SECONDS = 0.2


class InventoryReading:
    """Reads from the beginning of its ``with`` block on; at the end of it nothing reads any more.

    Whoever uses the snapshot's connection meanwhile must be ready to wait (``Snapshot.check`` is).
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._inventory: Inventory | None = None
        self._failure: BaseException | None = None
        self._unwanted = False
        self._thread = threading.Thread(target=self._read, name="inventory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._unwanted = True
        while self._thread.is_alive():
            with suppress(psycopg.Error):
                self._snapshot.connection.cancel_safe()
            self._thread.join(CANCEL_AGAIN_SECONDS)

    def check(self) -> None:
        """Raise what reading raised, if it has failed already."""
        if self._failure is not None:
            raise self._failure

    def result(self) -> Inventory:
        """Wait for it, and return the inventory; raise what reading it raised."""
        self._thread.join()
        self.check()
        if self._inventory is None:
            raise OperationFailed("the database's inventory was not read to its end")
        return self._inventory

    def _read(self) -> None:
        try:
            version = server_version(self._snapshot.connection)
            self._inventory = read_inventory(self._ask, version, copied_rows=self._copied_rows)
        except BaseException as failure:  # noqa: BLE001 - raised again by result()
            self._failure = failure

    def _ask(self, sql: str) -> Iterable[Any]:
        self._refuse_unwanted()
        return self._snapshot.ask(sql)

    def _copied_rows(self, statements: Sequence[str]) -> list[int]:
        self._refuse_unwanted()
        return self._snapshot.copied_rows(statements)

    def _refuse_unwanted(self) -> None:
        if self._unwanted:
            raise OperationFailed("the inventory is not wanted any more")
