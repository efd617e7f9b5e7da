"""A journal to carry, and plugins loaded as a guard.toml names them."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from readonly_guard.audit import Feed, Journal, SigningKey, read_all
from readonly_guard.domain import CompletionRecord, DecisionRecord
from readonly_guard.hooks import Hooks


def decision(number: int, **changes: object) -> DecisionRecord:
    values = {
        "decision_id": f"00000000-0000-4000-8000-{number:012d}", "time": f"2026-0{number % 3 + 1}-01T08:15:00.000001Z",
        "session_id": "s-1", "subject": "åsa.öberg", "hsa_id": "SE2321000016-1ABC", "care_unit": "SE2321000016-9XYZ",
        "purpose": "TREAT", "case_reference": "", "print_reason": "", "justification": "", "action": "read",
        "activity": "Läsa", "phase": "query", "kinds": ("select",), "relations": ("person",), "functions": (),
        "patients": (f"person_id:{number}",), "statement": "SELECT name FROM person WHERE person_id = ?",
        "fingerprint": "0123456789abcdef", "verdict": "allow", "codes": (), "warnings": (), "obligations": (),
        "policy_revision": "r1", "routine": "RUT-1", "database": "journal", "client_address": "127.0.0.1:5",
        "application_name": "psql", "listener": "default",
    }  # fmt: skip
    return DecisionRecord(**{**values, **changes})


def completion(number: int) -> CompletionRecord:
    return CompletionRecord(
        decision_id=f"00000000-0000-4000-8000-{number:012d}",
        time="2026-03-01T08:15:01.000001Z",
        rows=7,
        bytes=512,
        duration_us=1500,
        sqlstate="",
    )


@pytest.fixture(scope="session")
def missing(pytestconfig: pytest.Config) -> Callable[[str], NoReturn]:
    """What to call when a sink's server is not on this machine: a skip, or with ``--require-sinks`` a failure."""
    return pytest.fail if pytestconfig.getoption("--require-sinks") else pytest.skip


class Log:
    """A journal that is written to."""

    def __init__(self, path: Path, key: SigningKey) -> None:
        self.path = path
        self._key = key
        self._count = 0

    def write(self, count: int, *, chain: str = "", **changes: object) -> None:
        with Journal.open(self.path / chain, segment_bytes=20_000, signing_key=self._key) as journal:
            for _ in range(count):
                self._count += 1
                journal.append(decision(self._count, **changes))
                journal.append(completion(self._count))
                journal.commit()

    @property
    def heads(self) -> list[tuple[str, int, str]]:
        """Every record, by chain, number and hash."""
        return sorted((entry.chain, entry.seq, entry.hash) for entry in read_all(self.path))


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "journal", SigningKey.generate(tmp_path / "signing.key"))


@pytest.fixture
def feed(log: Log, tmp_path: Path):
    """A feed from the journal to a plugin, named and set up as guard.toml does it."""

    def make(name: str, **section: object) -> Feed:
        hooks = Hooks()
        hooks.load([name], {name: section}, tmp_path)
        ((found, sink),) = hooks.sinks()
        return Feed(log.path, found, sink)

    return make
