"""The log review over a large log: make it, import it, select, and open every page. Prints what each took.

    python benchmarks/review.py 5000000 /var/tmp/review

Decisions are copies of those of a real guard (`readonly_guard_cli.demo.activity`), with times, people and patients of
their own, in a real journal with a real chain, so that import and selection do what they do in earnest.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import resource
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import msgspec
import uvicorn

from readonly_guard.audit import SigningKey, read
from readonly_guard.audit.custody import opened_patiently
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard.moments import rfc3339
from readonly_guard.review import Actor, Desk, Period, State, Step, Store, figures_of
from readonly_guard_cli.demo.activity import write_review
from readonly_guard_web import Accounts, make_app

UNITS = 40
PEOPLE = 2_000
PATIENTS = 200_000
MONTHS = 12
OFFICER = Actor(user="dekman", via="benchmark")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long the block took, and the most memory that was held until then."""
    before = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:<58} {time.perf_counter() - before:>9.2f} s   peak {peak:>6,.0f} MiB", flush=True)


def write(directory: Path, count: int) -> None:
    """A journal of so many decisions over a year, and a plan that has every unit."""
    small = write_review(directory.with_name("small"), year=2026, month=10, readings=200)
    models = [e.record for e in read(small / "journal") if isinstance(e.record, DecisionRecord)]
    directory.mkdir()
    for name in ("roster.json", "facts.json", "signing.key"):
        shutil.copy(small / name, directory / name)
    units = [f"Enhet {number:02}" for number in range(UNITS)]
    plan = (small / "review.toml").read_text(encoding="utf-8")
    plan += "".join(f'\n[units."{unit}"]\nreviewer = "enyman"\nsuperior = "dekman"\n' for unit in units)
    (directory / "review.toml").write_text(plan, encoding="utf-8")
    chance = random.Random(1)
    key = SigningKey.generate(directory / "journal.key")
    first, step = datetime(2025, 11, 1, tzinfo=UTC), timedelta(days=365) / count
    with opened_patiently(directory / "journal", signing_key=key) as journal:
        for number in range(count):
            model = chance.choice(models)
            person = chance.randrange(PEOPLE)
            moment = rfc3339(first + step * number)
            name = f"{number:08x}-0000-4000-8000-{chance.getrandbits(48):012x}"
            changed = {
                "decision_id": name, "time": moment, "subject": f"user{person}", "care_unit": units[person % UNITS],
                "hsa_id": f"SE2321000016-P{person:012}", "session_id": f"user{person}-{number // 500}",
                "patients": tuple(f"person_id:{chance.randrange(PATIENTS)}" for _ in model.patients),
            }  # fmt: skip
            journal.append(msgspec.structs.replace(model, **changed))
            if model.verdict == "allow":
                journal.append(
                    CompletionRecord(decision_id=name, time=moment, rows=3, bytes=700, duration_us=900, sqlstate="")
                )
            if number % 1000 == 0:
                journal.commit()
        journal.commit()
    shutil.rmtree(small)


