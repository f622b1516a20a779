"""Log lines on stderr: as text, or as JSON where DBSNAP_LOG says ``json``."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def import_ahead() -> None:
    """Import what ``logger`` will need; what goes wrong shows there."""
    with suppress(Exception):
        import structlog  # noqa: F401, PLC0415


def logger() -> FilteringBoundLogger:
    """Return what log lines are written with, as the environment wants them now.

    structlog is imported with the first line: it imports rich's tracebacks and pygments, which takes as
    long as half of dbsnap's own modules.
    """
    import structlog  # noqa: PLC0415

    level = logging.getLevelName(os.environ.get("DBSNAP_LOG_LEVEL", "INFO").upper())
    as_json = os.environ.get("DBSNAP_LOG") == "json"
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,  # the others show variables
        )
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            level if isinstance(level, int) else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return cast("FilteringBoundLogger", structlog.get_logger("dbsnap"))
