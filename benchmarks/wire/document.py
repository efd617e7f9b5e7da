"""Writes docs/performance.md: measures its chapters, keeps their figures, and sets tables and pictures from them.

    python -m benchmarks.wire.document                     # all chapters: half an hour; let the machine do nothing else
    python -m benchmarks.wire.document --only tls growth   # these again
    python -m benchmarks.wire.document --render            # tables and pictures from the kept figures

Other options are those of `python -m benchmarks.wire` and go to every chapter (`--rounds 2`, `--quick`).

Tables stand between `<!-- measured: CHAPTER -->` and `<!-- end -->`. What is measured in each chapter is below.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.options import parse
from benchmarks.wire.plot import plot_growth, plot_load
from benchmarks.wire.report import Report, tables
from benchmarks.wire.run import run

__all__ = ["CHAPTERS", "render"]

CHAPTERS: Final[Mapping[str, str]] = MappingProxyType({
    "select-only": "--measure load --loads select-only",
    "one-question": "--measure load --loads select-only --patients none --clients 8 --journal buffered",
    "records": "--measure load --loads records --clients 8 32",
    "login": "--measure load --loads login --modes simple --clients 8 --journal buffered",
    "tls": "--measure load --loads select-only login --modes prepared --clients 8 --journal buffered --tls",
    "workers": "--measure load --modes simple prepared --clients 32 --journal buffered --workers 1 2",
    "engines": "--measure load --modes prepared --clients 8 --journal buffered --engine embedded opa",
    "large": "--measure transfer idle --journal buffered",
    "cold": "--measure cold --journal buffered --without direct pgbouncer",
    "growth": "--measure growth --journal buffered --without direct pgbouncer",
})  # fmt: skip
"""The document's chapters, and with which options of `python -m benchmarks.wire` they are measured."""

_DOCS: Final = Path(__file__).parents[2] / "docs"
_BLOCK: Final = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_USAGE_ERROR: Final = 2
_FIGURES = msgspec.json.Decoder(dict[str, Report])


def main() -> int:
    """Measure what was asked for, one chapter after the other, each kept as soon as it is there."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wire.document",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=list(CHAPTERS), default=list(CHAPTERS), metavar="CHAPTER")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--docs", type=Path, default=_DOCS, help="the folder of performance.md")
    chosen, further = parser.parse_known_args()
    for chapter in chosen.only:
        parse([*CHAPTERS[chapter].split(), *further])  # what is wrong is said before anything is measured
    try:
        figures = read_figures(chosen.docs)
        for chapter in [] if chosen.render else chosen.only:
            print(f"== {chapter}", file=sys.stderr, flush=True)
            figures[chapter] = run(parse([*CHAPTERS[chapter].split(), *further]))
            _write_figures(chosen.docs, figures)
            render(chosen.docs, figures)
        render(chosen.docs, figures)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return _USAGE_ERROR
    return 0


def read_figures(docs: Path) -> dict[str, Report]:
    """The kept figures by chapter; none where there are none yet.

    Raises:
        BenchmarkError: the file is not what was written here.
    """
    path = docs / "performance.json"
    if not path.exists():
        return {}
    try:
        return _FIGURES.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise BenchmarkError(f"{path}: {error}; remove it and measure all chapters again") from error


def render(docs: Path, figures: Mapping[str, Report]) -> None:
    """Set the document's tables, and draw its pictures.

    Raises:
        BenchmarkError: the document has a block that is no chapter.
    """
    document = docs / "performance.md"
    document.write_text(rendered(document.read_text(encoding="utf-8"), figures), encoding="utf-8")
    if "select-only" in figures:
        plot_load(figures["select-only"].load, docs / "performance-load.svg")
    if "growth" in figures:
        plot_growth(figures["growth"].growth, docs / "performance-growth.svg")


def rendered(text: str, figures: Mapping[str, Report]) -> str:
    """A document with its tables set.

    Raises:
        BenchmarkError: it has a block that is no chapter.
    """

    def fill(match: re.Match[str]) -> str:
        begin, chapter, end = match.groups()
        if chapter == "machine":
            return f"{begin}{_machine(figures)}\n{end}"
        if chapter not in CHAPTERS:
            raise BenchmarkError(f"performance.md: {chapter!r} is no chapter; there are {', '.join(CHAPTERS)}")
        if chapter not in figures:
            return f"{begin}Not measured yet.\n{end}"
        return f"{begin}{_circumstances(figures[chapter])}\n\n{tables(figures[chapter])}\n{end}"

    return _BLOCK.sub(fill, text)


def _machine(figures: Mapping[str, Report]) -> str:
    for report in figures.values():
        facts = {name: value for name, value in report.machine.items() if name not in {"measured", "load before"}}
        return "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return "Not measured yet."


def _circumstances(report: Report) -> str:
    facts = [
        report.machine["measured"],
        f"load average before {report.machine['load before']}",
        *(f"{name}: {value}" for name, value in report.setting.items()),
    ]
    return f"*{' · '.join(facts)}*"


def _write_figures(docs: Path, figures: Mapping[str, Report]) -> None:
    # in the order of the chapters, whatever was measured last
    ordered = {chapter: figures[chapter] for chapter in CHAPTERS if chapter in figures}
    (docs / "performance.json").write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=1) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
