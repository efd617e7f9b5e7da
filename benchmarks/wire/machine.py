"""On what it was measured: the machine and the versions of what took part."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.wire.database import Database
from benchmarks.wire.pgbouncer import pgbouncer_version
from readonly_guard_proxy.session import machine

__all__ = ["describe"]


def describe(server: Database) -> dict[str, str]:
    """Names and values, in the order in which a report shows them."""
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "load before": " ".join(f"{one:.1f}" for one in os.getloadavg()),
        "kernel": platform.release(),
        "Python": f"{platform.python_version()} ({_origin()}), uvloop {version('uvloop')}",
        "PostgreSQL": server.version,
        "PgBouncer": pgbouncer_version(),
        "readonly-guard": f"{version('readonly-guard')}{_commit()}, hot path {_form()}",
    }


def _commit() -> str:
    """The commit that is measured, where this is a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" at {done.stdout.strip()}"


def _origin() -> str:
    """Whose Python it is: a distribution's is optimised, one that was built without being told to is not."""
    return "the distribution's" if sys.base_prefix == "/usr" else "not the distribution's"


def _form() -> str:
    """Of the modules that `make compiled` compiles."""
    return "compiled" if Path(machine.__file__ or "").suffix == ".so" else "interpreted"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
