"""What the whole suite shares: a real PostgreSQL and the synthetic Millennium in it, started when first asked for."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from .authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from readonly_guard_cli.demo import DemoDatabase, EmbeddedServer

pytest_plugins = ["build_form", "driver_matrix"]

_ROOT = Path(__file__).parents[1]
_copies = itertools.count(1)

# how fast a property is tried says how busy the machine is
settings.register_profile("no clock", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What is missing fails the tests that need it instead of skipping them."""
    parser.addoption("--require-opa", action="store_true", help="fail, rather than skip, when there is no OPA binary")
    parser.addoption("--require-drivers", action="store_true", help="fail, rather than skip, when a driver is missing")
    parser.addoption(
        "--require-tls-server", action="store_true", help="fail, rather than skip, without a server with TLS"
    )
    parser.addoption(
        "--require-sinks",
        action="store_true",
        help="fail, rather than skip, without a server that a sink of the log needs",
    )
    parser.addoption("--compiled-wheel", action="store_true", help="build the wheel with the hot path compiled, too")
    parser.addoption("--require-faketime", action="store_true", help="fail, rather than skip, without libfaketime")
    parser.addoption("--require-chromium", action="store_true", help="fail, rather than skip, without a browser")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority of the test's own."""
    folder = tmp_path / "tls"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A running server for the whole session; make databases of your own on it freely."""
    from readonly_guard_cli.demo import EmbeddedServer  # noqa: PLC0415  only tests with a server need the demo extra

    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="session")
def millennium(postgres: EmbeddedServer) -> DemoDatabase:
    """The loaded database, shared by the session: leave no write in it."""
    from readonly_guard_cli.demo import install  # noqa: PLC0415  as above

    return install(postgres)


@pytest.fixture
def writable_millennium(postgres: EmbeddedServer) -> DemoDatabase:
    """A loaded database of the test's own, to write in; it costs about half a second."""
    from readonly_guard_cli.demo import install  # noqa: PLC0415  as above

    return install(postgres, f"millennium_{next(_copies)}")


@pytest.fixture(scope="session")
def opa_binary(request: pytest.FixtureRequest) -> str:
    """The real OPA."""
    found = os.environ.get("OPA_BINARY") or shutil.which("opa", path=f"{os.environ['PATH']}:{_ROOT / '.tools'}")
    if not found:
        advice = "no OPA: `go install github.com/open-policy-agent/opa@v1.22.2`, or set OPA_BINARY"
        (pytest.fail if request.config.getoption("--require-opa", default=False) else pytest.skip)(advice)
    return found
