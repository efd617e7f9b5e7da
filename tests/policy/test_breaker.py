"""The circuit breaker, step by step, with a clock in hand."""

from readonly_guard.policy.breaker import Breaker


def test_failures_in_a_row_open_it_and_a_success_between_does_not() -> None:
    breaker = Breaker(failures=3, rest_s=10)
    for _ in range(2):
        breaker.failed(0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(0)
    assert breaker.admits(0)
    breaker.failed(0)
    assert breaker.is_open
    assert not breaker.admits(9.9)


def test_rested_it_lets_one_through() -> None:
    breaker = Breaker(failures=1, rest_s=10)
    breaker.failed(0)
    assert breaker.admits(10)
    assert not breaker.admits(10)
    breaker.failed(11)
    assert not breaker.admits(20.9)
    assert breaker.admits(21)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.admits(21)


def test_an_answer_that_never_comes_does_not_keep_it_shut_for_ever() -> None:
    breaker = Breaker(failures=1, rest_s=10)
    breaker.failed(0)
    assert breaker.admits(10)
    assert breaker.admits(20)
