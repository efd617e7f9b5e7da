"""The document of what was measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.wire.curves import Curve, Point
from benchmarks.wire.document import CHAPTERS, read_figures, render, rendered
from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.figures import Figures, Row
from benchmarks.wire.options import parse
from benchmarks.wire.report import Report

_ROOT = Path(__file__).parents[2]
_MEDIAN = Figures(tps=1000, p50_us=500, p99_us=900, cpu_us=24, user_us=8)
_FIGURES = {
    "select-only": Report(
        machine={"measured": "2026-11-25 21:00 UTC", "load before": "0.1 0.1 0.1", "kernel": "6.1"},
        setting={"rounds": "5 of 2 s"},
        load=tuple(
            Row(workload="select-only", mode="simple", clients=clients, route=route, rounds=5, median=_MEDIAN)
            for clients in (1, 8)
            for route in ("direct", "pgbouncer", "guard")
        ),
    ),
    "growth": Report(
        machine={"measured": "2026-11-25 21:10 UTC", "load before": "0.2 0.1 0.1", "kernel": "6.1"},
        setting={},
        growth=(
            Curve(name="result", of="result", over="MB", points=tuple(Point(size=n, cost_us=n) for n in (1, 2, 4))),
        ),
    ),
}


def test_a_chapter_is_set_between_its_marks_and_nothing_else_is_touched() -> None:
    text = "before\n<!-- measured: select-only -->\nold\n<!-- end -->\nafter\n"
    found = rendered(text, _FIGURES)
    assert found.startswith("before\n<!-- measured: select-only -->\n*2026-11-25 21:00 UTC · load average before 0.1")
    assert "| select-only, simple, 1 client | direct | 1,000 |" in found
    assert found.endswith("\n<!-- end -->\nafter\n")
    assert "old" not in found
    assert rendered(found, _FIGURES) == found


def test_what_is_not_measured_is_said() -> None:
    assert "Not measured yet." in rendered("<!-- measured: tls -->\n<!-- end -->", _FIGURES)


def test_a_mark_of_no_chapter_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="'tsl' is no chapter"):
        rendered("<!-- measured: tsl -->\n<!-- end -->", _FIGURES)


def test_figures_of_another_form_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "performance.json").write_text('{"select-only": {"machine": 1}}')
    with pytest.raises(BenchmarkError, match=r"performance\.json.*remove it and measure"):
        read_figures(tmp_path)


def test_pictures_change_only_with_what_they_show(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("<!-- measured: growth -->\n<!-- end -->\n")
    names = ("performance-load.svg", "performance-growth.svg")
    render(tmp_path, _FIGURES)
    first = [(tmp_path / name).read_bytes() for name in names]
    render(tmp_path, _FIGURES)
    assert [(tmp_path / name).read_bytes() for name in names] == first
    assert b"result: 1.00" in first[1]
    assert b"pgbouncer" in first[0]


def test_the_document_has_every_chapter_once_and_shows_the_kept_figures() -> None:
    text = (_ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- measured: ([\w-]+) -->", text) == ["machine", *CHAPTERS]
    assert rendered(text, read_figures(_ROOT / "docs")) == text  # else: python -m benchmarks.wire.document --render


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_options_that_there_are(chapter: str) -> None:
    assert parse(CHAPTERS[chapter].split()).measure


def test_it_renders_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("<!-- measured: machine -->\n<!-- end -->\n")
    command = [sys.executable, "-m", "benchmarks.wire.document", "--render", "--docs", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "performance.md").read_text() == "<!-- measured: machine -->\nNot measured yet.\n<!-- end -->\n"


def test_an_option_that_there_is_none_of_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.wire.document", "--fast", "--docs", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "unrecognized arguments: --fast" in done.stderr
