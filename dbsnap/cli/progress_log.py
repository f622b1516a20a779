"""Log lines instead of a bar, while something is going on."""

from __future__ import annotations

from threading import Thread

from rich.filesize import decimal

from dbsnap.cli.log import import_ahead, logger


class LoggedProgress:
    """One log line per phase: for CI and everything else that is no terminal.

    What writes the lines is imported meanwhile: there is a server to be waited for first.
    """

    def __init__(self) -> None:
        Thread(target=import_ahead, name="importing", daemon=True).start()

    def phase(self, text: str, *, total_bytes: int | None = None) -> None:
        """Log the phase."""
        sized = {"about": decimal(total_bytes)} if total_bytes else {}
        logger().info(text, **sized)

    def advance(self, count_bytes: int, *, current: str = "") -> None:
        """Say nothing: a log has no bar."""

    def note(self, text: str) -> None:
        """Log at level info."""
        logger().info(text)

    def warn(self, text: str) -> None:
        """Log at level warning."""
        logger().warning(text)

    def done(self) -> None:
        """Say nothing."""
