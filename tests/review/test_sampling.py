"""The sample, recomputed by hand."""

import hashlib

import pytest

from readonly_guard.review import draw, sample_size, seed_of


def test_the_seed_can_be_recomputed_with_sha256sum():
    text = "2026-10\nMedicinavdelning 1\na=7:aa\nb=9:bb\n"
    assert seed_of("2026-10", "Medicinavdelning 1", ["b=9:bb", "a=7:aa"]) == hashlib.sha256(text.encode()).hexdigest()


def test_neither_unit_nor_head_nor_month_can_be_exchanged():
    seeds = {seed_of(*of) for of in (("m", "u", ["h"]), ("m", "h", ["u"]), ("n", "u", ["h"]), ("m\nu", "", ["h"]))}
    assert len(seeds) == 4


@pytest.mark.parametrize(
    ("population", "size"), [(0, 0), (1, 1), (10, 10), (11, 10), (100, 10), (101, 11), (109, 11), (5_000, 500)]
)
def test_the_size_is_ten_percent_rounded_up_at_least_ten_and_never_more_than_there_are(population, size):
    assert sample_size(population, minimum=10, percent=10) == size


def test_the_draw_is_the_order_of_digests_whatever_order_the_events_come_in():
    events = [f"event-{number}" for number in range(50)]
    by_hand = sorted(events, key=lambda name: hashlib.sha256(("5eed" + name).encode()).hexdigest())[:5]
    assert draw(events, "5eed", 5) == by_hand == draw(events[::-1], "5eed", 5)
    assert draw(events, "5eee", 5) != by_hand
