"""Numbers as people read them, alike in every report."""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def size(count_bytes: int) -> str:
    """Return bytes in the largest decimal unit that fits (``1.5 MB``)."""
    number = float(count_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


def duration(seconds: float | None) -> str:
    """Return seconds as people say them, "" for None."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"


def age_of(taken_at: str, now: datetime | None = None) -> str:
    """Return how old an ISO 8601 moment is, "" where it is none."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(taken_at)).total_seconds()
    except (ValueError, TypeError):
        return ""
    if seconds >= 2 * DAY:
        return f"{seconds // DAY:.0f} days old"
    return f"{duration(max(seconds, 0))} old" if seconds >= MINUTE else "new"
