"""The flags F01 to F15: what may be worth a question. A flag is never a verdict.

Each is a small function of one event and what is known around it; those that need facts which have not been given are
not decided (:func:`undecided`), and the selection and the protocol say so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from statistics import median
from typing import Final, NamedTuple

from readonly_guard.review.event import Event
from readonly_guard.review.knowledge import Facts, Knowledge
from readonly_guard.review.periods import in_sweden
from readonly_guard.review.plan import Thresholds

__all__ = ["FLAGS", "Flag", "Surroundings", "flags_of", "undecided"]

_SATURDAY: Final = 5
_FEWEST_PEOPLE: Final = 3  # of whom a median says something


class Surroundings:
    """What is known around the events of one unit and month.

    Attributes:
        knowledge: the policy's data and the hospital's facts.
        thresholds: from when on something stands out.
    """

    def __init__(self, events: Iterable[Event], knowledge: Knowledge, thresholds: Thresholds) -> None:
        self.knowledge = knowledge
        self.thresholds = thresholds
        self._opened: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._writes: Counter[tuple[str, str]] = Counter()
        for event in events:
            self._opened[_user_day(event)].update(event.people)
            self._writes[_user_day(event)] += event.is_denied_write
        days = [len(patients) for patients in self._opened.values() if patients]
        people = {user for (user, _), patients in self._opened.items() if patients}
        self._median = median(days) if len(people) >= _FEWEST_PEOPLE else None

    def patients_that_day(self, event: Event) -> int:
        """How many patients the user asked for, on the day of the event."""
        return len(self._opened[_user_day(event)])

    def writes_that_day(self, event: Event) -> int:
        """How many writes of the user were refused, on the day of the event."""
        return self._writes[_user_day(event)]

    @property
    def usual_patients(self) -> float | None:
        """The median of patients that one of the unit's people opens in a day; None for too few people."""
        return self._median


class Flag(NamedTuple):
    """A flag: its code, what it is called, the question that it asks, and how it is decided."""

    code: str
    sv: str
    en: str
    question_sv: str
    question_en: str
    decide: Callable[[Event, Surroundings], bool]
    needs: Callable[[Facts], bool] | None = None
    """Whether the facts it cannot do without have been given."""


def _user_day(event: Event) -> tuple[str, str]:
    return event.subject, in_sweden(event.time).date().isoformat()


def _coded(event: Event, *codes: str) -> bool:
    return any(code in event.codes or code in event.warnings for code in codes)


def _own_record(event: Event, around: Surroundings) -> bool:
    staff = around.knowledge.staff_among(around.knowledge.keys_of(event.names))
    return event.subject in staff or _coded(event, "RG-L02")


def _same_name_or_address(event: Event, around: Surroundings) -> bool:
    facts, keys = around.knowledge.facts, around.knowledge.keys_of(event.names)
    surname = around.knowledge.name_of(event.subject).rpartition(" ")[2].casefold()
    address = (facts.staff_addresses or {}).get(event.subject, "").casefold()
    surnames = {name.casefold() for key in keys if (name := (facts.surnames or {}).get(key))}
    addresses = {place.casefold() for key in keys if (place := (facts.addresses or {}).get(key))}
    return surname in surnames or (bool(address) and address in addresses)


def _colleague(event: Event, around: Surroundings) -> bool:
    knowledge = around.knowledge
    staff = knowledge.staff_among(knowledge.keys_of(event.names)) - {event.subject}
    return any(knowledge.members[user].care_unit == event.care_unit for user in staff)


def _no_relation(event: Event, around: Surroundings) -> bool:
    if _coded(event, "RG-L01"):
        return True
    on = in_sweden(event.time).date()
    return event.purpose in {"TREAT", "ETREAT"} and any(
        around.knowledge.is_unrelated(patient, event.subject, on) for patient in event.names
    )


def _volume(event: Event, around: Surroundings) -> bool:
    count, usual = around.patients_that_day(event), around.usual_patients
    return (
        usual is not None
        and bool(event.patients)
        and count >= around.thresholds.volume_minimum
        and count > around.thresholds.volume_factor * usual
    )


def _outside_hours(event: Event, around: Surroundings) -> bool:
    if event.care_unit in around.thresholds.around_the_clock:
        return False
    local = in_sweden(event.time)
    at_work = around.thresholds.work_begins <= local.hour < around.thresholds.work_ends
    return local.weekday() >= _SATURDAY or not at_work


def _protected(event: Event, around: Surroundings) -> bool:
    return not around.knowledge.keys_of(event.names).isdisjoint(around.knowledge.facts.protected or ())


def _other_unit(event: Event, around: Surroundings) -> bool:
    if _coded(event, "RG-U01", "RG-U02"):
        return True
    own, theirs = around.knowledge.provider_of(event.care_unit), around.knowledge.providers_of(event.names)
    return bool(own) and bool(theirs) and own not in theirs


