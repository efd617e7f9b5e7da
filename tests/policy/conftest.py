"""What the policy tests share: where the policies are, the table of cases, and a real OPA where there is one."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from loopback import free_port

from readonly_guard.domain import AccessRequest
from readonly_guard.policy import EmbeddedEngine, embedded

ROOT = Path(__file__).resolve().parents[2]
CASES = json.loads((ROOT / "policies" / "cases" / "cases.json").read_text(encoding="utf-8"))


def _merged(base: Any, changes: Any) -> Any:
    if isinstance(base, dict) and isinstance(changes, dict):
        return {key: _merged(base.get(key), changes[key]) if key in changes else base[key] for key in base | changes}
    return changes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES["cases"], ids=lambda case: case["name"])


@pytest.fixture(scope="session")
def policies_dir() -> Path:
    return ROOT / "policies"


@pytest.fixture(scope="session")
def people() -> dict[str, Any]:
    return CASES["data"]


@pytest.fixture(scope="session")
def request_of() -> Callable[..., AccessRequest]:
    """An access request: the table's own input with changes merged in."""

    def make(**changes: Any) -> AccessRequest:
        return msgspec.convert(_merged(CASES["input"], changes), AccessRequest)

    return make


@pytest.fixture
def overlay(tmp_path: Path) -> Callable[..., str]:
    """A JSON file with data documents."""

    def write(**documents: Any) -> str:
        path = tmp_path / f"overlay-{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(documents), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def policy_dir(tmp_path: Path) -> Callable[..., str]:
    """A directory of one's own policies: paths and texts."""

    def write(**files: str) -> str:
        root = tmp_path / "own"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return str(root)

    return write


def counting(engine: EmbeddedEngine) -> Counter[str]:
    """How often an engine that has answered evaluates each of its stages in this thread, from now on."""
    asks, counts = embedded._own.of(engine), Counter[str]()
    assert asks is not None

    def counted(rule: str) -> Callable[[str], Any]:
        def count(question: str) -> Any:
            counts[rule] += 1
            return asks[rule](question)

        return count

    embedded._own.keep(engine, {rule: counted(rule) for rule in asks})
    return counts


class Opa:
    """A running OPA server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="session")
def start_opa(opa_binary: str) -> Iterator[Callable[..., Opa]]:
    """Starts OPA servers with the given arguments; they end with the session."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> Opa:
        opa = Opa(free_port())
        process = subprocess.Popen(
            [opa_binary, "run", "--server", "--addr", f"127.0.0.1:{opa.port}", "--log-level", "error", *arguments],
            stdin=subprocess.DEVNULL,
        )
        processes.append(process)
        deadline = time.monotonic() + 20
        while True:
            try:
                if opa.call("GET", "/health?bundles") == 200:
                    return opa
            except OSError:
                pass
            assert process.poll() is None, "OPA ended"
            assert time.monotonic() < deadline, "OPA did not start"
            time.sleep(0.05)

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)
