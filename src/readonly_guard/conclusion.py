"""The outcome of a case: what the write lock, the policies and the plugins say becomes one decision, and its record.

A denial from anyone is a denial; what nobody allowed is denied; what is not on record is denied.
"""

from __future__ import annotations

from readonly_guard.case import Case, record_of_denial
from readonly_guard.domain import Answer, Decision, DecisionRecord, Verdict, core_reason
from readonly_guard.errors import DecisionUnavailable, PolicyUnavailable
from readonly_guard.hooks import Hooks, Receipt
from readonly_guard.policy import Modes

__all__ = ["Outcome", "conclude", "no_answer", "record", "unrecorded"]

Outcome = tuple[Decision, list[Receipt]]
"""A decision, and what has to be waited for before anything is released on it."""


def conclude(case: Case, answer: Answer, modes: Modes, hooks: Hooks) -> Decision:
    """Put together what was said; nothing is recorded yet."""
    judged = modes.judge(answer.deny, case.request.session.listener)
    reasons = [*case.analysis.reasons, *judged.enforced]
    try:
        reasons.extend(hooks.review(case.analysis, case.question))
    except DecisionUnavailable as error:
        reasons.append(core_reason(error.code, str(error)))
    if not reasons and not answer.allow and not judged.not_enforced:
        # deny overrides, and ALLOW needs an explicit allow: an answer with neither is no answer
        reasons.append(core_reason(PolicyUnavailable.code, "the policy neither allowed nor gave a reason"))
    return Decision(
        decision_id=case.question.request_id,
        verdict=Verdict.DENY if reasons else Verdict.ALLOW,
        analysis=case.analysis,
        action=case.question.action.name,
        reasons=tuple(reasons),
        warnings=(*answer.warn, *judged.warned),
        obligations=answer.obligations,
        not_enforced=judged.not_enforced,
        policy_revision=answer.revision,
        declared=case.declared,
    )


def record(decision: Decision, written: DecisionRecord, hooks: Hooks) -> Outcome:
    """Hand the decision's record to all plugins; where one of them fails, it is a denial, and recorded as that."""
    try:
        return decision, hooks.decided(written)
    except DecisionUnavailable as error:
        denial = unrecorded(decision, error)
    try:  # a plugin failed behind the journal: the log gets the denial under the same id, and the last word counts
        return denial, hooks.decided(record_of_denial(written, denial))
    except DecisionUnavailable:
        return denial, []


def no_answer(error: DecisionUnavailable) -> Answer:
    """What stands for the policy's answer where there is none."""
    return Answer(allow=False, deny=(core_reason(error.code, str(error)),))


def unrecorded(decision: Decision, error: DecisionUnavailable) -> Decision:
    """The decision as a denial, because what is not on disk may not be released."""
    fault = core_reason(error.code, str(error))
    return Decision(
        decision_id=decision.decision_id,
        verdict=Verdict.DENY,
        analysis=decision.analysis,
        action=decision.action,
        reasons=(*decision.reasons, fault),
        policy_revision=decision.policy_revision,
        declared=decision.declared,
    )
