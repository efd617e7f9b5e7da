"""Kills journal writers at random moments and tells after each round what was acknowledged and what is there.

Arguments: a directory, the number of rounds, a seed. Writes one JSON object a round.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from readonly_guard.audit import Journal, SigningKey, read, verify
from readonly_guard.domain import CompletionRecord

SEGMENT_BYTES = 40_000


def record(name: str) -> CompletionRecord:
    return CompletionRecord(decision_id=name, time="t", rows=None, bytes=1, duration_us=1, sqlstate="")


def write_until_killed(
    directory: Path, key: SigningKey, acknowledgements: int, turn: int, chance: random.Random
) -> NoReturn:
    journal = Journal.open(directory, segment_bytes=SEGMENT_BYTES, signing_key=key, seal_every_s=0.003)
    os.write(acknowledgements, b"0\n")
    written = 0
    while True:
        for _ in range(chance.randint(1, 40)):
            written += 1
            journal.append(record(f"{turn}:{written}"))
        journal.commit()
        os.write(acknowledgements, b"%d\n" % written)


def names(directory: Path) -> list[str]:
    records = [entry.record for entry in read(directory)]
    return [item.decision_id for item in records if isinstance(item, CompletionRecord)]


def main(directory: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    key = SigningKey.generate(directory / "signing.key")
    for turn in range(rounds):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            write_until_killed(directory, key, writing, turn, random.Random(seed + turn))
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            acknowledged = [pipe.readline()]  # it is open and about to write
            time.sleep(chance.uniform(0, 0.04))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            acknowledged += pipe.readlines()
        with Journal.open(directory, segment_bytes=SEGMENT_BYTES, signing_key=key) as journal:
            found = journal.recovery
        checked = verify(directory)
        kept = [name for name in names(directory) if name.startswith(f"{turn}:")]
        result = {
            "acknowledged": int(acknowledged[-1]),
            "kept": len(kept),
            "is_in_order": kept == [f"{turn}:{number}" for number in range(1, len(kept) + 1)],
            "torn": found.torn_bytes,
            "ok": checked.ok,
            "head": checked.head.seq,
            "seals": checked.seals,
            "segments": checked.segments,
        }
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()  # before the next fork inherits it


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
