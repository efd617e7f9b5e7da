"""`readonly-guard classify`: readings of many texts, one JSON line in, one JSON line out."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import Annotated, Any, BinaryIO, Final, cast

import msgspec
import typer

from readonly_guard.domain import Analysis
from readonly_guard.sql import Analyzer
from readonly_guard_cli.output import fail

__all__ = ["classify", "classify_lines"]

_CHUNK_BYTES: Final = 64 * 1024  # what a pipe holds on Linux
_LINES_A_SWEEP: Final = 1_000


class _Line(msgspec.Struct):
    sql: str


def classify(
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Read {"sql": …} lines from standard input.')] = False,
) -> None:
    """Read statements by the thousand: the write lock's verdict on each, without any policy.

    Each input line `{"sql": "…"}` gives one output line, in the same order:
    `{"verdict": "read" | "denied", "codes": […], "statements": [{"kind", "effects", "relations", "functions"}]}`.
    Other keys of an input line are not looked at, empty lines are passed over.

    A line that is not that gives `{"error": …, "line": n}`, and the run goes on. Answers are written before more input
    is waited for, so a program may ask line by line through a pipe.

    Exit status: 0 every line could be judged, 1 some could not, 2 usage error.

    For example:

    - `readonly-guard classify --jsonl < statements.jsonl | grep denied`
    """
    if not jsonl:
        fail('give --jsonl and one {"sql": …} a line on standard input')
    gc.freeze()  # what is imported stays; the collector need not look at it again
    gc.disable()
    bad = classify_lines(cast("BufferedReader", sys.stdin.buffer), sys.stdout.buffer)
    raise typer.Exit(1 if bad else 0)


def classify_lines(source: BufferedReader, target: BinaryIO) -> int:
    """Judge every line of ``source`` into ``target``; how many could not be judged."""
    analyzer = Analyzer()
    decoder, encoder = msgspec.json.Decoder(_Line), msgspec.json.Encoder()
    bad = number = 0
    for lines in _as_they_come(source):
        for line in lines:
            number += 1
            if number % _LINES_A_SWEEP == 0:
                gc.collect()  # syntax trees are circles; the collector on its own would look far too often
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


def _as_they_come(source: BufferedReader) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at a time as have arrived; the last one needs no line break."""
    parts: list[bytes] = []  # of the line that has begun
    while chunk := source.read1(_CHUNK_BYTES):
        *whole, rest = chunk.split(b"\n")
        if whole:
            whole[0] = b"".join([*parts, whole[0]])
            parts = []
            yield whole
        parts.append(rest)
    yield [b"".join(parts)]


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
