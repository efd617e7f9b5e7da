"""Judgements of startup packets that are remembered, and those that are not."""

from __future__ import annotations

from functools import partial

from readonly_guard.settings import ReadingSettings
from readonly_guard.sql import judge_startup
from readonly_guard_proxy.net.judging import remembering

_PACKET = {"user": "alind", "database": "d", "options": "-c readonly_guard.purpose=TREAT"}


def _counting():
    asked = []

    def judge(parameters):
        asked.append(dict(parameters))
        return judge_startup(parameters, ReadingSettings())

    return asked, remembering(judge)


def test_the_same_packet_is_judged_once_and_its_sessions_share_what_they_declare():
    asked, judge = _counting()
    first, second = judge(dict(_PACKET)), judge(dict(_PACKET))
    assert first.declared is second.declared
    assert first.declared.purpose == "TREAT"
    assert asked == [_PACKET]


def test_whatever_differs_is_judged_by_itself():
    asked, judge = _counting()
    judge(_PACKET)
    assert judge({**_PACKET, "options": "-c readonly_guard.purpose=ETREAT"}).declared.purpose == "ETREAT"
    assert [reason.code for reason in judge({**_PACKET, "replication": "true"}).reasons] == ["RG-T05"]
    assert not judge(_PACKET).reasons
    # names and values cannot be shifted against each other
    assert judge({"user": "a", "database": "b"}).forward != judge({"user": "database", "a": "b"}).forward
    assert len(asked) == 5


def test_of_two_orders_the_last_setting_still_wins():
    _, judge = _counting()
    purposes = ("-c readonly_guard.purpose=TREAT", "-c readonly_guard.purpose=ETREAT")
    assert [
        judge({"user": "a", "options": " ".join(order)}).declared.purpose for order in (purposes, purposes[::-1])
    ] == ["ETREAT", "TREAT"]


def test_a_long_packet_is_judged_each_time_and_kept_by_nobody():
    asked, judge = _counting()
    packet = {"user": "alind", "application_name": "x" * 2_000}
    assert judge(packet).forward["application_name"] == judge(packet).forward["application_name"] == "x" * 2_000
    assert len(asked) == 2


def test_it_remembers_no_more_than_it_says():
    asked, judge = _counting()
    for number in range(300):
        judge({"user": f"u{number}"})
    judge({"user": "u299"})
    assert len(asked) == 300
    judge({"user": "u0"})
    assert len(asked) == 301


def test_what_is_judged_is_what_the_judge_says():
    judge = partial(judge_startup, rules=ReadingSettings())
    assert remembering(judge)(_PACKET) == judge(_PACKET)
