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

from readonly_guard.audit import Journal, verify
from readonly_guard.domain import CompletionRecord

RECORD = CompletionRecord(decision_id="d", time="t", rows=None, bytes=1, duration_us=1, sqlstate="")


def write_until_killed(directory: Path, acknowledgements: int, chance: random.Random) -> NoReturn:
    journal = Journal.open(directory, segment_bytes=40_000)
    os.write(acknowledgements, b"0\n")
    while True:
        seq = 0
        for _ in range(chance.randint(1, 40)):
            seq = journal.append(RECORD)
        journal.commit()
        os.write(acknowledgements, b"%d\n" % seq)


def main(directory: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(rounds):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            write_until_killed(directory, writing, chance)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            acknowledged = [pipe.readline()]  # it is open and about to write
            time.sleep(chance.uniform(0, 0.04))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            acknowledged += pipe.readlines()
        with Journal.open(directory, segment_bytes=40_000) as journal:
            found = journal.recovery
        checked = verify(directory)
        result = {
            "acknowledged": int(acknowledged[-1]),
            "recovered": found.head.seq,
            "torn": found.torn_bytes,
            "ok": checked.ok,
            "head": checked.head.seq,
            "segments": checked.segments,
        }
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()  # before the next fork inherits it


main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
