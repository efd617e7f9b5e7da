"""Reading SQL: two independent readings of a text, compared. Pure: no I/O, no clock.

``scan`` bounds the text; ``postgres_key`` and ``sqlglot_key`` read it; ``reading`` compares, ``analysis`` remembers in
its ``memory`` (``outline``, ``exemplar`` and ``variation`` are of texts that differ in literals only). The first key
goes through PostgreSQL's tree (``postgres_tree``) and notes (``postgres_reading``) what its ``nodes`` say
(``postgres_visits``, ``literal_calls``, ``json_syntax``). The second reads ``canonical`` text, made with ``respelling``
and ``shortening``, and goes through the tree of that (``sqlglot_tree``). ``builtins`` holds facts about PostgreSQL,
``functions`` and ``session_settings`` what follows from them, ``writes`` how a refusal is called; ``resolution`` is the
question what names mean, and its answer where no catalog is known. ``bindings`` (with ``names``, ``comparisons``,
``equalities``) says which relations a read pins to patients, ``lineage`` what it touches in full. ``explanation`` shows
all of it to people; it is imported by itself, for it brings sqlglot.
"""

from readonly_guard.sql.analysis import Analyzer, prepare_reading
from readonly_guard.sql.bindings import is_system_relation
from readonly_guard.sql.patients import Arguments
from readonly_guard.sql.resolution import BuiltinResolver, Opened, Resolver
from readonly_guard.sql.scan import Bounds, Scanned
from readonly_guard.sql.session_settings import SAFE_ENCODINGS, StartupJudgement, judge_setting, judge_startup
from readonly_guard.sql.variation import Variation

__all__ = [
    "SAFE_ENCODINGS",
    "Analyzer",
    "Arguments",
    "Bounds",
    "BuiltinResolver",
    "Opened",
    "Resolver",
    "Scanned",
    "StartupJudgement",
    "Variation",
    "is_system_relation",
    "judge_setting",
    "judge_startup",
    "prepare_reading",
]
