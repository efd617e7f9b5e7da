"""The log review over a large log: make it, import it, select, and open every page. Prints what each took.

    python benchmarks/review.py 5000000 /var/tmp/review

Decisions are copies of those of a real guard (`readonly_guard_cli.demo.activity`), with times, people and patients of
their own, in a real journal with a real chain, so that import and selection do what they do in earnest.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from readonly_guard.audit import SigningKey, read
from readonly_guard.audit.custody import opened_patiently
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard.moments import rfc3339
from readonly_guard.review import Actor, Desk, Period, Step, Store, figures_of
from readonly_guard_cli.demo.activity import write_review

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


def open_pages(directory: Path) -> None:
    """Every page, as a browser asks for it; needs httpx."""
    from starlette.testclient import TestClient  # noqa: PLC0415  needs httpx, which only this needs

    from readonly_guard_web import Accounts, make_app  # noqa: PLC0415

    Accounts(directory).put("dekman", "korrekt häst batteri")
    with told("start the page"):
        desk = Desk.open(directory)
        client = TestClient(make_app(desk, is_secure=False), follow_redirects=True)
    client.post("/sign-in", data={"user": "dekman", "password": "korrekt häst batteri"})
    event = next(iter(desk.ledger.history().cases))
    pages = (
        *("/", "/", "/list?period=2026-10", "/list?period=2026-10&unit=Enhet+07&flag=F06", f"/event/{event}"),
        *("/management", "/management.pdf", "/routine", "/late", "/protocol/2026-10/Enhet%2007"),
        "/list.csv?period=2026-10&unit=Enhet+07",
    )  # fmt: skip
    for page in pages:
        with told(f"GET {page}"):
            answer = client.get(page)
        assert answer.status_code == 200, (page, answer.status_code, answer.text[:300])


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
    open_pages(directory)
    print(json.dumps({"ledger_bytes": sum(f.stat().st_size for f in desk.ledger.path.iterdir())}))


if __name__ == "__main__":
    main()
