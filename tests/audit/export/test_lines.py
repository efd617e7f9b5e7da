import csv
import io

import pytest

from readonly_guard.audit import read_all


def test_json_lines_are_the_log(events, journal):
    lines = events("jsonl")

    assert [(line["chain"], line["seq"], line["hash"]) for line in lines] == [
        (entry.chain, entry.seq, entry.hash) for entry in read_all(journal)
    ]
    assert [line["record"]["type"] for line in lines].count("decision") == 5


def test_swedish_excel_opens_it(exported):
    data = exported("csv")

    assert data.startswith(b"\xef\xbb\xbfLoggnr;Kedja;")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert len({len(row) for row in rows}) == 1
    assert [row[rows[0].index("Utfall")] for row in rows[1:]] == ["Tillåten", "Nekad", "Tillåten", "Tillåten", "Nekad"]
    assert rows[1][rows[0].index("Patient")] == "person_id:900001, alias:191212121212"
    assert rows[1][2] == "2026-03-01 08:15:00.000001"


def test_no_cell_is_a_formula(exported):
    rows = list(csv.reader(io.StringIO(exported("csv").decode("utf-8-sig"), newline=""), delimiter=";"))

    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'+46 1" in cells
    assert any(cell.startswith("'=cmd") for cell in cells)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_what_is_hostile_stays_in_its_line(exported, name):
    lines = exported(name).replace(b"\r\n", b"\n").count(b"\n")

    assert lines == {"csv": 6 + 4, "jsonl": 10}[name], "four line feeds within quoted cells, none within JSON"