def _print_without_reason(event: Event, _around: Surroundings) -> bool:
    is_reasoned = event.print_reason in {"MEDICAL_NEED", "PATIENT_REQUEST"}
    return _coded(event, "RG-X01", "RG-X02") or (event.action == "print" and not is_reasoned)


def _repeated_writes(event: Event, around: Surroundings) -> bool:
    return event.is_denied_write and around.writes_that_day(event) >= around.thresholds.write_attempts


def _emergency(event: Event, _around: Surroundings) -> bool:
    return event.purpose == "ETREAT" or "Nödöppning" in event.activity


def _away(event: Event, around: Surroundings) -> bool:
    return around.knowledge.is_away(event.subject, in_sweden(event.time).date())


def _broad_search(event: Event, around: Surroundings) -> bool:
    is_wide = event.action == "search" and event.rows is not None and event.rows >= around.thresholds.broad_rows
    return is_wide or _coded(event, "RG-Q01")


def _npo(event: Event, _around: Surroundings) -> bool:
    return _coded(event, "RG-N90")


def _complaint(event: Event, around: Surroundings) -> bool:
    return not around.knowledge.keys_of(event.names).isdisjoint(around.knowledge.facts.complaints or ())


FLAGS: Final[dict[str, Flag]] = {
    flag.code: flag
    for flag in (
        Flag(
            "F01", "Egen journal", "Own record",
            "Är det medarbetarens egen journal?", "Is it the employee's own record?", _own_record,
        ),
        Flag(
            "F02", "Samma efternamn eller adress", "Same surname or address",
            "Är patienten en anhörig?", "Is the patient a relative?", _same_name_or_address,
            lambda facts: facts.surnames is not None or facts.addresses is not None,
        ),
        Flag(
            "F03", "Kollega", "Colleague",
            "Patienten arbetar på enheten: behövdes uppgifterna i vården?",
            "The patient works at the unit: was this needed for care?", _colleague,
        ),
        Flag(
            "F04", "Vårdrelation saknas", "No care relationship",
            "Varför behövdes uppgifterna utan känd vårdrelation?",
            "Why was this needed without a known care relationship?", _no_relation,
        ),
        Flag(
            "F05", "Ovanligt många patienter", "Unusually many patients",
            "Varför öppnades så många fler än enhetens median den dagen?",
            "Why so many more than the unit's median that day?", _volume,
        ),
        Flag(
            "F06", "Utanför arbetstid", "Outside working hours",
            "Arbetade medarbetaren då?", "Was the employee at work then?", _outside_hours,
        ),
        Flag(
            "F07", "Skyddad person", "Protected person",
            "Behövdes uppgifter om en person med skyddade personuppgifter?",
            "Was information on a person with protected identity needed?", _protected,
            lambda facts: facts.protected is not None,
        ),
        Flag(
            "F08", "Annan enhet eller vårdgivare", "Other unit or care provider",
            "Varför behövdes uppgifter från en annan enhet eller vårdgivare?",
            "Why was another unit's or provider's information needed?", _other_unit,
        ),
        Flag(
            "F09", "Utskrift utan giltig orsak", "Print without a good reason",
            "Vad var skälet till utskriften, och var är papperet?",
            "What was the reason for the print, and where is the paper?", _print_without_reason,
        ),
        Flag(
            "F10", "Upprepade skrivförsök", "Repeated write attempts",
            "Känner medarbetaren till läsläget, eller försökte ett program skriva?",
            "Does the employee know of read mode, or did a program try to write?", _repeated_writes,
        ),
        Flag(
            "F11", "Nödöppning", "Emergency access",
            "Var nödöppningen befogad enligt motiveringen?", "Was emergency access justified as stated?", _emergency,
        ),
        Flag(
            "F12", "Frånvarande eller avslutad", "Absent or ended employment",
            "Vem använde kontot?", "Who used the account?", _away,
            lambda facts: facts.absences is not None,
        ),
        Flag(
            "F13", "Bred sökning", "Broad search",
            "Behövdes en så bred sökning?", "Was so broad a search needed?", _broad_search,
        ),
        Flag(
            "F14", "NPÖ hade räckt", "NPÖ would have done",
            "Kunde uppgiften ha lästs i NPÖ?", "Could this have been read in NPÖ?", _npo,
        ),
        Flag(
            "F15", "Patientens klagomål", "Patient's complaint",
            "Patienten har frågat om åtkomsten: vad är svaret?", "The patient has asked: what is the answer?",
            _complaint, lambda facts: facts.complaints is not None,
        ),
    )
}  # fmt: skip
"""By code."""


def flags_of(event: Event, around: Surroundings) -> tuple[str, ...]:
    """The codes of the flags that an event raises, in order."""
    return tuple(code for code, flag in FLAGS.items() if flag.decide(event, around))


def undecided(facts: Facts) -> tuple[str, ...]:
    """The flags that cannot be decided, or not wholly, because their facts have not been given.

    F12 is decided for ended authorisations all the same.
    """
    return tuple(code for code, flag in FLAGS.items() if flag.needs is not None and not flag.needs(facts))
