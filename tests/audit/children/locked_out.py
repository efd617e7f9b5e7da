"""Takes its own rights to the journal away while it writes, and gives them back. As a user who is not root.

Argument: a directory that everyone may write. Writes one JSON object at the end.
"""

import json
import os
import sys
from pathlib import Path

from readonly_guard.audit import Journal, read, verify
from readonly_guard.domain import CompletionRecord
from readonly_guard.errors import LogUnavailable


def record(name: str) -> CompletionRecord:
    return CompletionRecord(decision_id=name, time="t", rows=None, bytes=1, duration_us=1, sqlstate="")


if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
path = Path(sys.argv[1]) / "journal"
journal = Journal.open(path, segment_bytes=2_000)
acknowledged, refusals = [], {"entering": [], "rotating": []}


def write(name: str, texts: list[str]) -> None:
    try:
        journal.append(record(name))
        journal.commit()
    except LogUnavailable as error:
        texts.append(str(error))
    else:
        acknowledged.append(name)


write("before", [])
path.chmod(0)
write("shut out", refusals["entering"])
path.chmod(0o500)
for number in range(40):
    write(f"no new file {number}", refusals["rotating"])
path.chmod(0o700)
write("after", [])
journal.close()
result = {
    "refusals": {what: sorted(set(texts)) for what, texts in refusals.items()},
    "is_what_was_acknowledged": [entry.record.decision_id for entry in read(path)] == acknowledged,
    "last": acknowledged[-1],
    "ok": verify(path).ok,
}
sys.stdout.write(json.dumps(result))
