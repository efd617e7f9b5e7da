"""What the log costs where a precedent is repeated: found, recorded, told when durable, ended; no session, no sockets.

    python benchmarks/repeated.py [--rounds 100] [--transactions 2000] [--durability buffered]

A transaction is two records, its decision's and its completion's, as `Guard.find_precedent`, `Guard.repeat` and
`Guard.ended` make them; so many transactions share one commit. Everything is real: readings, policies, plugins, event
loop, journal. Shown is the best of several rounds: the guard's own processor time, and the kernel's for the commit.
What a turn of the loop with nothing in it takes is shown, and left in.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from readonly_guard import Guard
from readonly_guard.asker import Asker
from readonly_guard.domain import Declared, Session, StatementRequest, Subject
from readonly_guard_cli.demo import write_policy_data

TEXTS = {
    "no patient": "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
    "one patient": "SELECT given_name FROM person WHERE person_id = $1",
}
TOGETHER = (1, 2, 8, 32)


class Bound:
    """The values of a Bind with one parameter."""

    def __init__(self, value: str) -> None:
        self.values = (value,)

    def texts(self, number: int, *, is_array: bool) -> tuple[str, ...] | None:
        """The one value."""
        return None if is_array or number != 1 else self.values

    def type_name(self, number: int) -> str | None:
        """A whole number."""
        return "int4" if number == 1 else None


async def _turns(count: int) -> None:
    """So many turns of the loop with nothing in them."""
    loop, done, left = asyncio.get_running_loop(), asyncio.Event(), iter(range(count))

    def turn() -> None:
        if next(left, None) is None:
            done.set()
        else:
            loop.call_soon(turn)

    turn()
    await done.wait()


async def _set_precedent(guard: Guard, request: StatementRequest) -> None:
    told = asyncio.get_running_loop().create_future()
    if not (await guard.decide(request)).allowed or not guard.decide_soon(request, told.set_result):
        raise SystemExit("the text is not allowed at once")
    await told


async def _transactions(guard: Guard, asker: Asker, text: str, rounds: Iterator[int], together: int) -> None:
    """For each round so many transactions, which share a commit; the next round begins when that is told."""
    done, bound = asyncio.Event(), Bound("900001")
    waiting, failures = 0, 0
    decided: list[str] = []

    def told(failure: Exception | None) -> None:
        nonlocal waiting, failures
        waiting -= 1
        failures += failure is not None
        if not waiting:
            for decision_id in decided:
                guard.ended(decision_id, 1, 70, 120, "")
            decided.clear()
            begin()

    def begin() -> None:
        nonlocal waiting
        if next(rounds, None) is None:
            done.set()
            return
        waiting = together
        for _ in range(together):
            found = guard.find_precedent(asker, "execute", text, bound)
            if found is None:
                raise SystemExit("there is no precedent")
            decided.append(guard.repeat(found, told))

    begin()
    await done.wait()
    if failures:
        raise SystemExit(f"{failures} decisions were not recorded")


def _best(rounds: int, measured: Callable[[], object], transactions: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        measured()
        best = min(best, time.process_time() - began)
    return best / transactions * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--transactions", type=int, default=2_000, help="of a round")
    parser.add_argument("--durability", choices=("fsync", "buffered"), default="buffered")
    options = parser.parse_args()
    subject, declared = Subject(id="alind"), Declared(purpose="TREAT")
    session = Session(session_id="s", database="millennium", role="alind", client_address="10.0.0.1:5")
    asker = Asker(subject, declared, declared, session)
    loops = importlib.import_module("uvloop")
    with tempfile.TemporaryDirectory() as home, asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        roster = Path(home) / "roster.json"
        write_policy_data(roster)
        with Guard.open(journal=Path(home) / "journal", data=[roster], durability=options.durability) as guard:
            turn = _best(options.rounds, lambda: runner.run(_turns(options.transactions)), options.transactions)
            print(f"{'a turn':14}{turn:8.1f} µs")
            print(f"{'µs, together':14}" + "".join(f"{together:>8}" for together in TOGETHER))
            for name, text in TEXTS.items():
                request = StatementRequest(
                    text=text, subject=subject, declared=declared, initial=declared, session=session,
                    phase="execute", parameters=Bound("900001"),
                )  # fmt: skip
                runner.run(_set_precedent(guard, request))
                costs = [
                    _best(
                        options.rounds,
                        lambda together=together, text=text: runner.run(  # type: ignore[misc]
                            _transactions(guard, asker, text, iter(range(options.transactions // together)), together)
                        ),
                        options.transactions,
                    )
                    for together in TOGETHER
                ]
                print(f"{name:14}" + "".join(f"{cost:8.1f}" for cost in costs))


if __name__ == "__main__":
    main()
