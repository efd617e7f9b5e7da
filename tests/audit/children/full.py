"""Writes a journal until the kernel refuses to let a file grow, then is allowed to grow again.

Arguments: a directory, the limit in bytes, how many records a commit has. Writes one JSON object at the end.
"""

import json
import resource
import signal
import sys
from pathlib import Path

from readonly_guard.audit import Journal
from readonly_guard.domain import CompletionRecord
from readonly_guard.errors import LogUnavailable


def record(name: str) -> CompletionRecord:
    return CompletionRecord(decision_id=name, time="t", rows=None, bytes=1, duration_us=1, sqlstate="")


def main(directory: Path, limit: int, batch: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = Journal.open(directory)
    segment = next(directory.glob("*.jsonl"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    durable, before, refusals = 0, 0, []
    while not refusals:
        before = segment.stat().st_size
        for _ in range(batch):
            seq = journal.append(record("written"))
        try:
            journal.commit()
        except LogUnavailable as error:
            refusals.append(str(error))
        else:
            durable = seq
    for _ in range(2):  # still full
        journal.append(record("refused"))
        for _ in range(batch):
            journal.append(record("refused"))
        try:
            journal.commit()
        except LogUnavailable as error:
            refusals.append(str(error))
    size_when_full = segment.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = journal.append(record("after"))
    journal.commit()
    journal.close()
    result = {
        "durable": durable,
        "size_before": before,
        "size_when_full": size_when_full,
        "refusals": refusals,
        "after": after,
    }
    sys.stdout.write(json.dumps(result))


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
