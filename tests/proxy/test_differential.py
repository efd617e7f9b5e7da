"""Random pipelines through the proxy, and the same straight to PostgreSQL with the substitute in place of denied texts.

The replies must be the same: types, rows, SQLSTATE (but for the exchange of a denial's), transaction status. PostgreSQL
is the oracle; nothing here knows how it skips, fails or commits.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest

PIPELINES = int(os.environ.get("READONLY_GUARD_FUZZ", "300"))
SEED = int(os.environ.get("READONLY_GUARD_SEED", "1"))
PER_CONNECTION = 10

DENIED = ["delete from t", "drop table t", "update t set i = 0", "insert into t values (1)"]
QUERIES = [
    "select 1", "select i from t", "select i from t where i > 3", "select 1; select 2", "select 1/0", "select nope",
    "selekt", "", "show search_path", "copy t to stdout", "select shout()", "select 1; select 1/0; select 2",
]  # fmt: skip
TRANSACTIONS = ["begin", "rollback", "commit", "savepoint a", "rollback to a", "begin; select 1", "commit; select 1"]
NAMED = [
    "prepare s1 as select 7", "prepare s2 as select i from t", "execute s1", "execute s2", "deallocate s1",
    "deallocate all", "discard all", "deallocate s2; prepare s2 as select 8",
]  # fmt: skip
CURSORS = ["declare c cursor for select i from t", "fetch 2 from c", "move 1 in c", "close c", "close all"]
STATEMENTS, PORTALS = ["", "", "", "s1", "s2", "s3"], ["", "", "", "p1", "p2"]
BROKEN = "E(XX000)"  # PostgreSQL 18 after savepoints in an implicit transaction: "unexpected state STARTED"
UNKNOWN = {
    "E(34000)",
    "E(25P02)",
    "E(55000)",
}  # for a portal that the guard does not know: there is none, or it cannot run now


def the_end(pg) -> list[bytes]:
    """Ends whatever has begun, and marks the end."""
    return [pg.query("rollback"), pg.query("select 'the end of it'")]


def substituted(text: str) -> str:
    return "readonly_guard_denied" if text in DENIED else text


class Script:
    """One pipeline, as sent to the proxy and as sent to the server."""

    def __init__(self, pg, chance: random.Random) -> None:
        self.pg, self.chance = pg, chance
        self.guarded: list[bytes] = []
        self.direct: list[bytes] = []
        # SQL may take a portal's name over by DECLARE, and the guard then forgets its portals: not both in one script
        self.portals = PORTALS if chance.random() < 0.5 else [""]
        self.texts = [*QUERIES * 2, *TRANSACTIONS * 2, *NAMED, *(CURSORS if self.portals == [""] else []), *DENIED * 3]
        self.is_turn = chance.random() < 0.4
        if self.is_turn:
            chance.choice([self.query, self.turn, self.turn])()
            return
        for _ in range(chance.randint(1, 6)):
            chance.choice([self.query, self.batch, self.batch, self.odd])()
        self.both(pg.SYNC)

    def both(self, message: bytes) -> None:
        self.guarded.append(message)
        self.direct.append(message)

    def text(self) -> str:
        return self.chance.choice(self.texts)

    def query(self) -> None:
        text = self.text()
        self.guarded.append(self.pg.query(text))
        self.direct.append(self.pg.query(substituted(text)))

    def parse(self) -> None:
        text, name = self.text(), self.chance.choice(STATEMENTS)
        if text.startswith("prepare"):
            name = (
                ""  # SQL's EXECUTE of a named PREPARE gives a name unseen: the guard then forgets all, PostgreSQL not
            )
        self.guarded.append(self.pg.parse(text, name))
        self.direct.append(self.pg.parse(substituted(text), name))

    def batch(self) -> None:
        pg, pick = self.pg, self.chance.choice
        for _ in range(self.chance.randint(1, 7)):
            match pick("PPPBBBEEEEDCHxU"):
                case "P":
                    self.parse()
                case "B":
                    self.both(pg.bind(pick(STATEMENTS), pick(self.portals)))
                case "E":
                    self.both(pg.execute(pick(self.portals), pick([0, 0, 1, 3])))
                case "D":
                    self.both(
                        pg.describe("S", pick(STATEMENTS)) if pick([0, 1]) else pg.describe("P", pick(self.portals))
                    )
                case "C":
                    self.both(pg.close("S", pick(STATEMENTS)) if pick([0, 1]) else pg.close("P", pick(self.portals)))
                case "H":
                    self.both(pg.FLUSH)
                case "x":
                    self.parse()
                    self.both(pg.bind() + pg.describe("P") + pg.execute())
                case "U":
                    self.query()
        if self.chance.random() < 0.8:
            self.both(pg.SYNC)

    def turn(self) -> None:
        """What most clients send before they wait."""
        pg, pick = self.pg, self.chance.choice
        if pick([0, 1]):
            text = self.text()
            self.guarded.append(pg.parse(text))
            self.direct.append(pg.parse(substituted(text)))
            self.both(pg.bind())
        else:
            self.both(pg.bind(pick(STATEMENTS)))
        if pick([0, 1]):
            self.both(pg.describe("P"))
        self.both(pg.execute("", pick([0, 0, 0, 1])) + pg.SYNC)

    def odd(self) -> None:
        self.both(self.chance.choice([self.pg.frame(b"d", b"x"), self.pg.frame(b"c"), self.pg.frame(b"f", b"x\0")]))


async def play(client, messages: list[bytes], cuts: list[int], chance: random.Random, pg) -> list[str]:
    """Send in pieces, then a query that marks the end, and tell the replies up to its end."""
    data, at = b"".join([*messages, *the_end(pg)]), 0
    while at < len(data):
        size = chance.choice(cuts)
        client.send(data[at : at + size])
        at += size
        if chance.random() < 0.2:
            await asyncio.sleep(0)
    return await replies(client, [])


async def play_turn(client, messages: list[bytes], pg) -> list[str]:
    """Send in one piece, wait for the reply, and then as above."""
    client.send(b"".join(messages))
    told = []
    while not told or not told[-1].startswith(("Z", "EOF")):
        try:
            told.append(await client.reply())
        except (asyncio.IncompleteReadError, ConnectionError):
            return [*told, "EOF"]
    client.rows.clear()
    client.send(b"".join(the_end(pg)))
    return await replies(client, told)


async def replies(client, told: list[str]) -> list[str]:
    """What is told, and after it the replies up to the end's."""
    while True:
        try:
            reply = await client.reply()
        except (asyncio.IncompleteReadError, ConnectionError):
            return [*told, "EOF"]
        if reply == "D":
            reply = f"D{client.rows.pop().hex()}"
        told.append(reply)
        if reply.startswith("D") and b"the end of it".hex() in reply:
            break
    return told + [await client.reply() for _ in range(2)]


