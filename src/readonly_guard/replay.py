"""Yesterday's questions decided anew: what other policies or other data would have answered, from the log alone.

The journal is read, not checked: `readonly-guard audit verify` does that. What a plugin or the write lock denied stays
denied whatever the policies say, so only their part of a decision is asked again. A question's context comes from the
record; what an information point had looked up is not in the log, so that facts come from the data given here.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Entry, raw_lines
from readonly_guard.case import question_of
from readonly_guard.codes import is_write_lock
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import ConditionNotMet, PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, PolicySet

__all__ = ["Change", "Difference", "Replay", "replay"]

_BATCH: Final = 500  # lines; some 10 ms of work in a process
_NO_ANSWER: Final = frozenset({PolicyUnavailable.code, ConditionNotMet.code})
_SOFTENED: Final = "not_enforced="


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of decisions: whose, for which purpose, and the codes before and after (none: allowed).

    Warnings are compared as well; they change no verdict.
    """

    subject: str
    purpose: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    warned_before: tuple[str, ...] = ()
    warned_after: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """``opens`` (denied before, allowed now), ``closes``, ``other codes`` or ``other warnings``."""
        if bool(self.before) != bool(self.after):
            return "opens" if self.before else "closes"
        return "other codes" if self.before != self.after else "other warnings"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that would be another."""

    decision_id: str
    time: str
    difference: Difference


class Replay(msgspec.Struct, kw_only=True):
    """What a replay found. ``examples`` is the first decision of each difference."""

    records: int = 0
    decisions: int = 0
    unreadable: int = 0
    differences: Counter[Difference] = msgspec.field(default_factory=Counter)
    examples: dict[Difference, str] = msgspec.field(default_factory=dict)

    @property
    def changed(self) -> int:
        """How many decisions would be others."""
        return self.differences.total()

    def add(self, part: _Part) -> None:
        """Take in what a batch found."""
        self.records += part.records
        self.decisions += part.decisions
        self.unreadable += part.unreadable
        for change in part.changes:
            self.differences[change.difference] += 1
            self.examples.setdefault(change.difference, change.decision_id)


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    records: int
    decisions: int
    unreadable: int
    size: int
    changes: tuple[Change, ...]


def replay(
    journal: Path,
    policies: PolicySet,
    *,
    processes: int = 1,
    progress: Callable[[int], None] = lambda _: None,
    changed: Callable[[Change], None] = lambda _: None,
) -> Replay:
    """Decide every recorded decision anew.

    Args:
        journal: the directory of the log.
        policies: what decides now.
        processes: how many decide at the same time; memory does not grow with the log, whatever their number.
        progress: told how many further bytes of the log have been read.
        changed: told every decision that would be another, in the order of the log.

    Raises:
        ConfigurationError: there is no journal, or it cannot be read.
        PolicyError: the policies do not load.
    """
    found = Replay()
    decide = _Decider(policies)  # here too, so that policies that do not load are named at once
    batches = _batches(raw_lines(journal))
    parts = map(decide, batches) if processes <= 1 else _apart(batches, policies, processes)
    for part in parts:
        found.add(part)
        for change in part.changes:
            changed(change)
        progress(part.size)
    return found


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _apart(batches: Iterator[list[bytes]], policies: PolicySet, processes: int) -> Iterator[_Part]:
    """The batches decided in other processes, in order; so few under way that memory stays bounded."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of whoever calls
    with ProcessPoolExecutor(processes, context, initializer=_prepare, initargs=(policies,)) as pool:
        under_way: deque[Future[_Part]] = deque()
        for batch in batches:
            under_way.append(pool.submit(_decide_here, batch))
            if len(under_way) >= 3 * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


class _Decider:
    """Decides batches of lines with one engine."""

    def __init__(self, policies: PolicySet) -> None:
        self._engine = EmbeddedEngine(policies)
        self._decode = msgspec.json.Decoder(Entry).decode

    def __call__(self, lines: list[bytes]) -> _Part:
        decisions = unreadable = 0
        changes: list[Change] = []
        for line in lines:
            try:
                record = self._decode(line).record
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable += 1
                continue
            if isinstance(record, DecisionRecord):
                decisions += 1
                difference = self._difference(record)
                if difference is not None:
                    changes.append(Change(decision_id=record.decision_id, time=record.time, difference=difference))
        return _Part(
            records=len(lines),
            decisions=decisions,
            unreadable=unreadable,
            size=sum(map(len, lines)),
            changes=tuple(changes),
        )

    def _difference(self, record: DecisionRecord) -> Difference | None:
        try:
            answer = self._engine.decide_now(question_of(record))
        except PolicyUnavailable as error:
            denied, warned = [error.code], []
        else:
            denied = [reason.code for reason in answer.deny]
            warned = [reason.code for reason in answer.warn]
        fixed = [code for code in record.codes if _is_fixed(code)]
        # a denial that its mode made none was one: policies are compared with policies
        softened = {item.removeprefix(_SOFTENED) for item in record.obligations if item.startswith(_SOFTENED)}
        before, after = _sorted((*record.codes, *softened)), _sorted((*fixed, *denied))
        warned_before, warned_after = _sorted(set(record.warnings) - softened), _sorted(warned)
        if (before, warned_before) == (after, warned_after):
            return None
        return Difference(
            subject=record.subject,
            purpose=record.purpose,
            before=before,
            after=after,
            warned_before=warned_before,
            warned_after=warned_after,
        )


def _is_fixed(code: str) -> bool:
    """Whether a denial is nothing that policies say: the write lock's, the log's, or a plugin's (another prefix)."""
    return not code.startswith("RG-") or (is_write_lock(code) and code not in _NO_ANSWER)


def _sorted(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))


_here: list[_Decider] = []
"""The decider of a process of the pool."""


def _prepare(policies: PolicySet) -> None:
    _here.append(_Decider(policies))


def _decide_here(lines: list[bytes]) -> _Part:
    return _here[0](lines)
