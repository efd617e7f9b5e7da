"""The page on a port of its own, over a month of real activity; and a real browser."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from readonly_guard.review import Actor, Desk, Period
from readonly_guard_cli.demo.activity import write_review
from readonly_guard_web import Accounts, make_app

UNIT = "Medicinavdelning 1"
PASSWORD = "korrekt häst batteri"
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def selected(tmp_path_factory) -> Path:
    path = write_review(tmp_path_factory.mktemp("written") / "review", year=2026, month=10, readings=60)
    desk = Desk.open(path, clock=lambda: NOW)
    desk.log.bring_in()
    for unit, manager in ((UNIT, "enyman"), ("Akutmottagning", "yhaddad")):
        desk.select(Actor(user=manager, via="test"), Period.parse("2026-10"), unit)
    for user in ("enyman", "dekman", "yhaddad"):
        Accounts(path).put(user, PASSWORD)
    return path


@pytest.fixture
def directory(selected, tmp_path) -> Path:
    return Path(shutil.copytree(selected, tmp_path / "review"))


@pytest.fixture
def desk(directory) -> Desk:
    return Desk.open(directory, clock=lambda: NOW)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


class Visitor:
    """A client with a cookie, as a browser or an attacker is one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    def call(self, method: str, path: str, form: dict[str, object] | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"cookie": self.cookie, **headers}
        body = None if form is None else urlencode(form, doseq=True)
        if body is not None:
            sent["content-type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        found = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        if "set-cookie" in found:
            self.cookie = found["set-cookie"].partition(";")[0]
        return Answer(answer.status, found, text)

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def raw(self, path: str) -> bytes:
        """What is no text."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path, headers={"cookie": self.cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read()

    def post(self, path: str, shown: Answer, **form: object) -> Answer:
        """Send a form of a page that was shown."""
        return self.call("POST", path, {"form": token(shown), **form})

    def sign_in(self, user: str, password: str = PASSWORD) -> Answer:
        return self.call("POST", "/sign-in", {"user": user, "password": password})


def token(shown: Answer) -> str:
    """The token of the page's last form."""
    return re.findall(r'name="form" value="([^"]+)"', shown.text)[-1]


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def port(desk, clock) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(desk, is_secure=False, clock=lambda: clock[0])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def visitor(port) -> Visitor:
    return Visitor(port)


@pytest.fixture
def manager(port) -> Visitor:
    made = Visitor(port)
    assert made.sign_in("enyman").status == 303
    return made


@pytest.fixture
def officer(port) -> Visitor:
    """The superior of both units, who looks after the log."""
    made = Visitor(port)
    assert made.sign_in("dekman").status == 303
    return made


@pytest.fixture
def browser(request) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        why = "no Chromium: apt-get install chromium chromium-driver"
        if request.config.getoption("--require-chromium"):
            pytest.fail(why)
        pytest.skip(why)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"),
        *("disable-component-update", "disable-sync", "window-size=1280,1000"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        opened = webdriver.Chrome(options=options, service=Service(driver))
        opened.implicitly_wait(10)
        yield opened
        opened.quit()
