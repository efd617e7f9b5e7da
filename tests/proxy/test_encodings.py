"""In whichever encoding a text is judged, the server reads it in the same: held against a real one, story by story."""

from __future__ import annotations

import random
import re

READ = "select length('é')".encode()
"""Two bytes, which are one character of UTF-8 and two of LATIN1: the server's answer tells in which it has read them."""

TEXTS = [
    *[READ] * 10, *[b"begin", b"set client_encoding to latin1", b"select 1/0", b"rollback"] * 4,
    b"set client_encoding to utf8",
    b"set local client_encoding to latin1", b"set client_encoding to win1252", b"set names 'latin9'",
    b"reset client_encoding", b"reset all", b"discard all", b"commit", b"savepoint a", b"rollback to a",
    b"release a", b"commit and chain", b"rollback and chain", b"commit; " + READ, b"begin; " + READ,
    READ + b"; commit", b"start transaction", b"set client_encoding to latin1; commit",
    b"begin; set local client_encoding to latin1", b"abort", b"end",
]  # fmt: skip
SESSIONS, PACKETS = 40, 25


async def test_a_text_is_read_as_the_server_reads_it(proxy, client_class, guard, pg) -> None:
    chance, rows = random.Random(1), 0
    for _ in range(SESSIONS):
        client = await (await client_class.connect(proxy.port)).login()
        for _ in range(PACKETS):
            texts = [chance.choice(TEXTS) for _ in range(chance.choice([1, 1, 2, 2, 3, 4]))]
            is_extended = len(texts) == 1 and b";" not in texts[0] and chance.random() < 0.3
            if is_extended:
                packet = pg.parse(texts[0]) + pg.bind() + pg.describe("P") + pg.execute() + pg.SYNC
            else:
                packet = b"".join(map(pg.query, texts))
            before = len(guard.asked)
            client.rows.clear()
            client.errors.clear()
            client.send(packet)
            answers = [await client.until_ready() for _ in texts]
            judged = [text for phase, text in guard.asked[before:] if phase != "parse"]
            rows += read_alike(answers, judged, client.rows, client.errors)
        await client.close()
        client_class.all.remove(client)
    assert rows > SESSIONS * PACKETS / 4
    assert guard.repeated


def read_alike(answers: list[str], judged: list[str], rows: list[bytes], errors: list[dict[str, str]]) -> int:
    """How many answers there are to texts that were let through, each the number of characters that were judged."""
    waiting, failed, count = iter(judged), iter(errors), 0
    told = iter(rows)
    for answer in answers:
        words = answer.split(" ")
        errors_told = [next(failed) for word in words if word.startswith("E(")]
        if any(error.get("R") == "readonly_guard" for error in errors_told):
            continue  # refused: nothing was judged that the server has seen
        text = next(waiting, "")  # of a Parse that failed nothing was run
        for _ in range(words.count("D")):
            characters = re.search(r"length\('(.*?)'\)", text)
            assert characters is not None
            assert next(told)[6:] == str(len(characters[1])).encode(), text
            count += 1
    return count
