"""The papers: what the page says the PDF says, as text, tagged, with its fonts inside."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from pypdf import PdfReader

from readonly_guard.audit import KeyRing
from readonly_guard.domain import ProtocolRecord
from readonly_guard.review import (
    Desk,
    figures_of,
    management_paper,
    paper_html,
    paper_pdf,
    protocol_html,
    protocol_paper,
    protocol_pdf,
)
from readonly_guard.review.papers import Fact, Facts, Note, Paper, Section, Table

from .conftest import MANAGER, MONTH, UNIT


@pytest.fixture
def signed(answered) -> ProtocolRecord:
    return answered.sign(MANAGER, MONTH, UNIT)


def _text(data: bytes) -> str:
    text = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(data)).pages)
    return re.sub(r"\s+", "", text)


def _hostile(text: str) -> Paper:
    blocks = (
        Note(text=text),
        Facts(facts=(Fact(name=text, lines=(text,), is_code=True),)),
        Table(headings=(text,), rows=((text,),), codes=(0,)),
    )
    return Paper(
        language="sv", title=text, about=text, made="2026-11-02T08:00:00Z", lead=text,
        sections=(Section(heading=text, blocks=blocks),),
    )  # fmt: skip


@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_pdf_carries_the_same_hashes_and_signature_as_the_page(answered, signed, language):
    keys = KeyRing.beside(answered.ledger.path)
    pdf, html = _text(protocol_pdf(signed, keys, language)), protocol_html(signed, keys, language)
    for said in (signed.seed, signed.signature, signed.key_id, signed.ledger, *signed.heads, UNIT):
        assert said in html
        assert re.sub(r"\s+", "", said) in pdf
    (chain,) = signed.chains
    head = chain.partition("head ")[2].partition(",")[0]
    said = f"hel, 485 poster, huvud {head}, signerad till och med" if language == "sv" else chain
    assert said in html
    assert re.sub(r"\s+", "", said) in pdf
    assert ("whole" in html, "at least" in html) == (language == "en", language == "en")
    assert ("Underskriftenärriktig" if language == "sv" else "Thesignatureisright") in pdf


def test_the_signed_record_is_inside_and_can_be_checked_from_there(answered, signed):
    keys = KeyRing.beside(answered.ledger.path)
    files = PdfReader(io.BytesIO(protocol_pdf(signed, keys, "sv"))).attachments
    inside = msgspec.json.decode(files["protocol.json"][0], type=ProtocolRecord)
    assert inside == signed
    assert keys.objection(inside) is None


def test_a_forged_protocol_says_so_in_the_pdf_too(answered, signed):
    forged = msgspec.structs.replace(signed, selected=signed.selected - 1)
    assert "UNDERSKRIFTENÄRINTERIKTIG" in _text(protocol_pdf(forged, KeyRing.beside(answered.ledger.path), "sv"))


def test_it_is_tagged_in_its_language_with_its_fonts_and_the_same_twice(answered, signed):
    paper = protocol_paper(signed, KeyRing.beside(answered.ledger.path), "sv")
    data = paper_pdf(paper)
    assert data == paper_pdf(paper)
    reader = PdfReader(io.BytesIO(data))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "sv"
    assert "Protokoll över logggranskning" in reader.metadata.title
    for sheet in reader.pages:
        for font in sheet["/Resources"]["/Font"].values():
            descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            assert {"/FontFile2", "/FontFile3"} & descriptor.keys()


@pytest.mark.parametrize(
    "text",
    ['#panic("x")', "*fet* _kursiv_ `kod` $x^2$", "<script>alert(1)</script>", "= Rubrik", "#sys.inputs", '"}\\', "åäö ÅÄÖ é – “”", "\u202egnp.exe"],
)  # fmt: skip
def test_no_text_is_read_as_markup(text):
    paper = _hostile(text)
    html = paper_html(paper)
    assert "<script" not in html
    said = _text(paper_pdf(paper))
    if text.isprintable():
        assert said.count(re.sub(r"\s+", "", text)) >= 6


def test_charts_are_in_the_management_report_with_what_they_show(desk):
    paper = management_paper(figures_of(desk, MANAGER, desk.now()), "sv")
    data = paper_pdf(paper)
    assert b"/Figure" in data or "/Figure" in str(PdfReader(io.BytesIO(data)).trailer["/Root"]["/StructTreeRoot"])
    assert "Bedömtavdetutvalda" in _text(data)


def test_an_empty_report_is_set_as_well(directory):
    desk = Desk.open(directory)
    assert paper_pdf(management_paper(figures_of(desk, MANAGER, desk.now()), "en")).startswith(b"%PDF")
