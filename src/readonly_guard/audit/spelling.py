"""The canonical bytes of records (see the neighbour :mod:`audit.chain`), and of those that differ in little.

A decision that repeats another is recorded as that was, but for its id, its time and its patients: the bytes of the
other are split there once, and joined anew for each. Whatever may have to be escaped is written by the encoder that
writes whole records, so there is no second idea of a string. Of a short record, a completion's, the encoder is quicker
than any joining.
"""

from __future__ import annotations

from typing import Any, Final

from readonly_guard.audit.chain import canonical
from readonly_guard.domain import DecisionRecord
from readonly_guard.errors import LogUnavailable

__all__ = ["RepeatedRecord", "spelt"]

_canonical: Final = canonical
_ID: Final = b'{"type":"decision","decision_id":'
_TIME: Final = b',"time":'
_SESSION: Final = b',"session_id":'
_PATIENTS: Final = b',"patients":'


class RepeatedRecord:
    """The record of a decision that is made again and again.

    Args:
        record: of the first time.
    """

    __slots__ = ("_after", "_before", "_patients", "_written")

    def __init__(self, record: DecisionRecord) -> None:
        self._patients: Final = record.patients
        self._written: Final[bytes] = spelt(record.patients)
        whole, named = spelt(record), _PATIENTS + self._written
        # within a string a quote is escaped, so neither name can be found but as a field's
        since, at = whole.index(_SESSION), whole.index(named)
        self._before: Final = whole[since : at + len(_PATIENTS)]
        self._after: Final = whole[at + len(named) :]

    def spelt(self, decision_id: str, time: str, patients: tuple[str, ...]) -> bytes:
        """Its canonical bytes with this id, at this time, about these patients.

        Raises:
            LogUnavailable: one of them is no text that UTF-8 has.
        """
        written = self._written if patients is self._patients else spelt(patients)
        return b"".join((_ID, spelt(decision_id), _TIME, spelt(time), self._before, written, self._after))


def spelt(value: Any) -> bytes:
    """The canonical bytes of a record, or of one of its values.

    Raises:
        LogUnavailable: it holds what is no JSON, or no text that UTF-8 has.
    """
    try:
        written: bytes = _canonical(value)
    except (ValueError, TypeError) as error:
        # from None: the text of the error shows a piece of the record
        raise LogUnavailable(f"the record cannot be written as JSON ({type(error).__name__})") from None
    return written
