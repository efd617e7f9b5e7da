"""The guard as its operators run it: `readonly-guard proxy` with catalog, policies, roster and a signed journal.

The reader's password is checked by the database (SCRAM passed through). `aid`, by which pgbench's script selects,
stands for a patient's number unless it is told otherwise, so that every statement is bound to a patient whom the log
must name, as the statements of a record system are.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchmarks.wire.database import DATABASE, GUARD
from benchmarks.wire.opa import opa
from benchmarks.wire.processes import LOOPBACK, running, wait_until
from benchmarks.wire.routes import Route, Site
from readonly_guard.settings import ReadingSettings
from readonly_guard_cli.demo import write_policy_data

__all__ = ["DECLARED", "Durability", "Engine", "Ledger", "Patients", "Variant", "guard"]

DECLARED: Final = "-c readonly_guard.purpose=TREAT"
"""What the reader declares when connecting (libpq's PGOPTIONS)."""

Durability = Literal["fsync", "buffered"]
Engine = Literal["embedded", "opa"]
Patients = Literal["new", "none"]

_TOML: Final = """\
[listener]
host = "{address}"
port = 0
{tls}
[upstream]
host = "{upstream}"
port = {port}

[policy]
{policy}

[journal]
path = "journal"
durability = "{durability}"
signing_key = "signing.key"

[catalog]
dsn = "postgresql://{guard}@{address}:{port}/{database}?passfile={passfile}"

[reading]
search_path = ["public", "millennium"]
patient_keys = {patient_keys}
reference_tables = {reference_tables}
"""
_TLS: Final = 'tls = {{ certificate = "{certificate.chain}", key = "{certificate.key}" }}\n'
_LISTENING: Final = re.compile(r"^listening on [^ ]+:([0-9]+)$", re.MULTILINE)
_PROGRAM: Final = (sys.executable, "-P", "-m", "readonly_guard_cli")


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """How the guard is set up; the defaults are those of guard.toml."""

    durability: Durability = "fsync"
    engine: Engine = "embedded"
    workers: int = 1
    patients: Patients = "new"

    @property
    def name(self) -> str:
        """``guard``, and what differs from the default."""
        parts = [
            "guard",
            *([self.durability] if self.durability != "fsync" else []),
            *([self.engine] if self.engine != "embedded" else []),
            *([f"{self.workers} workers"] if self.workers != 1 else []),
        ]
        return ", ".join(parts)


@contextlib.contextmanager
def guard(folder: Path, variant: Variant, site: Site) -> Iterator[Route]:
    """Start it in a folder of its own.

    Args:
        folder: an empty one, on the disk whose speed the journal is to have.
        variant: how.
        site: between what.
    """
    server, certificate = site.server, site.certificate
    roster = write_policy_data(folder / "roster.json")
    passfile = folder / "pgpass"
    passfile.touch(0o600)
    passfile.write_text(f"*:*:*:{GUARD}:{server.password}\n", encoding="utf-8")
    subprocess.run([*_PROGRAM, "audit", "keygen", folder / "signing.key"], check=True, capture_output=True)
    with contextlib.ExitStack() as stack:
        policy = 'data = ["roster.json"]'
        if variant.engine == "opa":
            policy = f'[policy.opa]\nurl = "{stack.enter_context(opa(folder, roster))}"'
        shipped, is_patient = ReadingSettings(), variant.patients == "new"
        config, log = folder / "guard.toml", folder / "guard.log"
        text = _TOML.format(
            address=LOOPBACK,
            tls="" if certificate is None else _TLS.format(certificate=certificate),
            upstream=site.upstream,
            port=server.port,
            policy=policy,
            durability=variant.durability,
            guard=GUARD,
            database=DATABASE,
            passfile=passfile,
            patient_keys=json.dumps([*shipped.patient_keys, *(["aid"] if is_patient else [])]),
            reference_tables=json.dumps([*shipped.reference_tables, *([] if is_patient else ["pgbench_accounts"])]),
        )
        config.write_text(text, encoding="utf-8")
        command: list[str | Path] = [
            *site.under,
            *_PROGRAM,
            "proxy",
            "--config",
            config,
            "--workers",
            str(variant.workers),
        ]
        process = stack.enter_context(running("readonly-guard", command, log))
        wait_until("readonly-guard", process, log, lambda: _port(log) is not None)
        port = _port(log)
        assert port is not None
        yield Route(variant.name, port, process.pid, Ledger(folder / "journal").allowed)


def _port(log: Path) -> int | None:
    found = _LISTENING.search(log.read_text(encoding="utf-8", errors="replace"))
    return int(found[1]) if found else None


_ASIDE: Final = frozenset(
    {
        "pgbench_branches",
        *(
            "pg_catalog.pg_inherits",
            "pg_catalog.pg_partitioned_table",
            "pg_catalog.pg_namespace",
            "pg_catalog.pg_class",
        ),
    }
)
"""What pgbench reads of its own accord before a load: how large its tables are, and how they are partitioned."""


class _Record(msgspec.Struct):
    """As much of a record as is counted."""

    phase: str = ""
    verdict: str = ""
    relations: tuple[str, ...] = ()


class _Line(msgspec.Struct):
    record: _Record


class Ledger:
    """Counts what the journal says was allowed, to hold it against what pgbench says was asked.

    It reads on where it stopped, through every chain below the directory. It checks no hash: `readonly-guard audit
    verify` does.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read: dict[Path, int] = {}
        self._lines = msgspec.json.Decoder(_Line)

    def allowed(self) -> int:
        """How many reads were released since the last call, each counted when it is executed."""
        count = 0
        for segment in sorted(self._journal.rglob("journal-*.jsonl")):
            with segment.open("rb") as file:
                file.seek(self._read.get(segment, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._read[segment] = self._read.get(segment, 0) + len(line)
                    record = self._lines.decode(line).record
                    is_run = record.verdict == "allow" and record.phase in {"query", "execute"}
                    count += is_run and not _ASIDE.issuperset(record.relations)
        return count
