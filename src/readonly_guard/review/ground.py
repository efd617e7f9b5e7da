"""What a review stands on (its plan, the policy's data, the facts), and whether the files that say it have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from readonly_guard.errors import ConfigurationError
from readonly_guard.policy import load_policies
from readonly_guard.review.knowledge import Facts, Knowledge, load_facts
from readonly_guard.review.plan import PLAN, ReviewPlan, load_plan

__all__ = ["Ground"]

_Look = tuple[str, int, int, int, int]


class Ground:
    """What was read, and how its files looked then.

    Attributes:
        plan: review.toml.
        knowledge: the policy's data and the hospital's facts.
    """

    def __init__(self, directory: Path, plan: ReviewPlan, knowledge: Knowledge, looks: list[_Look]) -> None:
        self.plan = plan
        self.knowledge = knowledge
        self._directory = directory
        self._looks = looks

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read all of it. What changes meanwhile is a change.

        Raises:
            ConfigurationError: the plan, the policy's data or the facts cannot be used.
        """
        first = _looks([directory / PLAN])
        plan = load_plan(directory)
        looks = first + _looks(_named(plan))
        policies = load_policies(plan.policies, plan.data)
        facts = Facts() if plan.facts is None else load_facts(Path(plan.facts))
        return cls(directory, plan, Knowledge.of(policies.data, facts, policies.revision), looks)

    def look(self) -> list[_Look]:
        """How the files look now that would be read now."""
        first, plan = _looks([self._directory / PLAN]), self.plan
        if first != self._looks[: len(first)]:
            with suppress(ConfigurationError):  # whoever reads it is told
                plan = load_plan(self._directory)
        return first + _looks(_named(plan))

    def is_as(self, looks: list[_Look]) -> bool:
        """Whether the files looked so when they were read."""
        return looks == self._looks


def _named(plan: ReviewPlan) -> Iterator[Path]:
    """The files and directories that a plan names."""
    yield from map(Path, plan.data)
    yield from (Path(item) for item in (plan.policies, plan.facts) if item is not None)


def _looks(paths: Iterable[Path]) -> list[_Look]:
    return [look for path in paths for item in (path, *sorted(path.rglob("*"))) for look in _look(item)]


def _look(path: Path) -> Iterator[_Look]:
    try:
        stat = path.stat()
    except OSError:
        return
    yield (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
