"""WCAG 2.2 AA, page by page, as axe-core judges it in a real browser: in both languages, light and dark, wide and narrow.

What no program can judge (whether a text is understood, whether the order makes sense) is not in here.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from readonly_guard.review import Actor, Period, Step, look_for_late_writes
from readonly_guard.review.plan import LateWritesPlan

from .conftest import PASSWORD, UNIT

_AXE = Path(__file__).parents[2] / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`)),
  (error) => done([String(error)]));
"""


@pytest.fixture
def axe(request, browser):
    if not _AXE.exists():
        why = "no axe-core: make axe"
        if request.config.getoption("--require-chromium"):
            pytest.fail(why)
        pytest.skip(why)

    def violations() -> list[str]:
        browser.execute_script(_AXE.read_text(encoding="utf-8"))
        return browser.execute_async_script(_RUN, _TAGS)

    return violations


@pytest.fixture
def busy(desk, millennium):
    """Something on every page: a protocol that is signed, late writes that were found, a case under way."""
    desk.plan = msgspec.structs.replace(desk.plan, late_writes=LateWritesPlan(dsn=millennium.admin_dsn))
    look_for_late_writes(desk, Actor(user="dekman", via="test"))
    for case in desk.ledger.history().of("2026-10", "Akutmottagning"):
        desk.take_step(Actor(user=case.reviewer, via="test"), Step.CLEAR, [case.event])
    desk.sign(Actor(user="yhaddad", via="test"), Period.parse("2026-10"), "Akutmottagning")
    flagged = next(
        case.event
        for case in desk.ledger.history().of("2026-10", UNIT)
        if "F03" in case.flags and case.reviewer == "enyman"
    )
    desk.take_step(Actor(user="enyman", via="test"), Step.ASK, [flagged], comment="Varför?")
    return flagged


def _sign_in(browser, port: int, user: str = "dekman") -> str:
    home = f"http://127.0.0.1:{port}"
    browser.get(f"{home}/sign-in")
    browser.find_element(By.ID, "user").send_keys(user)
    browser.find_element(By.ID, "password").send_keys(PASSWORD, Keys.ENTER)
    browser.find_element(By.CSS_SELECTOR, "nav a[aria-current=page]")
    return home


@pytest.mark.parametrize(
    ("language", "scheme", "width"), [("sv", "light", 1280), ("en", "dark", 1280), ("sv", "dark", 390)]
)
def test_no_page_violates_what_axe_can_judge(browser, port, axe, busy, language, scheme, width):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(f"http://127.0.0.1:{port}/sign-in?language={language}")
    assert axe() == []
    home = _sign_in(browser, port)
    if language == "en":
        browser.find_element(By.CSS_SELECTOR, "button[name=language]").click()
        browser.find_element(By.CSS_SELECTOR, "html[lang=en] nav a[aria-current=page]")
    found = {}
    for path in (
        "/", "/list", f"/event/{busy}", "/management", "/late", "/routine", "/extract", "/log", "/protocol/2026-10/Akutmottagning",
        f"/protocol/2026-10/{UNIT}", "/event/nowhere",
    ):  # fmt: skip
        browser.get(f"{home}{path}")
        if violations := axe():
            found[path] = violations
        scrolls = browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
        assert not scrolls, path  # WCAG 1.4.10: nothing scrolls in two directions but tables
    assert found == {}


def test_the_month_by_keyboard_alone(browser, port, desk):
    """From sign-in to a cleared sample and an answered question without a pointer; the focus is always to be seen."""
    home = _sign_in(browser, port, "enyman")  # typed, and sent with Enter
    _tab_to(browser, "Granska")
    _press(browser, Keys.ENTER)
    _tab_to(browser, "Markera slumpurvalet")
    _press(browser, Keys.SPACE)
    _tab_to(browser, "Utan anmärkning")
    _press(browser, Keys.ENTER)
    assert "bedömda utan anmärkning" in browser.find_element(By.CSS_SELECTOR, ".notice").text
    mine = next(
        case.event
        for case in desk.ledger.history().of("2026-10", UNIT)
        if case.reviewer == "enyman" and case.ground != "sample"
    )
    browser.get(f"{home}/event/{mine}")
    _tab_to(browser, "", tag="textarea")
    browser.switch_to.active_element.send_keys("Varför öppnades journalen?")
    _tab_to(browser, "Begär förklaring")
    _press(browser, Keys.ENTER)
    assert "Bedömningen är sparad." in browser.find_element(By.CSS_SELECTOR, ".notice").text
    assert desk.ledger.history().cases[mine].comment == "Varför öppnades journalen?"
    following = browser.switch_to.active_element  # Enter goes on, without a way through the page
    assert "Nästa som väntar på dig" in following.text
    _press(browser, Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, ".assess form")
    assert mine not in browser.current_url


def _press(browser, key: str) -> None:
    browser.switch_to.active_element.send_keys(key)


def _tab_to(browser, text: str, tag: str = "") -> None:
    for _ in range(400):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        outline = browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", active)
        assert outline != "none" or active.tag_name == "body", active.get_attribute("outerHTML")[:200]
        if (tag and active.tag_name == tag) or (not tag and text in active.text):
            return
    raise AssertionError(text)
