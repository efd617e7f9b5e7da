"""Reading SQL: two independent readings of a text, compared. Pure: no I/O, no clock.

``scan`` bounds the text, ``postgres_key`` and ``sqlglot_key`` read it, ``analysis`` compares. ``builtins`` holds facts
about PostgreSQL, ``functions`` and ``session_settings`` what follows from them, ``writes`` how a refusal is called.
"""

from readonly_guard.sql.analysis import Analyzer
from readonly_guard.sql.builtins import RELATIONS, REVEALING_RELATIONS
from readonly_guard.sql.explanation import Explanation, Span, explain
from readonly_guard.sql.scan import Bounds
from readonly_guard.sql.session_settings import SAFE_ENCODINGS, StartupJudgement, judge_setting, judge_startup

__all__ = [
    "RELATIONS",
    "REVEALING_RELATIONS",
    "SAFE_ENCODINGS",
    "Analyzer",
    "Bounds",
    "Explanation",
    "Span",
    "StartupJudgement",
    "explain",
    "judge_setting",
    "judge_startup",
]
