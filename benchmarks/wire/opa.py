"""OPA as a server of its own, with the policies and data that the embedded engine has."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.processes import LOOPBACK, free_port, running, wait_until

__all__ = ["opa"]

_ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def opa(folder: Path, roster: Path) -> Iterator[str]:
    """Start it; its address.

    Args:
        folder: an empty one.
        roster: an overlay of the shipped data, as `policy.data` takes it.

    Raises:
        BenchmarkError: there is no OPA here.
    """
    found = os.environ.get("OPA_BINARY") or shutil.which("opa", path=f"{os.environ['PATH']}:{_ROOT / '.tools'}")
    if not found:
        raise BenchmarkError("no OPA: `make .tools/opa` needs Go, or set OPA_BINARY")
    bundle = folder / "bundle"
    with resources.as_file(resources.files("readonly_guard_policies")) as shipped:
        ignored = shutil.ignore_patterns("__pycache__", "__init__.py", "schema", "cases", "*_test.rego")
        shutil.copytree(shipped, bundle, ignore=ignored)
    for key in json.loads(roster.read_text(encoding="utf-8")):
        shutil.rmtree(bundle / key)  # an overlay replaces whole documents
    shutil.copy(roster, bundle / "data.json")
    port, log = free_port(), folder / "opa.log"
    options = ["--log-level", "error", "--addr", f"{LOOPBACK}:{port}"]
    with running("OPA", [found, "run", "--server", *options, "--bundle", bundle], log) as process:
        wait_until("OPA", process, log, lambda: _is_ready(port))
        yield f"http://{LOOPBACK}:{port}"


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/health?bundles")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
