r"""The random sample: drawn so that anybody can draw it again, and nobody can know it beforehand. Pure.

**Seed**: SHA-256, in lower-case hexadecimal, over period, unit and log head, each on a line of its own::

    2026-10\n
    Medicinavdelning 1\n
    guard=51234:9f2c…\n          (a line for each chain of the log, by name)

The head is the last record of the chain before the month's end, so it is the same whenever the sample is drawn, and not
known before the month is over.

**Draw**: the events are put in the order of SHA-256 over the seed and the decision id, and the first are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

__all__ = ["draw", "sample_size", "seed_of"]


def seed_of(period: str, unit: str, heads: Iterable[str]) -> str:
    """The seed; ``heads`` as ``chain=seq:hash``, put in their order here."""
    lines = (period, unit, *sorted(heads))
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def sample_size(population: int, *, minimum: int, percent: int) -> int:
    """How many of so many: the percentage, rounded up, at least the minimum, and never more than there are."""
    return min(population, max(minimum, -(-population * percent // 100)))


def draw(events: Sequence[str], seed: str, size: int) -> list[str]:
    """So many of the decision ids."""
    return sorted(events, key=lambda event: sha256(f"{seed}{event}".encode()).digest())[:size]
