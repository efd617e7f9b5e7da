"""Log review: what a manager does on the first Monday of the month.

The log is verified and imported into an analytic store (`store`), a month of a unit is selected (`flags`, `sampling`),
every selected event is answered (`states`), the protocol is signed (`protocol`). What was done is a hash chain of its
own (`ledger`). `desk` is where all of it is done, and where who may is decided. Needs the extra ``review``.
"""

from readonly_guard.review.desk import Desk, Imported
from readonly_guard.review.event import NO_UNIT, Event
from readonly_guard.review.extract import extract_csv, extract_html
from readonly_guard.review.flags import FLAGS, Flag, Surroundings, flags_of, undecided
from readonly_guard.review.knowledge import Facts, Knowledge, load_facts
from readonly_guard.review.ledger import Case, History, Ledger
from readonly_guard.review.listing import COLUMNS, list_csv, row_of
from readonly_guard.review.periods import SWEDEN, Period, in_sweden
from readonly_guard.review.plan import ReviewPlan, SampleSettings, Thresholds, UnitPlan, load_plan
from readonly_guard.review.protocol import protocol_html, protocol_json
from readonly_guard.review.sampling import draw, sample_size, seed_of
from readonly_guard.review.standing import Actor, Standing
from readonly_guard.review.states import CONCLUDED, TRANSITIONS, NotPossible, State, Step, next_state
from readonly_guard.review.store import Store
from readonly_guard.review.wholeness import BrokenLog, check_log
from readonly_guard.review.words import explain_code, word

__all__ = [
    "COLUMNS",
    "CONCLUDED",
    "FLAGS",
    "NO_UNIT",
    "SWEDEN",
    "TRANSITIONS",
    "Actor",
    "BrokenLog",
    "Case",
    "Desk",
    "Event",
    "Facts",
    "Flag",
    "History",
    "Imported",
    "Knowledge",
    "Ledger",
    "NotPossible",
    "Period",
    "ReviewPlan",
    "SampleSettings",
    "Standing",
    "State",
    "Step",
    "Store",
    "Surroundings",
    "Thresholds",
    "UnitPlan",
    "check_log",
    "draw",
    "explain_code",
    "extract_csv",
    "extract_html",
    "flags_of",
    "in_sweden",
    "list_csv",
    "load_facts",
    "load_plan",
    "next_state",
    "protocol_html",
    "protocol_json",
    "row_of",
    "sample_size",
    "seed_of",
    "undecided",
    "word",
]
