"""Tries to write an inherited journal from a forked process, and then from its owner. Argument: the directory."""

import os
import sys
from pathlib import Path

from readonly_guard.audit import Journal
from readonly_guard.domain import CompletionRecord
from readonly_guard.errors import LogUnavailable

RECORD = CompletionRecord(decision_id="d", time="t", rows=None, bytes=1, duration_us=1, sqlstate="")

journal = Journal.open(Path(sys.argv[1]))
journal.append(RECORD)
pid = os.fork()
if pid == 0:
    for attempt in (lambda: journal.append(RECORD), journal.commit):
        try:
            attempt()
        except LogUnavailable as error:
            sys.stdout.write(f"heir: {error}\n")
    sys.stdout.flush()
    os._exit(0)
os.waitpid(pid, 0)
journal.commit()
sys.stdout.write(f"owner: {journal.head.seq}\n")
