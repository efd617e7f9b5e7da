"""What is printed and kept: a paper as a value, and the same paper as a page and as a PDF.

Both are made of one :class:`Paper`, so that neither can say what the other does not. The PDF is set by Typst: tagged
(PDF/UA-1) and made for keeping (PDF/A-3), with its fonts inside. Nothing in a paper is read as markup, in neither form.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import msgspec

from readonly_guard.errors import ConfigurationError
from readonly_guard.review.pages import page

__all__ = ["Chart", "Fact", "Facts", "Note", "Paper", "Section", "Table", "paper_html", "paper_pdf"]

_STANDARDS: Final = ("a-3a", "ua-1")


class Note(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    """A paragraph. ``kind`` is ``plain``, ``muted``, ``right`` or ``wrong``."""

    text: str
    kind: str = "plain"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Something with a name; ``lines`` one below the other, in ``code`` as they stand."""

    name: str
    lines: tuple[str, ...]
    is_code: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True, tag="facts"):
    """Facts below each other."""

    facts: tuple[Fact, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True, tag="table"):
    """A table; ``numbers`` are the columns that hold numbers, ``codes`` those that hold codes, counted from 0."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    codes: tuple[int, ...] = ()


class Chart(msgspec.Struct, frozen=True, kw_only=True, tag="chart"):
    """A drawing as SVG; ``label`` says what it shows. Its figures stand in a table after it."""

    svg: str
    label: str


Block = Note | Facts | Table | Chart


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a paper; without a heading, the first."""

    blocks: tuple[Block, ...]
    heading: str = ""


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A paper.

    Attributes:
        language: ``sv`` or ``en``.
        title: what it is.
        about: whom or what it is about, for the head of each page.
        made: when, RFC 3339.
        lead: what stands below the title.
        sections: the rest.
        is_wide: it is set across the page.
    """

    language: str
    title: str
    about: str
    made: str
    lead: str
    sections: tuple[Section, ...]
    is_wide: bool = False


def paper_html(paper: Paper) -> str:
    """The paper as a page that stands by itself."""
    return page("paper.html", paper.language, paper=paper)


def paper_pdf(paper: Paper, *, attached: dict[str, bytes] | None = None) -> bytes:
    """The paper as PDF.

    Args:
        paper: what is set.
        attached: files to put into it, by name; JSON.

    Raises:
        ConfigurationError: the extra ``review`` has been installed without Typst, or it does not set the paper.
    """
    try:
        import typst  # noqa: PLC0415  a large library, of which nothing else here knows
    except ModuleNotFoundError:
        raise ConfigurationError("a PDF needs typst: python -m pip install 'readonly-guard[review]'") from None
    given = {"paper": msgspec.json.encode(paper).decode()}
    files = {name: data.decode() for name, data in (attached or {}).items()}
    given["attached"] = msgspec.json.encode(files).decode()
    template = resources.files("readonly_guard.review").joinpath("templates/paper.typ")
    try:
        return typst.compile(
            template.read_bytes(), ignore_system_fonts=True, sys_inputs=given, pdf_standards=[*_STANDARDS]
        )
    except typst.TypstError as error:
        raise ConfigurationError(f"the PDF cannot be set: {error.message}") from None
