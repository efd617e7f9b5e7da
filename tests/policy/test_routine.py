"""docs/routine.md: every statement of the routine is there, and every rule, code and test that it names exists."""

import re
from pathlib import Path

import pytest

from readonly_guard.codes import CORE_CODES
from readonly_guard.policy import load_policies

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"rule", "control", "report", "out of reach"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "routine.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| S\d\d ", line)
]


def of_the_policies(policies_dir: Path) -> dict[str, set[str]]:
    """The statements of the routine by code, as METADATA gives them."""
    found: dict[str, set[str]] = {}
    for _, text in load_policies(str(policies_dir)).modules:
        for code, statements in re.findall(r"#   code: (\S+)\n#   statement: (.+)\n", text):
            found.setdefault(code, set()).update(statements.split(", "))
    return found


def test_every_statement_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [f"S{number:02}" for number in range(1, 31)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_row_names_exists(row: list[str], policies_dir: Path) -> None:
    _, says, kind, does, codes, tests = row
    assert says
    assert kind in KINDS
    assert set(codes.split()) <= CORE_CODES.keys() | of_the_policies(policies_dir).keys()
    places = [place for place in re.findall(r"`([^`]+)`", f"{does} {tests}") if "/" in place]
    assert re.findall(r"`([^`]+)`", tests), "no test"
    assert kind in {"report", "out of reach"} or re.search(r"`[^`]+/[^`]+`", does), "nothing does it"
    for place in places:
        path, _, name = place.partition("::")
        assert (ROOT / path).exists(), place
        assert not name or re.search(
            rf"^(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
        )


def test_every_code_of_the_policies_stands_where_its_metadata_says(policies_dir: Path) -> None:
    by_code: dict[str, set[str]] = {}
    for statement, _, _, _, codes, _ in ROWS:
        for code in codes.split():
            by_code.setdefault(code, set()).add(statement)
    for code, statements in of_the_policies(policies_dir).items():
        assert statements <= by_code.get(code, set()), code
