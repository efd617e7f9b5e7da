"""Places in the house: in all, by user and by address, in one process and over several."""

from __future__ import annotations

import pytest

from readonly_guard.settings import LimitSettings
from readonly_guard_proxy.net.boards import Boards, forget_places
from readonly_guard_proxy.net.crowd import Crowd

_LIMITS = LimitSettings(connections=3, connections_per_user=2, connections_per_address=2)


def crowd_of(boards: Boards, limits: LimitSettings = _LIMITS) -> Crowd:
    return Crowd(limits, boards.users, boards.addresses)


def test_a_crowd_counts_in_all_by_user_and_by_address():
    crowd = crowd_of(Boards.alone(3))
    assert [crowd.enter(user) for user in ("a", "a", "a", "b", "c")] == [
        "",
        "",
        "connections_per_user",
        "",
        "connections",
    ]
    crowd.leave("a")
    assert crowd.enter("a") == ""
    assert [crowd.arrive("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert crowd.arrive("192.0.2.2")
    assert all(crowd.arrive("") for _ in range(5))  # unix sockets have no address
    for _ in range(2):
        crowd.depart("192.0.2.1")
    assert crowd.arrive("192.0.2.1")


def test_names_that_are_gone_make_room_for_others():
    crowd = crowd_of(Boards.alone(1), LimitSettings(connections=1, connections_per_user=1, connections_per_address=1))
    for number in range(20_000):
        assert crowd.enter(f"u{number}") == ""
        assert crowd.arrive(f"192.0.2.{number}")
        crowd.leave(f"u{number}")
        crowd.depart(f"192.0.2.{number}")


class TestSeveralWorkers:
    @pytest.fixture
    def three(self, tmp_path) -> list[Crowd]:
        return [crowd_of(Boards.shared(tmp_path, number, 3, 100)) for number in (1, 2, 3)]

    def test_a_user_and_an_address_are_counted_over_all(self, three):
        assert [crowd.enter("a") for crowd in three] == ["", "", "connections_per_user"]
        assert [crowd.arrive("192.0.2.1") for crowd in three] == [True, True, False]
        assert three[2].enter("b") == ""
        three[0].leave("a")
        assert three[2].enter("a") == ""

    def test_the_places_of_one_that_ended_are_free_again_and_its_successor_begins_anew(self, three, tmp_path):
        assert three[0].enter("a") == three[0].enter("a") == ""
        assert three[1].enter("a") == "connections_per_user"
        forget_places(tmp_path, 1)
        assert three[1].enter("a") == ""
        successor = crowd_of(Boards.shared(tmp_path, 1, 3, 100))
        assert successor.enter("a") == ""
        assert [crowd.enter("a") for crowd in (successor, *three[1:])] == ["connections_per_user"] * 3

    def test_each_has_its_share_of_the_total(self, three):
        assert [three[0].enter(user) for user in "abcd"] == ["", "", "", "connections"]
        assert three[1].enter("e") == ""
