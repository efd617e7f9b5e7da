"""What pgbench is asked to do: its own select-only script, the reads of a record system, and logging in.

``select-only``
    One row by its key. Every account is a patient, as it were: each transaction asks for another one, the log must
    name them, and the policy is asked anew. With ``--patients none`` accounts are reference data instead, and all
    transactions are one and the same question.
``records``
    The reads of a chart being opened, mixed by weight, parameterised, each for another of six thousand patients: joins
    with code tables, the newest results, notes of several kilobytes.
``login``
    A connection for each transaction of select-only (pgbench's `-C`): TCP, SCRAM, the session's settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from benchmarks.wire.pgbench import Mode
from benchmarks.wire.records import COPIES

__all__ = ["WORKLOADS", "Case", "Workload", "case_name"]

_SCRIPTS: Final = Path(__file__).with_name("scripts")
_WEIGHTS: Final = {
    "header": 25,
    "results": 25,
    "encounters": 15,
    "diagnoses": 10,
    "allergies": 10,
    "notes": 10,
    "bookings": 5,
}


class Workload(NamedTuple):
    """A load. A transaction of it is one statement.

    Attributes:
        name: what tables call it.
        arguments: pgbench's.
        is_whole: logging in is part of what is measured, so the whole run is the window.
    """

    name: str
    arguments: tuple[str, ...]
    is_whole: bool = False


def case_name(workload: str, mode: Mode, clients: int) -> str:
    """What tables call a load in a protocol, with so many clients."""
    return f"{workload}, {mode}, {clients} client{'s' if clients != 1 else ''}"


class Case(NamedTuple):
    """A load, in a protocol of pgbench's, with so many clients."""

    workload: Workload
    mode: Mode
    clients: int

    @property
    def name(self) -> str:
        """What tables call it."""
        return case_name(self.workload.name, self.mode, self.clients)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of pgbench."""
        return (*self.workload.arguments, "-M", self.mode)


_RECORDS: Final = tuple(word for name, weight in _WEIGHTS.items() for word in ("-f", f"{_SCRIPTS / name}.sql@{weight}"))
WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Workload("select-only", ("-S",)),
            Workload("records", ("-D", f"copies={COPIES}", *_RECORDS)),
            Workload("login", ("-S", "-C"), is_whole=True),
        )
    }
)
