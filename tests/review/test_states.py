import pytest

from readonly_guard.review import CONCLUDED, TRANSITIONS, NotPossible, State, Step, next_state


def _walk(*steps: Step) -> State:
    state = State.NEW
    for step in steps:
        state = next_state(state, step)
    return state


def test_the_long_way():
    assert _walk(*map(Step, "assign begin ask remark escalate act close".split())) is State.CLOSED


def test_every_state_can_be_reached_and_only_closed_is_the_end():
    assert {State.NEW, *TRANSITIONS.values()} == set(State)
    assert set(State) - {state for state, _ in TRANSITIONS} == {State.CLOSED}


def test_only_what_is_concluded_is_closed():
    assert {state for state, step in TRANSITIONS if step is Step.CLOSE} <= CONCLUDED


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.NEW, Step.CLEAR),
        (State.ASSIGNED, Step.CLOSE),
        (State.WITH_REMARK, Step.CLEAR),
        (State.EXPLANATION_ASKED, Step.CLEAR),
        (State.WITH_REMARK, Step.ACT),
        (State.ESCALATED, Step.RECONSIDER),
        *((State.CLOSED, step) for step in Step),
    ],
)
def test_what_is_not_in_the_table_is_refused(state, step):
    with pytest.raises(NotPossible, match=f"{step} is not possible"):
        next_state(state, step)
