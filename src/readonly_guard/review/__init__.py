"""Log review: what a manager does on the first Monday of the month.

The log is verified and imported into an analytic store (`store`), a month of a unit is selected (`flags`, `sampling`),
every selected event is answered (`states`), the protocol is signed (`protocol`). What was done is a hash chain of its
own (`ledger`). `desk` is where all of it is done; `standing` says who may. Beside it: figures for management,
information that was added in read mode (`late`), who has confirmed the routine (`acknowledgements`), and the patient's
`extract`. Needs the extra ``review``.
"""

from readonly_guard.review.acknowledgements import (
    Acknowledgement,
    acknowledgements,
    enter_in_roster,
    import_acknowledgements,
    read_acknowledgements,
)
from readonly_guard.review.desk import Desk
from readonly_guard.review.event import NO_UNIT, Event
from readonly_guard.review.extract import extract_csv, extract_paper
from readonly_guard.review.extracting import Extract, make_extract
from readonly_guard.review.flags import FLAGS, Flag, Surroundings, flags_of, undecided
from readonly_guard.review.followup import management_csv, management_html, management_paper, page_values
from readonly_guard.review.imported import Imported, ImportedLog
from readonly_guard.review.knowledge import Facts, Knowledge, load_facts
from readonly_guard.review.late import late_total, look_for_late_writes
from readonly_guard.review.ledger import Case, History, Ledger
from readonly_guard.review.listing import COLUMNS, list_csv, row_of
from readonly_guard.review.management import Management, MonthFigures, UnitMonth, figures_of
from readonly_guard.review.monthly import Monthly, run_month
from readonly_guard.review.opening import Opened, open_event
from readonly_guard.review.papers import Paper, paper_html, paper_pdf
from readonly_guard.review.periods import SWEDEN, Period, in_sweden
from readonly_guard.review.plan import (
    DatabasePlan,
    LateWritesPlan,
    ReviewPlan,
    SampleSettings,
    SignInPlan,
    Thresholds,
    UnitPlan,
    load_plan,
)
from readonly_guard.review.protocol import protocol_html, protocol_json, protocol_paper, protocol_pdf
from readonly_guard.review.sampling import draw, sample_size, seed_of
from readonly_guard.review.standing import Actor, Standing
from readonly_guard.review.states import CONCLUDED, TRANSITIONS, NotPossible, State, Step, next_state
from readonly_guard.review.store import Store, StoreBusy
from readonly_guard.review.wholeness import BrokenLog, check_log
from readonly_guard.review.words import explain_code, word

__all__ = [
    "COLUMNS",
    "CONCLUDED",
    "FLAGS",
    "NO_UNIT",
    "SWEDEN",
    "TRANSITIONS",
    "Acknowledgement",
    "Actor",
    "BrokenLog",
    "Case",
    "DatabasePlan",
    "Desk",
    "Event",
    "Extract",
    "Facts",
    "Flag",
    "History",
    "Imported",
    "ImportedLog",
    "Knowledge",
    "LateWritesPlan",
    "Ledger",
    "Management",
    "MonthFigures",
    "Monthly",
    "NotPossible",
    "Opened",
    "Paper",
    "Period",
    "ReviewPlan",
    "SampleSettings",
    "SignInPlan",
    "Standing",
    "State",
    "Step",
    "Store",
    "StoreBusy",
    "Surroundings",
    "Thresholds",
    "UnitMonth",
    "UnitPlan",
    "acknowledgements",
    "check_log",
    "draw",
    "enter_in_roster",
    "explain_code",
    "extract_csv",
    "extract_paper",
    "figures_of",
    "flags_of",
    "import_acknowledgements",
    "in_sweden",
    "late_total",
    "list_csv",
    "load_facts",
    "load_plan",
    "look_for_late_writes",
    "make_extract",
    "management_csv",
    "management_html",
    "management_paper",
    "next_state",
    "open_event",
    "page_values",
    "paper_html",
    "paper_pdf",
    "protocol_html",
    "protocol_json",
    "protocol_paper",
    "protocol_pdf",
    "read_acknowledgements",
    "row_of",
    "run_month",
    "sample_size",
    "seed_of",
    "undecided",
    "word",
]
