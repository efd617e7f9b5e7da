"""`readonly-guard classify`: readings of many texts, one JSON line in, one JSON line out."""

from __future__ import annotations

import sys
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from readonly_guard.domain import Analysis
from readonly_guard.sql import Analyzer
from readonly_guard_cli.output import fail

__all__ = ["classify", "classify_lines"]


class _Line(msgspec.Struct):
    sql: str


def classify(
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Read {"sql": …} lines from standard input.')] = False,
) -> None:
    """Read statements by the thousand: the write lock's verdict on each, without any policy.

    Each input line {"sql": "…"} gives one output line {"verdict": "read" | "denied", "codes": […], "statements":
    [{"kind", "effects", "relations", "functions"}]}. A line that is not that gives {"error": …, "line": n}, and the
    run goes on. Exit status 0 when every line could be judged, 1 when some could not.
    """
    if not jsonl:
        fail('give --jsonl and one {"sql": …} a line on standard input')
    bad = classify_lines(sys.stdin.buffer, sys.stdout.buffer)
    raise typer.Exit(1 if bad else 0)


def classify_lines(source: BinaryIO, target: BinaryIO) -> int:
    """Judge every line of ``source`` into ``target``; how many could not be judged."""
    analyzer = Analyzer()
    decoder, encoder = msgspec.json.Decoder(_Line), msgspec.json.Encoder()
    bad = 0
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        document: dict[str, Any]
        try:
            document = _document(analyzer.analyse(decoder.decode(line).sql))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            bad += 1
            document = {"error": f'not a {{"sql": …}} line: {error}', "line": number}
        target.write(encoder.encode(document) + b"\n")
    target.flush()
    return bad


def _document(analysis: Analysis) -> dict[str, Any]:
    return {
        "verdict": "denied" if analysis.reasons else "read",
        "codes": [reason.code for reason in analysis.reasons],
        "statements": [
            {
                "kind": reading.kind,
                "effects": sorted(reading.effects),
                "relations": [str(name) for name in reading.relations],
                "functions": [str(name) for name in reading.functions],
            }
            for reading in analysis.readings
        ],
    }