class Browser:
    """Asks a page as a browser does, over a socket; a cookie is all that it keeps."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def ask(self, method: str, path: str, **form: str) -> str:
        """The text of an answer that is no error; redirects are not followed."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)) as connection:
            headers = {"cookie": self._cookie, "content-type": "application/x-www-form-urlencoded"}
            connection.request(method, path, urlencode(form), headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            self._cookie = (answer.getheader("set-cookie") or self._cookie).partition(";")[0]
        assert answer.status in {200, 303}, (path, answer.status, text[:300])
        return text

    def send(self, path: str) -> None:
        """The last form of a page."""
        token = re.findall(r'name="form" value="([^"]+)"', self.ask("GET", path))[-1]
        self.ask("POST", path, form=token)


@contextmanager
def served(desk: Desk) -> Iterator[Browser]:
    """The page, and somebody who is signed in to it."""
    Accounts(desk.directory).put("dekman", "korrekt häst batteri")
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(desk, is_secure=False)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    browser = Browser(listening.getsockname()[1])
    browser.ask("POST", "/sign-in", user="dekman", password="korrekt häst batteri")  # noqa: S106  of a log that nobody has
    yield browser
    server.should_exit = True
    thread.join()


def open_pages(desk: Desk, browser: Browser) -> None:
    """Every page, as a browser asks for it."""
    event = next(iter(desk.ledger.history().cases))
    pages = (
        *("/", "/", "/list?period=2026-10", "/list?period=2026-10&unit=Enhet+07&flag=F06", f"/event/{event}"),
        *("/management", "/management.pdf", "/routine", "/late", "/protocol/2026-10/Enhet%2007"),
        "/list.csv?period=2026-10&unit=Enhet+07",
    )  # fmt: skip
    for page in pages:
        with told(f"GET {page}"):
            browser.ask("GET", page)


def sign(desk: Desk, browser: Browser) -> None:
    """A signature on the page: how long its request takes, its check, and every other page meanwhile."""
    open_ = [case.event for case in desk.ledger.history().of("2026-10", "Enhet 07") if case.ground != "sample"]
    asked = {case.event for case in desk.ledger.history().cases.values() if case.state is State.EXPLANATION_ASKED}
    desk.take_step(OFFICER, Step.ASK, [event for event in open_ if event not in asked], comment="Varför?")
    desk.take_step(OFFICER, Step.JUSTIFY, open_, comment="Behövdes")
    path = "/protocol/2026-10/Enhet%2007"
    with told("sign on the page: until the request is answered"):
        browser.send(path)
    begun, waits = time.perf_counter(), []
    while (str(Period.parse("2026-10")), "Enhet 07") not in desk.ledger.history().protocols:
        before = time.perf_counter()
        browser.ask("GET", "/")
        waits.append(time.perf_counter() - before)
        time.sleep(0.2)
    print(f"signed {time.perf_counter() - begun:.1f} s later; the inbox meanwhile, {len(waits)} times: "
          f"{median(waits):.2f} s in the middle, {max(waits):.2f} s at most")  # fmt: skip


def main() -> None:
    """Everything, one after the other."""
    count, directory = int(sys.argv[1]), Path(sys.argv[2])
    if not directory.exists():
        with told(f"write {count:,} decisions"):
            write(directory, count)
    desk = Desk.open(directory)
    size = sum(file.stat().st_size for file in (directory / "journal").iterdir())
    print(f"journal {size / 2**30:.2f} GiB", flush=True)
    with told("verify the log"):
        desk.log.verify()
    with told("import"):
        print(f"{desk.log.bring_in().decisions:,} decisions")
    with told("import again, nothing new"):
        desk.log.bring_in()
    print(f"store {desk.log.store_path.stat().st_size / 2**20:,.0f} MiB", flush=True)
    for unit in ("Enhet 07", "Enhet 08"):
        with told(f"select {unit}, one month"):
            made = desk.select(Actor(user="enyman", via="benchmark"), Period.parse("2026-10"), unit)
        print(f"{len(made.events):,} of {made.population:,}", flush=True)
    with told("select the other units of the month"):
        for unit in desk.plan.units:
            if unit not in {"Enhet 07", "Enhet 08", "Medicinavdelning 1", "Akutmottagning"}:
                desk.select(Actor(user="enyman", via="benchmark"), Period.parse("2026-10"), unit)
    cases = desk.ledger.history().of("2026-10", "Enhet 07")
    with told(f"clear {len(cases):,} events one month's sample"):
        desk.take_step(OFFICER, Step.CLEAR, [case.event for case in cases if case.ground == "sample"])
    with told("one step with one event"):
        desk.take_step(OFFICER, Step.ASK, [next(c.event for c in cases if c.ground != "sample")], comment="Varför?")
    with told("figures for management"):
        figures_of(desk, OFFICER, desk.now())
    with told("a patient's extract"), Store.open(desk.log.store_path) as store:
        print(f"{len(store.of_patient(['person_id:4711'], '2025-01-01', '2027-01-01')):,} events")
    with served(desk) as browser:
        open_pages(desk, browser)
        sign(desk, browser)
    print(json.dumps({"ledger_bytes": sum(f.stat().st_size for f in desk.ledger.path.iterdir())}))


if __name__ == "__main__":
    main()
