"""The rows of a comparison as a chart: one bar a row, the peer's time being the whole width."""

from __future__ import annotations

from html import escape
from typing import Any

WIDTH, LABELS, ROW, BAR = 860, 430, 30, 16
SCALE = 260
"""The width of a bar that takes as long as the peer."""
LONGEST = 1.5


def as_svg(document: dict[str, Any]) -> str:
    """Return the chart: shorter bars are better, a tick on each bar is the ratio to reach."""
    rows = [row for row in document["rows"] if not row["is_difference"]]
    height = ROW * (len(rows) + 2)
    caption = (
        f"{document['date']}, {document['machine']['cores']} cores, PostgreSQL {document['server']}"
    )
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LABELS}" y="18" fill="#555">time taken, the peer being 1 ({escape(caption)})</text>',
    ]
    for number, row in enumerate(rows, start=1):
        top = number * ROW
        length = SCALE * min(row["ratio"], LONGEST)
        reached = row["ratio"] <= row["target"]
        tick = LABELS + SCALE * min(row["target"], LONGEST)
        parts += [
            (
                f'<text x="{LABELS - 8}" y="{top + 12}" text-anchor="end" fill="#222">'
                f"{escape(row['row'])}</text>"
            ),
            (
                f'<rect x="{LABELS}" y="{top}" width="{length:.0f}" height="{BAR}" '
                f'fill="{"#2a7f62" if reached else "#b5651d"}"/>'
            ),
            f'<line x1="{tick:.0f}" x2="{tick:.0f}" y1="{top - 3}" y2="{top + BAR + 3}" stroke="#222"/>',
            (
                f'<text x="{max(LABELS + length, tick) + 6:.0f}" y="{top + 12}" fill="#222">'
                f"{row['ratio']:.2f}</text>"
            ),
        ]
    one, bottom = LABELS + SCALE, ROW * (len(rows) + 1)
    parts += [
        (
            f'<line x1="{one}" x2="{one}" y1="{ROW - 6}" y2="{bottom}" stroke="#999" '
            'stroke-dasharray="4 3"/>'
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
