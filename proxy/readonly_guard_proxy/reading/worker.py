"""The worker: a process that reads texts and does nothing else, ``python -m readonly_guard_proxy.reading.worker``.

Its standard input and output are a socket to the pool (`readonly_guard_proxy.reading.exchange`). It keeps nothing
between two texts, so that it can be killed at any moment. It has no log: whatever is wrong with it shows as its end.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from readonly_guard.sql import Analyzer, Scanned, prepare_reading
from readonly_guard_proxy.reading.exchange import HEADER, READY, Answer, Instructions, Question, frame

__all__ = ["main"]

_MOST_LEFT: Final = 2_000
"""How many objects the readings may leave behind, before it is looked for circles among them."""

_MEMORY_BYTES: Final = 512 * 1024 * 1024
"""How much more address space than at the start reading may take; the largest text within the bounds takes 25 MB."""


def main() -> None:
    """Serve the pool at the other end of standard input until it closes or dies."""
    # a service manager and a terminal signal every process of the proxy: the sessions that it drains need this one
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the kernel ends this process, also in the middle of a C function
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    prepare_reading()
    _limit_resources()
    with contextlib.suppress(EOFError, OSError):  # the pool is gone
        _serve(questions, answers)


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    instructions = msgspec.msgpack.decode(_next_frame(questions), type=Instructions)
    analyzer = Analyzer(instructions.rules, instructions.bounds)
    decoder, encoder = msgspec.msgpack.Decoder(Question), msgspec.msgpack.Encoder()
    gc.freeze()  # what is imported stays
    gc.disable()
    _send(answers, READY)
    while True:
        question = decoder.decode(_next_frame(questions))
        signal.setitimer(signal.ITIMER_REAL, instructions.longest_s)
        scanned = None if question.tokens is None else Scanned.of(question.text, question.tokens)
        analysis = analyzer.read(question.text.decode("utf-8", "surrogatepass"), scanned)
        _send(answers, encoder.encode(Answer(number=question.number, analysis=analysis)))
        signal.setitimer(signal.ITIMER_REAL, 0)
        # On its own the collector would look for circles again and again while syntax trees grow; here nobody waits
        # for it. Those of what was read are taken apart: there are many only where something could not be read.
        if gc.get_count()[0] > _MOST_LEFT:
            gc.collect()


def _next_frame(questions: BinaryIO) -> bytes:
    return _exactly(questions, *HEADER.unpack(_exactly(questions, HEADER.size)))


def _exactly(questions: BinaryIO, length: int) -> bytes:
    data = questions.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _send(answers: BinaryIO, body: bytes) -> None:
    answers.write(frame(body))
    answers.flush()


def _limit_resources() -> None:
    _lower(resource.RLIMIT_CORE, 0)  # a core dump would hold the text
    statm = Path("/proc/self/statm")
    if statm.exists():  # where there is none, as on macOS, address space cannot be limited either
        pages = int(statm.read_text(encoding="ascii").split()[0])
        # on top of what is there: an imported allocator may have reserved a gigabyte that it never touches
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + _MEMORY_BYTES)


def _lower(limit: int, to: int) -> None:
    _, hard = resource.getrlimit(limit)
    lowest = to if hard == resource.RLIM_INFINITY else min(to, hard)
    resource.setrlimit(limit, (lowest, lowest))


if __name__ == "__main__":
    main()
