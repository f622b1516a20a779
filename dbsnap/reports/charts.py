"""Small charts as inline SVG: no script, no style of their own, any width."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbsnap.reports.outcome import Growth

WIDTH, HEIGHT = 320.0, 80.0
SPARK_WIDTH, SPARK_HEIGHT = 72.0, 18.0
MARGIN = 4.0
FEWEST = 2
"""Points that a line needs."""


def chart(
    growth: Sequence[Growth],
    value: Callable[[Growth], int],
    shown: Callable[[int], str],
    *,
    title: str,
) -> str:
    """Return a chart of one value over time, from nothing at its bottom; "" for fewer than two points.

    It takes the width it is given and keeps the thickness of its lines. Each point says its moment and
    its value as ``shown`` words it.
    """
    points = _points(growth, value, WIDTH, HEIGHT)
    if not points:
        return ""
    line = _line(points)
    area = f"{line}L{points[-1][0]:.1f} {HEIGHT:.0f}L{points[0][0]:.1f} {HEIGHT:.0f}Z"
    # A point is a line without length: unlike a circle it stays round in a stretched picture.
    dots = "".join(
        f'<path class="dot" d="M{x:.1f} {y:.1f}h.01">'
        f"<title>{escape(one.taken_at)}: {escape(shown(value(one)))}</title></path>"
        for (x, y), one in zip(points, growth, strict=True)
    )
    return (
        f'<svg class="chart" role="img" aria-label="{escape(title)}" preserveAspectRatio="none" '
        f'viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}"><path class="area" d="{area}"/>'
        f'<path class="line" d="{line}"/>{dots}</svg>'
    )


def sparkline(growth: Sequence[Growth], *, title: str) -> str:
    """Return the rows of one table over time as a line the height of text; "" for too few points."""
    points = _points(growth, lambda one: one.rows, SPARK_WIDTH, SPARK_HEIGHT)
    if not points:
        return ""
    return (
        f'<svg class="spark" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {SPARK_WIDTH:.0f} {SPARK_HEIGHT:.0f}"><path class="line" '
        f'd="{_line(points)}"/></svg>'
    )


def share(part: int, whole: int) -> str:
    """Return a bar that is filled as far as a part is of the whole."""
    filled = 100 * part / whole if whole else 0
    return (
        '<svg class="bar" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 100 1">'
        f'<rect class="filled" width="{filled:.2f}" height="1"/></svg>'
    )


def _points(
    growth: Sequence[Growth], value: Callable[[Growth], int], width: float, height: float
) -> list[tuple[float, float]]:
    """Return where each value belongs: by its moment from left to right, by its size upwards."""
    if len(growth) < FEWEST:
        return []
    moments = _moments(growth)
    first, last = moments[0], moments[-1]
    highest = max(1, *(value(one) for one in growth))
    return [
        (
            MARGIN + (width - 2 * MARGIN) * (moment - first) / (last - first),
            height - MARGIN - (height - 2 * MARGIN) * value(one) / highest,
        )
        for moment, one in zip(moments, growth, strict=True)
    ]


def _moments(growth: Sequence[Growth]) -> list[float]:
    """Return seconds, or the numbers of the points where moments cannot be read or do not rise."""
    try:
        moments = [datetime.fromisoformat(one.taken_at).timestamp() for one in growth]
    except ValueError:
        moments = []
    if moments and moments == sorted(moments) and moments[0] < moments[-1]:
        return moments
    return [float(number) for number in range(len(growth))]


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
