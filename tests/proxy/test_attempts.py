"""Brute force is slowed, at a clock of the test's own."""

from __future__ import annotations

import pytest

from readonly_guard_proxy.net.attempts import Attempts


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock) -> Attempts:
    return Attempts(clock)


def waits(attempts: Attempts, clock: Clock, times: int) -> list[float]:
    """Fail so many times, each as soon as it may be; how long was to wait after each."""
    found = []
    for _ in range(times):
        attempts.failed("anna", "10.0.0.1")
        found.append(attempts.wait_s("anna", "10.0.0.1"))
        clock.now_s += found[-1]
    return found


def test_two_are_free_and_each_further_one_costs_twice_as_much_up_to_five_minutes(attempts, clock) -> None:
    assert waits(attempts, clock, 14) == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    clock.now_s += 899
    assert waits(attempts, clock, 1_200)[-1] == 300  # and no number grows too large


def test_the_wait_runs_out(attempts, clock) -> None:
    waits(attempts, clock, 3)
    attempts.failed("anna", "10.0.0.1")
    clock.now_s += 0.5
    assert attempts.wait_s("anna", "10.0.0.1") == 1.5
    clock.now_s += 1.5
    assert attempts.wait_s("anna", "10.0.0.1") == 0


def test_others_are_not_concerned(attempts, clock) -> None:
    waits(attempts, clock, 10)
    attempts.failed("anna", "10.0.0.1")
    assert attempts.wait_s("anna", "10.0.0.2") == attempts.wait_s("bo", "10.0.0.1") == 0


def test_a_success_and_a_quarter_of_an_hour_make_it_forgotten(attempts, clock) -> None:
    waits(attempts, clock, 8)
    attempts.succeeded("anna", "10.0.0.1")
    assert waits(attempts, clock, 3) == [0, 0, 1]
    clock.now_s += 901
    assert waits(attempts, clock, 1) == [0]


def test_who_tries_very_many_names_does_not_fill_the_memory(attempts) -> None:
    for number in range(20_000):
        attempts.failed(f"user{number}", "10.0.0.1")
    assert len(attempts._failures) == 10_000
