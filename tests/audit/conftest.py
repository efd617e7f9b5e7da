"""Records, and real child processes to fill, kill and starve journals in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from readonly_guard.audit import SigningKey
from readonly_guard.domain import CompletionRecord, DecisionRecord

CHILDREN = Path(__file__).parent / "children"


class Disk:
    """A sync that counts, fails or is interrupted when told to, and moves a clock of its own by what it takes."""

    def __init__(self):
        self.calls = 0
        self.failures = []
        self.now_s = 0.0
        self.takes_s = 0.0

    def __call__(self, descriptor):
        self.calls += 1
        self.now_s += self.takes_s
        if self.failures:
            raise self.failures.pop(0)
        os.fdatasync(descriptor)


def segments(path):
    """The names of a journal's segments."""
    return sorted(item.name for item in path.glob("*.jsonl"))


@pytest.fixture
def decision() -> Callable[..., DecisionRecord]:
    """Makes decision records; the number tells one from the other."""

    def make(number: int = 1, **changes: object) -> DecisionRecord:
        values = {
            "decision_id": f"00000000-0000-4000-8000-{number:012d}",
            "time": "2026-03-01T08:15:00.000001Z",
            "session_id": "s-1",
            "subject": "åsa.öberg",
            "hsa_id": "SE2321000016-1ABC",
            "care_unit": "SE2321000016-9XYZ",
            "purpose": "TREAT",
            "case_reference": "",
            "print_reason": "",
            "justification": "",
            "action": "read",
            "activity": "Läsa",
            "phase": "query",
            "kinds": ("select",),
            "relations": ("person", "encounter"),
            "functions": (),
            "patients": (),
            "statement": "SELECT name FROM person WHERE person_id = $1",
            "fingerprint": "0123456789abcdef",
            "verdict": "allow",
            "codes": (),
            "warnings": (),
            "obligations": (),
            "policy_revision": "r1",
            "routine": "RUT-1",
            "database": "journal",
            "client_address": "127.0.0.1",
            "application_name": "psql",
            "listener": "library",
        }
        return DecisionRecord(**{**values, **changes})

    return make


@pytest.fixture
def completion() -> Callable[..., CompletionRecord]:
    """Makes completion records."""

    def make(number: int = 1, **changes: object) -> CompletionRecord:
        values = {
            "decision_id": f"d-{number}",
            "time": "2026-03-01T08:15:00.000001Z",
            "rows": 7,
            "bytes": 512,
            "duration_us": 1500,
            "sqlstate": "",
        }
        return CompletionRecord(**{**values, **changes})

    return make


@pytest.fixture
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.generate(tmp_path_factory.mktemp("key") / "signing.key")


@pytest.fixture
def disk() -> Disk:
    return Disk()


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a script of `children/` with arguments; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(CHILDREN / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def in_a_mount_namespace() -> Callable[..., str]:
    """Runs a script of `children/` where it may mount disks that nobody else sees; skips where that is not allowed."""
    command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs Linux mount namespaces (unshare --mount)")

    def run(script: str, *arguments: object) -> str:
        done = subprocess.run(
            [*command, sys.executable, str(CHILDREN / script), *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
