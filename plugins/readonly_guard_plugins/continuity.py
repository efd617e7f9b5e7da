"""For sinks that know how far they have come in a chain: what of a batch is new, and whether it continues the chain."""

from __future__ import annotations

from collections.abc import Sequence

from readonly_guard.domain import Entry

__all__ = ["Diverged", "continuing"]


class Diverged(Exception):  # noqa: N818  what was found, not a defect of the call
    """A sink holds another chain under this name, or records between are missing; a person has to look."""


def continuing(entries: Sequence[Entry], seq: int, digest: str, place: str) -> list[Entry]:
    """The records of a chain that come behind the last one that a sink has.

    Args:
        entries: of one chain, in its order.
        seq: the number of that last one, 0 for none.
        digest: its hash.
        place: the sink, for the text of an error.

    Raises:
        Diverged: they do not continue it.
    """
    chain = entries[0].chain
    same = next((entry for entry in entries if entry.seq == seq), None)
    if same is not None and same.hash != digest:
        raise Diverged(
            f"chain {chain!r}: record {seq} in {place} is another one. If two guards share it, "
            "give their journals' directories names of their own"
        )
    new = [entry for entry in entries if entry.seq > seq]
    if seq and new and new[0].seq != seq + 1:
        raise Diverged(f"chain {chain!r}: {place} ends with record {seq}, and record {new[0].seq} came next")
    return new
