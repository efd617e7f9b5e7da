"""Fills a disk of 256 KiB and frees it while a journal is written on it; then starts on it read-only and writable again.

Run in a mount namespace of its own. Argument: a directory to mount the disk on. Writes one JSON object at the end.
"""

import json
import subprocess
import sys
from pathlib import Path

from readonly_guard.audit import Journal, SigningKey, read, verify
from readonly_guard.domain import CompletionRecord
from readonly_guard.errors import ConfigurationError, LogUnavailable


def record(name: str) -> CompletionRecord:
    return CompletionRecord(decision_id=name, time="t", rows=None, bytes=1, duration_us=1, sqlstate="")


def main(disk: Path) -> None:
    def mount(*arguments: str) -> None:
        subprocess.run(["mount", *arguments, disk], check=True)

    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs")
    filler = disk / "filler"
    filler.write_bytes(bytes(100_000))
    key = SigningKey.generate(disk / "signing.key")
    journal = Journal.open(disk / "journal", segment_bytes=50_000, signing_key=key)
    acknowledged: list[str] = []
    refused: list[str] = []

    def write(name: str) -> bool:
        names = [f"{name}-{number}" for number in range(10)]
        try:
            for item in names:
                journal.append(record(item))
            journal.commit()
        except LogUnavailable as error:
            refused.append(str(error))
            return False
        acknowledged.extend(names)
        return True

    number = 0
    while write(f"filling-{number}"):
        number += 1
    for again in range(3):
        write(f"full-{again}")
    filler.unlink()
    is_writing_when_freed = write("freed")
    journal.close()
    mount("-o", "remount,ro")
    try:
        Journal.open(disk / "journal", signing_key=key)
    except ConfigurationError as error:
        refused.append(str(error))
    mount("-o", "remount,rw")
    journal = Journal.open(disk / "journal", signing_key=key)
    is_writing_again = write("rw")
    journal.close()
    names = [entry.record.decision_id for entry in read(disk / "journal") if isinstance(entry.record, CompletionRecord)]
    checked = verify(disk / "journal")
    result = {
        "is_writing": [is_writing_when_freed, is_writing_again],
        "refused": sorted(set(refused)),
        "is_whole": checked.ok,
        "segments": checked.segments,
        "is_what_was_acknowledged": names == acknowledged,
        "records": len(names),
    }
    sys.stdout.write(json.dumps(result))


main(Path(sys.argv[1]))