def same(through: list[str], straight: list[str]) -> bool:
    if BROKEN in through + straight or through[-1] == straight[-1] == "EOF":
        # an internal error of PostgreSQL's own, sometimes fatal; whoever writes to it just then loses the last replies
        length = max(0, min(each.index(BROKEN) if BROKEN in each else len(each) - 2 for each in (through, straight)))
        through, straight = through[:length], straight[:length]
    return len(through) == len(straight) and all(
        one == other or (one == "E(0A000)" and other in UNKNOWN) for one, other in zip(through, straight, strict=True)
    )


@pytest.mark.skipif(PIPELINES < 1, reason="switched off")
async def test_replies_are_postgresql_s_own(proxy, postgres, client_class, guard, pg) -> None:
    guard.denies = lambda request: "RG-T02" if request.text in DENIED else None  # its SQLSTATE is the substitute's
    chance = random.Random(SEED)
    delays, pieces = random.Random(SEED), random.Random(SEED)  # what is asked first depends on timing; scripts must not
    done, denials = 0, 0
    while done < PIPELINES:
        guarded = await (await client_class.connect(proxy.port)).login()
        direct = await (await client_class.connect(postgres)).login(default_transaction_read_only="on")
        for _ in range(PER_CONNECTION):
            script, cuts = Script(pg, chance), chance.choice([[1, 2, 5], [8, 64], [100_000]])
            if script.is_turn:
                guard.delay_s = lambda: None
                asked = play_turn(guarded, script.guarded, pg), play_turn(direct, script.direct, pg)
            else:
                guard.delay_s = lambda: delays.choice([None, None, 0, 0, 0.001])
                asked = play(guarded, script.guarded, cuts, pieces, pg), play(direct, script.direct, cuts, pieces, pg)
            through, straight = await asyncio.gather(*asked)
            assert same(through, straight), (SEED, done, script.guarded)
            done += 1
            denials += sum(error.get("R") == "readonly_guard" for error in guarded.errors)
            guarded.errors.clear()
            if BROKEN in through + straight or "EOF" in {through[-1], straight[-1]}:
                break
        guarded.send(pg.BYE)
        direct.send(pg.BYE)
        await asyncio.gather(guarded.rest(), direct.rest())
        for each in (guarded, direct):
            await each.close()
            client_class.all.remove(each)
    assert denials > done / 4
    assert len(guard.repeated) > done / 10  # turns that were taken as one
    await asyncio.sleep(0.05)
    assert guard.allowed == []  # every allowed decision has had its one completion
