"""The command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.wire.options import parse


def test_short_is_only_what_was_not_said() -> None:
    assert (parse(["--quick"]).rounds, parse(["--quick"]).megabytes) == (1, 64)
    assert parse(["--quick", "--rounds", "3"]).rounds == 3
    assert (parse([]).rounds, parse([]).sessions) == (5, 1000)


def test_lists_are_ways_and_cases() -> None:
    options = parse(["--journal", "buffered", "--workers", "1", "2", "--json", "found.json"])
    assert (options.journal, options.workers, options.json) == (("buffered",), (1, 2), Path("found.json"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--clients", "0"], "0 is not at least 1"),
        (["--modes", "fast"], "invalid choice: 'fast'"),
        (["--loads", "writes"], "invalid choice: 'writes'"),
        (["--instructions", "--workers", "2"], "counts one process"),
    ],
)
def test_a_wrong_argument_is_said(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
