"""What ran, held against what was recorded: nothing undecided was released, and no record is missing.

Every statement of a test carries a name of its own (`marked`), which the journal keeps, because it is no literal, and
which the server writes into its log of statements.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from itertools import count
from pathlib import Path
from typing import NamedTuple

from readonly_guard.audit import read_all, verify_all
from readonly_guard.domain import CompletionRecord, DecisionRecord

__all__ = ["Accounts", "marked", "settle"]

_MARK = re.compile(r"\bmark_[0-9]+\b")
_numbers = count(1)


def marked(form: str = "SELECT 1 AS {}") -> tuple[str, str]:
    """A statement that there is only once, and its name."""
    mark = f"mark_{next(_numbers)}"
    return form.format(mark), mark


class Accounts(NamedTuple):
    """The names of statements: allowed and denied in the journal, and run by the server."""

    allowed: set[str]
    denied: set[str]
    run: set[str]


def settle(
    journal: Path, server_log: str, *, answered: Collection[str], refused: Collection[str], user: str
) -> Accounts:
    """Hold the journal against the server's log and what the clients saw.

    Args:
        journal: of the guard, which has ended; one chain, or one a worker.
        server_log: with ``log_statement = all`` and ``log_line_prefix = '%u '``.
        answered: names of statements that a client got its rows of.
        refused: names of statements that a client was told to be denied.
        user: whom the statements were run for.
    """
    assert all(chain.ok for chain in verify_all(journal))
    allowed: dict[str, str] = {}
    denied, ends = set(), Counter()
    for entry in read_all(journal):
        match entry.record:
            case DecisionRecord() as record:
                marks = _MARK.findall(record.statement)
                if record.verdict == "allow":
                    allowed[record.decision_id] = marks[0] if marks else ""
                else:
                    denied |= set(marks)
            case CompletionRecord() as record:
                ends[record.decision_id] += 1
    lines = (line for line in server_log.splitlines() if line.startswith(f"{user} LOG:"))
    run = {mark for line in lines for mark in _MARK.findall(line)}
    names = set(allowed.values()) - {""}
    assert run <= names, f"released without a decision: {sorted(run - names)[:5]}"
    assert not run & denied, f"released though denied: {sorted(run & denied)[:5]}"
    assert set(answered) <= run, f"answered, and the server knows nothing of it: {sorted(set(answered) - run)[:5]}"
    assert set(refused) <= denied, f"refused without a record: {sorted(set(refused) - denied)[:5]}"
    assert ends == Counter(list(allowed)), "each that was allowed has exactly one end"
    return Accounts(allowed=names, denied=denied, run=run)
