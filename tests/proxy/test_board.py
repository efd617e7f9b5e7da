"""The board itself: written and read by several, full, and never seen half written."""

from __future__ import annotations

import pytest

from readonly_guard_proxy.net.board import Board, wipe

_SECRET = b"0123456789abcdef"


def _first(figures):
    return figures[0]


@pytest.fixture
def files(tmp_path):
    return [tmp_path / "one", tmp_path / "two"]


def _open(files, own, names=64):
    return Board.shared(files, own, names, "!Id", _SECRET)


def test_each_writes_its_own_and_reads_all(files):
    one, two = _open(files, 0), _open(files, 1)
    assert list(one.read("anna")) == []
    assert one.own("anna") is None
    assert one.write("anna", (1, 2.5), _first, keeps=True)
    assert two.write("anna", (3, 4.5), _first, keeps=True)
    assert one.write("anna", (2, 2.5), _first, keeps=True)
    assert list(one.read("anna")) == list(two.read("anna")) == [(2, 2.5), (3, 4.5)]
    assert (one.own("anna"), two.own("anna")) == ((2, 2.5), (3, 4.5))
    assert list(one.read("bo")) == []


def test_what_is_wiped_is_gone_for_those_who_have_it_open(files):
    one, two = _open(files, 0), _open(files, 1)
    one.write("anna", (1, 0.0), _first, keeps=True)
    two.write("anna", (2, 0.0), _first, keeps=True)
    wipe(files[0])
    wipe(files[0].with_name("nowhere"))
    assert list(two.read("anna")) == [(2, 0.0)]
    assert one.own("anna") is None


def test_a_full_bucket_keeps_what_is_worth_something_unless_it_may_not():
    board = Board.alone(1, "!Id")  # one bucket of sixteen
    for number in range(16):
        assert board.write(f"u{number}", (number + 1, 0.0), _first, keeps=True)
    assert not board.write("one more", (5, 0.0), _first, keeps=True)
    assert list(board.read("one more")) == []
    assert board.write("one more", (5, 0.0), _first, keeps=False)
    assert list(board.read("u0")) == []  # the least gave way
    board.write("u7", (0, 0.0), _first, keeps=True)
    assert board.write("another", (1, 0.0), _first, keeps=True)
    assert list(board.read("u7")) == []


def test_figures_that_look_like_a_name_are_not_taken_for_one():
    """A hash is found only where one stands, whatever the figures beside it are."""
    board = Board.alone(1, "!16s16s")
    key = board._place("anna").key
    for number in range(16):
        board.write(f"u{number}", (key, key), lambda figures: figures[0][0], keeps=True)
    assert list(board.read("anna")) == []


def test_any_name_can_be_written_about():
    board = Board.alone(10, "!Id")
    for name in ("", "\0", "å" * 100, "\udce9", "x" * 10_000):
        assert board.write(name, (1, 0.0), _first, keeps=True)
        assert list(board.read(name)) == [(1, 0.0)]
