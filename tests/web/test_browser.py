"""The first Monday of the month in a real browser, from signing in to the signed protocol."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

from pypdf import PdfReader
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from readonly_guard.audit import KeyRing
from readonly_guard.review import CONCLUDED, Actor, Step

from .conftest import PASSWORD, UNIT


def _sign_in(browser, port, user):
    browser.get(f"http://127.0.0.1:{port}/")
    browser.find_element(By.ID, "user").send_keys(user, Keys.TAB, PASSWORD)
    _leave(browser, lambda: browser.switch_to.active_element.send_keys(Keys.ENTER))
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("God dag")


def _leave(browser, act):
    """Do what loads another page, and wait until that is there: what is found before may be of the old one."""
    browser.execute_script("document.documentElement.dataset.old = 1")
    act()
    browser.find_element(By.CSS_SELECTOR, "html:not([data-old]) body > footer")


def _picture(browser, name):
    """Kept for whoever wants to look: set REVIEW_SCREENSHOTS to a directory."""
    if folder := os.environ.get("REVIEW_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def _press(browser, value):
    _leave(browser, browser.find_element(By.CSS_SELECTOR, f'.assess button[value="{value}"]').click)
    return browser.find_element(By.CSS_SELECTOR, ".notice").text


def test_from_signing_in_to_the_signed_protocol(browser, port, desk):
    home = f"http://127.0.0.1:{port}"
    browser.get(home)
    _picture(browser, "1-sign-in")
    _sign_in(browser, port, "enyman")
    _picture(browser, "2-inbox")
    _leave(browser, browser.find_element(By.CSS_SELECTOR, "a.button.primary").click)
    _picture(browser, "3-list")

    # the filter, by keyboard, through htmx: the rows change and the page is not loaded anew
    browser.execute_script("window.isSame = true")
    before = len(browser.find_elements(By.CSS_SELECTOR, "tbody tr"))
    Select(browser.find_element(By.NAME, "ground")).select_by_value("sample")
    WebDriverWait(browser, 20).until(lambda b: 0 < len(b.find_elements(By.CSS_SELECTOR, "tbody tr")) < before)
    assert browser.execute_script("return window.isSame") is True
    assert "ground=sample" in browser.current_url
    browser.find_element(By.CSS_SELECTOR, "button[data-check]").send_keys(Keys.ENTER)
    count = len(browser.find_elements(By.CSS_SELECTOR, "tbody input:checked"))
    assert count == len(browser.find_elements(By.CSS_SELECTOR, "tbody input")) > 1
    _leave(browser, browser.find_element(By.CSS_SELECTOR, ".bar button.primary").click)
    assert browser.find_element(By.CSS_SELECTOR, ".notice").text == f"{count} händelser bedömda utan anmärkning."

    # one event, the long way
    cases = [c for c in desk.ledger.history().of("2026-10", UNIT) if c.state not in CONCLUDED]
    flagged = next(case.event for case in cases if case.reviewer == "enyman" and "F03" in case.flags)
    browser.get(f"{home}/event/{flagged}")
    assert "Patienten arbetar på enheten: behövdes uppgifterna i vården?" in browser.page_source
    _picture(browser, "4-event")
    browser.find_element(By.ID, "comment").send_keys("Varför öppnades journalen? <script>window.bad = 1</script>")
    _press(browser, "ask")
    browser.find_element(By.ID, "comment").send_keys("Inget svar")
    _press(browser, "remark")
    browser.find_element(By.ID, "reference").send_keys("MC-2026-117")
    _press(browser, "escalate")
    _picture(browser, "5-escalated")
    assert browser.execute_script("return window.bad") is None

    browser.get(f"{home}/protocol/2026-10/{UNIT}")
    assert "kan undertecknas när alla händelser är bedömda" in browser.page_source
    assert not browser.find_elements(By.CSS_SELECTOR, "main form")
    for case in cases:  # the rest as the command line would; the page is one way of several
        if case.event != flagged:
            desk.take_step(Actor(user=case.reviewer, via="test"), Step.CLEAR, [case.event])
    browser.refresh()
    _picture(browser, "6-to-sign")
    _leave(browser, browser.find_element(By.CSS_SELECTOR, "main form button.primary").click)
    assert browser.find_element(By.CSS_SELECTOR, ".right").text == "Underskriften är riktig"
    assert "MC-2026-117" in browser.page_source
    _picture(browser, "7-protocol")
    signed = desk.ledger.history().protocols["2026-10", UNIT]
    assert (signed.actor, signed.via) == ("enyman", "web")
    assert KeyRing.beside(desk.ledger.path).objection(signed) is None
    pdf = browser.execute_async_script(_FETCH, browser.find_element(By.PARTIAL_LINK_TEXT, "PDF").get_attribute("href"))
    said = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(base64.b64decode(pdf))).pages)
    assert signed.key_id in said
    assert "MC-2026-117" in said
    assert browser.get_log("browser") == []  # no script error, nothing refused by the content security policy


def test_a_tampered_log_is_said_and_cannot_be_signed(browser, port, desk):
    segment = min((desk.directory / "journal").glob("journal-*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b'"TREAT"', b'"XREAT"', 1))
    _sign_in(browser, port, "enyman")
    browser.get(f"http://127.0.0.1:{port}/protocol/2026-10/{UNIT}")
    alert = browser.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert "Loggens kedja är bruten" in alert
    assert segment.name in alert
    assert not browser.find_elements(By.CSS_SELECTOR, "main form")
    _picture(browser, "8-broken")


def test_in_english_and_by_keyboard_every_field_has_a_name(browser, port):
    _sign_in(browser, port, "dekman")
    _leave(browser, browser.find_element(By.CSS_SELECTOR, "button[name=language]").click)
    assert browser.find_element(By.CSS_SELECTOR, "html[lang=en] h1").text.startswith("Good day")
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("class") == "skip"
    browser.get(f"http://127.0.0.1:{port}/list")
    nameless = browser.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        ".filter(e => !(e.labels.length || e.getAttribute('aria-label'))).length"
    )
    assert nameless == 0


_FETCH = """
const done = arguments[arguments.length - 1];
fetch(arguments[0]).then((answer) => answer.blob()).then((blob) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result.split(",")[1]);
  reader.readAsDataURL(blob);
});
"""
