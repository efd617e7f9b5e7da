"""Bodies of notes and answers."""

from __future__ import annotations

import re

import pytest

from readonly_guard_cli.demo.documents import note, pdf


def test_a_note_is_text_with_its_title_first() -> None:
    assert note("Besöksanteckning", ["Ett.", "Två."]).decode() == "Besöksanteckning\n\nEtt. Två.\n"


@pytest.mark.parametrize("line", ["", "Patologi: syntetiskt svar.", "åäö (parentes) \\ bakstreck", "utanför: ⊘"])
def test_every_offset_in_a_pdf_points_to_its_object(line: str) -> None:
    document = pdf(line)
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", document)[1])
    assert document[start:].startswith(b"xref\n0 6\n0000000000 65535 f \n")
    offsets = [int(found) for found in re.findall(rb"(\d{10}) 00000 n \n", document[start:])]
    assert len(offsets) == 5
    for number, offset in enumerate(offsets, 1):
        assert document[offset:].startswith(b"%d 0 obj\n" % number)


def test_the_length_of_a_pdf_stream_is_the_length_it_says() -> None:
    found = re.search(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", pdf("Svar (preliminärt)"), re.DOTALL)
    assert int(found[1]) == len(found[2])
    assert rb"\(prelimin" in found[2]
