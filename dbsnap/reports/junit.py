"""A drill as JUnit's XML, which every CI reads: a test suite per backup, a test case per check.

There is no standard of the format; this is what its readers have in common (Jenkins' and GitLab's
among them). What was not run is an error and never skipped: readers count skipped tests as passed.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from dbsnap.reports.outcome import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbsnap.reports.outcome import Check, Drill

TITLE = "dbsnap drill"
NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are written (chapter 2.2)."""


def junit(drills: Sequence[Drill]) -> str:
    """Return the document for one or more drills; any text in it is only ever text."""
    seconds = sum(drill.seconds for drill in drills)
    root = ET.Element("testsuites", {"name": TITLE, **_counts(drills), "time": _time(seconds)})
    for drill in drills:
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": _text(drill.backup), **_counts([drill]), "time": _time(drill.seconds)},
        )
        if drill.taken_at:
            suite.set("timestamp", _text(drill.taken_at.removesuffix("Z")))
        _add_properties(suite, drill)
        for check in drill.checks:
            _add_case(suite, drill, check)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(drills: Sequence[Drill]) -> dict[str, str]:
    outcomes = counted(drills)
    return {
        "tests": str(sum(outcomes.values())),
        "failures": str(outcomes["FAIL"]),
        "errors": str(outcomes["NOT RUN"]),
        "skipped": "0",
    }


def _add_properties(suite: ET.Element, drill: Drill) -> None:
    known = {
        "database": drill.database,
        "source": drill.source,
        "server": drill.server,
        "rows": str(drill.rows),
        "bytes": str(drill.bytes),
    }
    if drill.seconds_to_restore is not None:
        known["seconds_to_restore"] = _time(drill.seconds_to_restore)
    properties = ET.SubElement(suite, "properties")
    for name, value in known.items():
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for name in drill.left_out:
        ET.SubElement(properties, "property", {"name": "left out", "value": _text(name)})


def _add_case(suite: ET.Element, drill: Drill, check: Check) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": f"dbsnap.drill.{_text(drill.backup)}",
            "name": _text(check.name),
            "time": _time(check.seconds),
        },
    )
    lines = _text("\n".join(finding.message for finding in check.findings))
    if check.outcome == "PASS":
        ET.SubElement(case, "system-out").text = _text(check.message) + (lines and "\n" + lines)
        return
    element = "failure" if check.outcome == "FAIL" else "error"
    kind = "different" if check.outcome == "FAIL" else "not-run"
    attributes = {"message": _text(check.message), "type": kind}
    ET.SubElement(case, element, attributes).text = lines or _text(check.message)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
