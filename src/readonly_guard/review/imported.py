"""The log as the review has it: checked, imported into the store, and asked by whose key is whose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from readonly_guard.audit import Anchor, Progress, Verification, read_anchors
from readonly_guard.audit.chains import CUSTODY
from readonly_guard.review.carried import CARRIED, brought_back
from readonly_guard.review.knowledge import Knowledge
from readonly_guard.review.plan import ReviewPlan
from readonly_guard.review.states import NotPossible
from readonly_guard.review.store import Store
from readonly_guard.review.watch import Glance, LogWatch

__all__ = ["Imported", "ImportedLog"]

STORE: Final = "events.duckdb"


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import brought: the new decisions, and how every chain was found."""

    decisions: int
    chains: tuple[Verification, ...]


class ImportedLog:
    """The log of a review's plan, and its store.

    Args:
        directory: the review's.
        plan: where the log is, and who may have signed it.
        knowledge: which keys the policy's data ties to one person.
        now: gives the time, RFC 3339.

    Attributes:
        store_path: the analytic store.
    """

    def __init__(self, directory: Path, plan: ReviewPlan, knowledge: Knowledge, now: Callable[[], str]) -> None:
        self.store_path = directory / STORE
        self._plan = plan
        self._knowledge = knowledge
        self._now = now
        self._watch = _watch(directory, plan)

    def renewed(self, plan: ReviewPlan, knowledge: Knowledge) -> ImportedLog:
        """The log of another plan; what is known of the same files goes over to it."""
        made = ImportedLog(self.store_path.parent, plan, knowledge, self._now)
        if _sources(plan) == _sources(self._plan):
            made._watch = self._watch
        return made

    def verify(self, progress: Callable[[Progress], None] | None = None) -> list[Verification]:
        """Check every chain, against the heads that were imported and those kept elsewhere.

        Args:
            progress: told now and then. With it, the check is made by a process of its own: it takes minutes, and
                whoever wants to know how far it is has others waiting.

        Raises:
            BrokenLog: a chain is not whole, or no longer holds what was imported.
        """
        found = self._watch.check(self._anchors(), self._now(), progress)
        return [item for verified in found.values() for item in verified]

    def bring_in(self) -> Imported:
        """Bring the store up to date with the log, which is verified first.

        Raises:
            BrokenLog: a chain is not whole; nothing is imported.
        """
        found = self._watch.check(self._anchors(), self._now())
        with Store.open(self.store_path, is_written=True) as store:
            count = sum(
                store.take(path, item) for path, verified in found.items() for item in verified if item.chain != CUSTODY
            )
        return Imported(decisions=count, chains=tuple(item for verified in found.values() for item in verified))

    def glance(self) -> Glance | None:
        """What is known of the log without reading all of a large one; None where nothing is.

        Raises:
            BrokenLog: as :meth:`verify`, where it was read.
        """
        return self._watch.glance(self._anchors(), self._now())

    @property
    def is_small(self) -> bool:
        """Whether a check of it takes a second or two."""
        return self._watch.is_small

    def keys_of_patient(self, patients: Sequence[str]) -> list[str]:
        """Every key under which a patient is in the log.

        Args:
            patients: keys (``person_id:7``), or what identifies the patient (a personnummer) as far as the log knows.

        Raises:
            NotPossible: the log does not know whose number it is.
        """
        named: set[str] = set()
        with Store.open(self.store_path) as store:
            found = {patient: store.keys_of([patient]) for patient in patients}
        for patient, keys in found.items():
            if ":" not in patient and not keys - {patient}:
                raise NotPossible(
                    "the log does not know that number: no key was looked up that is this person's. Name the keys"
                    " instead, person_id:7, or let a plugin look them up (docs/plugins.md)",
                    "Loggen känner inte till det numret. Kontrollera det (tolv siffror), eller ange patientens nycklar"
                    " i databasen i stället, till exempel person_id:7.",
                )
            named |= keys
        return sorted(self._knowledge.keys_of(named))

    def _anchors(self) -> list[Anchor]:
        anchors = [] if self._plan.anchors is None else read_anchors(Path(self._plan.anchors))
        if self.store_path.exists():
            with Store.open(self.store_path) as store:
                anchors += store.heads()
        return anchors


def _watch(directory: Path, plan: ReviewPlan) -> LogWatch:
    if not plan.databases:
        return LogWatch(plan.journals, plan.public_keys)
    databases = {name: database.dsn for name, database in plan.databases.items()}
    copies = [str(directory / CARRIED / name) for name in databases]
    renewed = partial(brought_back, databases, directory, plan.public_keys)
    return LogWatch([*plan.journals, *copies], plan.public_keys, renewed)


def _sources(plan: ReviewPlan) -> object:
    return plan.journals, plan.databases, plan.public_keys
