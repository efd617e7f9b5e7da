"""Follow-up: what is answered, overdue, and never selected; charts that show it without a script."""

from __future__ import annotations

import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from readonly_guard.review import (
    Actor,
    Desk,
    Period,
    Step,
    figures_of,
    management_csv,
    management_html,
    page_values,
)
from readonly_guard.review.charts import columns, lines

from .conftest import MANAGER, MONTH, SUPERIOR, UNIT, open_event

_OTHERS = Actor(user="yhaddad", via="test")


def _cell(desk, actor=MANAGER):
    return figures_of(desk, actor, desk.now()).cells[str(MONTH), UNIT]


def test_a_month_goes_from_open_over_ready_to_signed(nearly):
    cell = _cell(nearly)
    assert (cell.status, cell.selected - cell.answered, cell.overdue) == ("open", 1, 0)
    assert 0 < cell.share < 100
    nearly.take_step(MANAGER, Step.CLEAR, [open_event(nearly)])
    assert (_cell(nearly).status, _cell(nearly).share) == ("ready", 100)
    nearly.sign(MANAGER, MONTH, UNIT)
    cell = _cell(nearly)
    assert (cell.status, cell.signed_by, cell.days) == ("signed", "Eva Nyman", 0)


def test_what_is_old_is_overdue_and_counted(desk, clock):
    clock[0] += timedelta(days=30)
    cell = _cell(desk)
    assert (cell.status, cell.overdue, cell.answered) == ("overdue", cell.selected, 0)
    report = figures_of(desk, MANAGER, desk.now())
    assert report.overdue == cell.selected
    assert report.periods == ("2026-10", "2026-11")  # and not December, which is not over yet


def test_a_unit_with_events_that_nobody_selected_is_missing(desk):
    assert (str(MONTH), "Akutmottagning") not in figures_of(desk, MANAGER, desk.now()).cells
    report = figures_of(desk, _OTHERS, desk.now())
    assert (report.cells[str(MONTH), "Akutmottagning"].status, report.missing, report.months[-1].share) == (
        "missing", 1, 0,
    )  # fmt: skip


def test_managers_get_their_own_units_and_officers_all(desk):
    assert figures_of(desk, MANAGER, desk.now()).units == (UNIT,)
    assert figures_of(desk, SUPERIOR, desk.now()).units == ("Akutmottagning", UNIT)
    stranger = figures_of(desk, Actor(user="alind", via="test"), desk.now())
    assert (stranger.units, stranger.cells, stranger.periods) == ((), {}, ())
    assert "det finns inget att följa upp" in management_html(stranger, "sv")


def test_grounds_and_flags_are_those_of_the_selection(desk):
    selection = desk.ledger.history().selections[str(MONTH), UNIT]
    month = figures_of(desk, MANAGER, desk.now()).months[-1]
    assert month.grounds["emergency"] == selection.grounds.count("emergency") > 0
    assert month.flags["F03"] == sum("F03" in flags for flags in selection.flags) > 0


def test_the_page_and_the_table_say_the_same_in_both_languages(desk):
    report = figures_of(desk, SUPERIOR, desk.now())
    cell = report.cells[str(MONTH), UNIT]
    for language, status in (("sv", "pågår"), ("en", "in progress")):
        html = management_html(report, language)
        assert status in html
        assert f"{cell.answered} {'av' if language == 'sv' else 'of'} {cell.selected}" in html
        assert html.count("<svg") == html.count("<figure") == 3
        assert len(re.findall(r"</svg>\s*<table", html)) == 3  # a table beside each chart
        assert "<script" not in html
        assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    rows = management_csv(report).decode("utf-8-sig").splitlines()
    assert f"{MONTH};{UNIT};pågår;{cell.population};{cell.selected};0;0 %;0;0;;;" in rows


@pytest.mark.parametrize("count", [1, 2, 12, 60])
def test_charts_of_any_number_of_months_are_well_formed_and_without_style(count):
    periods = [MONTH.earlier(back) for back in range(count - 1, -1, -1)]
    days = [date(period.year, period.month, 1) for period in periods]
    drawn = (
        columns([(str(period), n) for n, period in enumerate(periods)], label='Andel <i>&"', most=100),
        columns([(str(period), 0) for period in periods], label="x"),
        lines(days, {"a": range(count), "b": [0] * count, "c": [1] * count, "d": [2] * count}, label="x"),
    )
    for svg in drawn:
        root = ET.fromstring(str(svg))  # noqa: S314  ours
        assert root.get("role") == "img"
        assert "style" not in str(svg)
    assert ET.fromstring(str(drawn[0])).get("aria-label") == 'Andel <i>&"'  # noqa: S314


def test_months_go_back_over_the_year():
    assert Period(year=2026, month=2).earlier(3) == Period(year=2025, month=11)
    assert Period(year=2025, month=12).earlier(-1) == Period(year=2026, month=1)


def test_an_empty_month_draws_no_chart(directory):
    desk = Desk.open(directory)
    report = figures_of(desk, MANAGER, desk.now())  # nothing imported, nothing selected
    assert page_values(report, "sv") == {"report": report, "drawn": {}}
