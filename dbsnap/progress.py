"""The Progress protocol: how recipes tell a person how far they are, without knowing the person."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what a recipe is doing. Every method may be called from any thread."""

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Begin a phase; ``total_bytes`` is an estimate for a bar, None when nothing is counted."""

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Say that ``count_bytes`` more bytes are done, and which table is being worked on."""

    def note(self, text: str) -> None:
        """Say something worth knowing that is neither an error nor a result."""

    def warn(self, text: str) -> None:
        """Say something the user should act on, although the work goes on."""

    def done(self) -> None:
        """End the current phase."""


class NoProgress:
    """Says nothing: the default for library use and tests."""

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Ignore."""

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""

    def warn(self, text: str) -> None:
        """Ignore."""

    def done(self) -> None:
        """Ignore."""
