"""Dates, timestamps and times of day: as PostgreSQL writes them ↔ ISO 8601.

Years before 1 and after 9999 have a sign and six digits or more, and are counted from the year 0, as ISO
8601 allows and JavaScript reads: ``-000043-03-15`` is 44 BC. Infinity stays as it is.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring
from typing import Any

from dbsnap.dumpfile.conversion.json_values import ValueFormat, quoted_members, whole_column

_MOMENTS = whole_column(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:\+00)?)?"
)
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
_ZONE = r"[+-][0-9]{2}(?::[0-9]{2}(?::[0-9]{2})?)?"
_MOMENT = re.compile(rf"([0-9]{{4,}})(-[0-9]{{2}}-[0-9]{{2}})(?: ({_TIME})({_ZONE})?)?( BC)?")
_ISO_MOMENT = re.compile(
    rf"([0-9]{{4}}|[+-][0-9]{{6,}})(-[0-9]{{2}}-[0-9]{{2}})(?:T({_TIME})(Z|{_ZONE})?)?"
)
_ZONED_TIME = re.compile(rf"({_TIME})({_ZONE})")
_ISO_ZONED_TIME = re.compile(rf"({_TIME})(Z|{_ZONE})")


class Moment(ValueFormat):
    """Dates and timestamps."""

    def json_of(self, text: str) -> str:
        """Return ISO 8601; what is no such moment (infinity) as it is."""
        match = _MOMENT.fullmatch(text)
        if match is None:
            return encode_basestring(text)
        digits, day, time, zone, is_bc = match.groups()
        year = 1 - int(digits) if is_bc else int(digits)
        written = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+07d}"
        return f'"{written}{day}{f"T{time}" if time else ""}{_iso_zone(zone)}"'

    def text_of(self, value: Any, raw: str) -> str:
        """Return the text as PostgreSQL writes it; anything else as it is, for the server to read."""
        text = super().text_of(value, raw)
        match = _ISO_MOMENT.fullmatch(text)
        if match is None:
            return text
        written, day, time, zone = match.groups()
        year = int(written)
        era = "" if year > 0 else " BC"
        year = year if year > 0 else 1 - year
        return f"{year:04d}{day}{f' {time}' if time else ''}{_zone_of_iso(zone)}{era}"

    def _at_once(self, key: bytes, joined: bytes) -> list[bytes]:
        if not _MOMENTS.fullmatch(joined):
            return []
        if joined.endswith(b"+00"):
            joined = joined[:-3] + b"Z"
        joined = joined.replace(b" ", b"T").replace(b"+00\n", b"Z\n")
        return quoted_members(key, joined)


class ZonedTime(ValueFormat):
    """Times of day with an offset."""

    def json_of(self, text: str) -> str:
        """Return ISO 8601."""
        match = _ZONED_TIME.fullmatch(text)
        return encode_basestring(match[1] + _iso_zone(match[2]) if match else text)

    def text_of(self, value: Any, raw: str) -> str:
        """Return the text as PostgreSQL writes it; anything else as it is, for the server to read."""
        text = super().text_of(value, raw)
        match = _ISO_ZONED_TIME.fullmatch(text)
        return match[1] + _zone_of_iso(match[2]) if match else text


def _iso_zone(zone: str | None) -> str:
    if zone is None:
        return ""
    if zone == "+00":
        return "Z"
    return zone if ":" in zone else f"{zone}:00"


def _zone_of_iso(zone: str | None) -> str:
    if zone is None:
        return ""
    return "+00" if zone == "Z" else zone.removesuffix(":00") if len(zone) == 6 else zone
