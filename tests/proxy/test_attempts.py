"""Brute force is slowed, at a clock of the test's own."""

from __future__ import annotations

import pytest

from readonly_guard_proxy.net.attempts import Attempts
from readonly_guard_proxy.net.boards import Boards


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock) -> Attempts:
    return Attempts(clock, Boards.alone(10).failures)


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


def test_who_tries_very_many_names_makes_the_oldest_forgotten_and_nothing_grow(attempts, clock) -> None:
    waits(attempts, clock, 5)
    attempts.failed("anna", "10.0.0.1")
    for number in range(100_000):
        clock.now_s += 0.001
        attempts.failed(f"user{number}", "10.0.0.1")
    assert attempts.wait_s("anna", "10.0.0.1") == 0
    for _ in range(3):
        attempts.failed("user99999", "10.0.0.1")
    assert attempts.wait_s("user99999", "10.0.0.1") == 2


class TestSeveralWorkers:
    @pytest.fixture
    def both(self, clock, tmp_path) -> list[Attempts]:
        return [Attempts(clock, Boards.shared(tmp_path, number, 2, 10).failures) for number in (1, 2)]

    def test_count_together(self, both, clock):
        for turn in range(3):
            both[turn % 2].failed("anna", "10.0.0.1")
        assert [worker.wait_s("anna", "10.0.0.1") for worker in both] == [1, 1]
        clock.now_s += 1
        both[1].failed("anna", "10.0.0.1")
        assert [worker.wait_s("anna", "10.0.0.1") for worker in both] == [2, 2]

    def test_a_success_at_one_is_one_at_all(self, both, clock):
        for turn in range(6):
            both[turn % 2].failed("anna", "10.0.0.1")
            clock.now_s += 1
        both[0].succeeded("anna", "10.0.0.1")
        assert [worker.wait_s("anna", "10.0.0.1") for worker in both] == [0, 0]
        clock.now_s += 1
        for turn in range(2):
            both[turn % 2].failed("anna", "10.0.0.1")
        assert [worker.wait_s("anna", "10.0.0.1") for worker in both] == [0, 0]

    def test_what_one_saw_that_ended_is_kept(self, both, clock, tmp_path):
        for _ in range(5):
            both[0].failed("anna", "10.0.0.1")
        successor = Attempts(clock, Boards.shared(tmp_path, 1, 2, 10).failures)
        assert successor.wait_s("anna", "10.0.0.1") == both[1].wait_s("anna", "10.0.0.1") == 4
