"""Sessions through the proxy against the real server: denial, who and why, cancel, drain."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import msgspec
import pytest

from readonly_guard.domain import Analysis


@pytest.fixture(autouse=True)
def denies(guard):
    guard.denies = lambda request: "RG-W05" if "delete" in request.text else None


async def test_a_read_goes_through_and_is_decided_once_per_text(client, guard, pg) -> None:
    assert await client.ask(pg.query("select i from t where i < 3")) == "T D D C(SELECT 2) Z(I)"
    assert guard.asked == [("query", "select i from t where i < 3")]
    assert [(each["rows"], each["sqlstate"]) for each in guard.completions] == [(2, "")]
    assert guard.completions[0]["bytes"] > 40
    assert guard.completions[0]["us"] > 0


async def test_a_denied_query_never_reaches_the_server_and_the_session_lives(client, pg) -> None:
    assert await client.ask(pg.query("delete from t")) == "E(25006) Z(I)"
    error = client.errors[-1]
    assert error["S"] == error["V"] == "ERROR"
    assert error["M"].startswith("readonly-guard: ")
    assert "RG-W05" in error["M"]
    assert "decision-" in error["H"]
    assert "P" not in error
    assert await client.ask(pg.query("select count(*) from t")) == "T D C(SELECT 1) Z(I)"
    assert client.rows[-1].endswith(b"5")


async def test_a_denial_in_a_transaction_fails_it_like_any_error(client, pg) -> None:
    assert await client.ask(pg.query("begin")) == "C(BEGIN) Z(T)"
    assert await client.ask(pg.query("delete from t")) == "E(25006) Z(E)"
    assert await client.ask(pg.query("select 1")) == "E(25P02) Z(E)"
    assert await client.ask(pg.query("delete from t")) == "E(25006) Z(E)"
    assert await client.ask(pg.query("rollback")) == "C(ROLLBACK) Z(I)"


async def test_a_denied_execute_leaves_the_unnamed_statement(client, guard, pg) -> None:
    guard.denies = lambda request: "RG-R01" if request.phase == "execute" else None
    assert await client.ask(pg.parse("select 1"), pg.SYNC) == "1 Z(I)"
    assert await client.ask(pg.bind(), pg.execute(), pg.SYNC) == "2 E(42501) Z(I)"
    guard.denies = lambda request: None
    assert await client.ask(pg.bind(), pg.execute(), pg.SYNC) == "2 D C(SELECT 1) Z(I)"


async def test_a_denied_turn_leaves_no_statement(client, guard, pg) -> None:
    """Its Parse was decided with what runs it: the server has seen nothing of it."""
    guard.denies = lambda request: "RG-R01"
    assert await client.ask(pg.parse("select 1"), pg.bind(), pg.execute(), pg.SYNC) == "E(42501) Z(I)"
    assert guard.asked == [("execute", "select 1")]
    guard.denies = lambda request: None
    assert await client.ask(pg.bind(), pg.execute(), pg.SYNC) == "E(26000) Z(I)"


async def test_a_function_call_is_refused(client, guard, pg) -> None:
    call = struct.pack("!IHHHH", 1598, 0, 0, 0, 0)  # random()
    assert await client.ask(pg.frame(b"F", call)) == "E(0A000) Z(I)"
    assert guard.refused == [("fastpath", "RG-T05", "function call by protocol")]
    assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"


async def test_a_cursor_of_sql_is_not_executed_by_protocol(client, pg) -> None:
    await client.ask(pg.query("begin; declare c cursor for select i from t"))
    assert await client.ask(pg.execute("c"), pg.SYNC) == "E(0A000) Z(E)"


async def test_a_portal_whose_name_sql_takes_over_is_not_executed_under_the_old_text(client, guard, pg) -> None:
    await client.ask(pg.query("begin"))
    await client.ask(pg.parse("select 1"), pg.bind(portal="p"), pg.SYNC)
    assert await client.ask(pg.query("close p; declare p cursor for select i from t")) == (
        "C(CLOSE CURSOR) C(DECLARE CURSOR) Z(T)"
    )
    assert await client.ask(pg.execute("p"), pg.SYNC) == "E(0A000) Z(E)"
    assert guard.refused[-1][2] == "portal not bound by protocol"


async def test_what_a_failed_query_leaves_is_not_executed(client, guard, pg) -> None:
    # PostgreSQL 18 does not survive it, and all sessions end with it
    await client.ask(pg.query("begin"))
    assert await client.ask(pg.parse("select 1"), pg.bind(), pg.execute(), pg.SYNC) == "1 2 D C(SELECT 1) Z(T)"
    assert await client.ask(pg.query("deallocate nothing")) == "E(26000) Z(E)"
    assert await client.ask(pg.query("select 1")) == "E(25P02) Z(E)"
    assert await client.ask(pg.execute(), pg.SYNC) == "E(0A000) Z(E)"
    assert guard.refused[-1][2] == "portal not bound by protocol"
    assert await client.ask(pg.query("rollback")) == "C(ROLLBACK) Z(I)"


async def test_a_statement_prepared_in_sql_is_known_by_name(client, guard, pg) -> None:
    await client.ask(pg.query("prepare s as select i from t"))
    assert await client.ask(pg.bind("s"), pg.execute(limit=2), pg.SYNC) == "2 D D s Z(I)"
    assert guard.asked[-1] == ("execute", "prepare s as select i from t")
    await client.ask(pg.query("deallocate s; prepare s as select 7"))
    assert await client.ask(pg.bind("s"), pg.execute(), pg.SYNC) == "2 D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("execute", "deallocate s; prepare s as select 7")


async def test_a_name_that_could_not_be_taken_is_logged_with_the_text_it_has(client, guard, pg) -> None:
    await client.ask(pg.parse("select 'secret'", "s"), pg.SYNC)
    client.send(pg.parse("select 'harmless'", "s"), pg.SYNC, pg.bind("s"), pg.execute(), pg.SYNC)
    assert await client.until_ready(2) == "E(42P05) Z(I) 2 D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("execute", "select 'secret'")


async def test_the_unnamed_statement_outlives_deallocate_all(client, guard, pg) -> None:
    await client.ask(pg.parse("deallocate all", "s"), pg.bind("s", "p"), pg.parse("select 1"), pg.execute("p"), pg.SYNC)
    assert await client.ask(pg.bind(), pg.execute(), pg.SYNC) == "2 D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("execute", "select 1")


async def test_a_name_given_unseen_makes_the_guard_forget(client, guard, pg) -> None:
    await client.ask(pg.parse("select 'harmless'", "s1"), pg.parse("prepare s1 as select 'secret'", "s2"), pg.SYNC)
    assert await client.ask(pg.query("deallocate s1"), pg.query("execute s2")) == "C(DEALLOCATE) Z(I)"
    assert await client.until_ready() == "C(PREPARE) Z(I)"
    assert await client.ask(pg.bind("s1"), pg.execute(), pg.SYNC) == "2 E(0A000) Z(I)"


async def test_two_names_that_the_server_takes_for_one(client, guard, pg) -> None:
    long = "n" * 63
    assert await client.ask(pg.parse("select 'secret'", long + "1"), pg.SYNC) == "E(0A000) Z(I)"
    assert await client.ask(pg.parse("select 1", long), pg.SYNC) == "1 Z(I)"
    assert await client.ask(pg.bind(long + "2"), pg.execute(), pg.SYNC) == "2 E(0A000) Z(I)"


async def test_a_suspended_portal_is_decided_again(client, guard, pg) -> None:
    await client.ask(pg.query("begin"))
    told = await client.ask(pg.parse("select i from t"), pg.bind(), pg.execute(limit=3), pg.execute(limit=3), pg.SYNC)
    assert told == "1 2 D D D s D D C(SELECT 2) Z(T)"
    assert [phase for phase, _ in guard.asked[1:]] == ["parse", "execute", "execute"]
    assert [each["rows"] for each in guard.completions[1:]] == [None, None, 2]


async def test_text_that_is_not_in_the_session_s_encoding(client, guard, pg) -> None:
    assert await client.ask(pg.query(b"select '\xe5'")) == "E(0A000) Z(I)"
    assert guard.refused == [("query", "RG-T07", "text that is not utf-8")]
    assert await client.ask(pg.query("set client_encoding to latin1")) == "C(SET) S Z(I)"
    assert await client.ask(pg.query(b"select '\xe5'")) == "T D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("query", "select 'å'")
    client.send(pg.query("begin; set client_encoding to utf8"), pg.query("rollback"), pg.query(b"select '\xc3\xa5'"))
    assert await client.until_ready(3) == "C(BEGIN) C(SET) S Z(T) C(ROLLBACK) S Z(I) T D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("query", "select 'Ã¥'")


async def test_an_unsafe_encoding_ends_the_session(client, guard, pg) -> None:
    client.send(pg.query("set client_encoding to sjis"))
    assert await client.rest() == "C(SET) E(0A000) EOF"
    assert "RG-T07" in client.errors[-1]["M"]


async def test_backslash_strings_end_the_session(client, pg) -> None:
    client.send(pg.query("set standard_conforming_strings to off"))
    assert await client.rest() == "C(SET) E(0A000) EOF"


async def test_the_belt_cannot_be_taken_off(client, pg) -> None:
    client.send(pg.query("set default_transaction_read_only to off; commit; create table x()"))
    assert "Z" not in await client.rest()  # the one statement ran; nothing after it can


async def test_the_session_belongs_to_who_logged_in(client, pg) -> None:
    client.send(pg.query("set session_authorization to pg_monitor"))
    assert await client.rest() == "C(SET) E(0A000) EOF"


async def test_copy_out_notices_and_empty_queries(client, guard, pg) -> None:
    assert await client.ask(pg.query("copy t to stdout")) == "H d d d d d c C(COPY 5) Z(I)"
    assert await client.ask(pg.query("select shout()")) == "T N D C(SELECT 1) Z(I)"
    assert await client.ask(pg.query("")) == "I Z(I)"
    assert [each["rows"] for each in guard.completions] == [5, 1, None]


async def test_copy_in_closes_both_sides(client, pg) -> None:
    client.send(pg.query("set transaction_read_only = off; copy t from stdin"))
    assert (await client.rest()).endswith("E(08P01) EOF")


async def test_declarations_follow_the_session(proxy, client_class, guard, pg) -> None:
    client = await (await client_class.connect(proxy.port)).login(application_name="journal")
    await client.ask(pg.query("set readonly_guard.purpose = 'TREAT'"))
    await client.ask(pg.parse("set readonly_guard.purpose = 'HSTAT'"), pg.SYNC)  # parsed, not run
    await client.ask(pg.query("select 1"))
    assert [each.declared.purpose for each in guard.requests] == [None, "TREAT", "TREAT"]
    request = guard.requests[-1]
    assert request.subject.id == "postgres"
    assert request.session.database == "postgres"
    assert request.session.application_name == "journal"
    assert request.session.client_address.startswith("127.0.0.1:")
    assert request.session.listener == "default"
    assert request.initial.purpose is None
    await client.ask(pg.query("set readonly_guard.language = 'sv'"))
    assert await client.ask(pg.query("delete from t")) == "E(25006) Z(I)"
    assert "Borttag" in client.errors[-1]["M"]
    await client.close()


async def test_opening_and_closing_is_recorded(proxy, client_class, guard, pg) -> None:
    client = await (await client_class.connect(proxy.port)).login()
    client.send(pg.BYE)
    assert await client.rest() == "EOF"
    assert [(event, subject) for event, subject, *_ in guard.sessions] == [
        ("opened", "postgres"),
        ("closed", "postgres"),
    ]


async def test_a_client_that_the_server_does_not_let_in_is_recorded_as_refused(proxy, client_class, guard, pg) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(user="nobody"))
    assert await client.rest() == "R E(28000) EOF" or client.errors[-1]["C"] == "28000"
    assert [event for event, *_ in guard.sessions] == ["refused"]


async def test_refused_startup_parameters(proxy, client_class, guard, pg) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(user="postgres", replication="true"))
    assert await client.rest() == "E(0A000) EOF"
    assert client.errors[-1]["S"] == "FATAL"
    assert guard.sessions == [("refused", "postgres", ("RG-T05",), "startup parameters")]


@pytest.mark.parametrize(
    ("version", "options", "negotiated", "secret_bytes"),
    [
        (3 << 16, [], None, 4),
        (3 << 16 | 1, [], None, 4),
        (3 << 16 | 2, [], None, 32),
        (3 << 16 | 3, [], 3 << 16 | 2, 32),
        (3 << 16 | 9999, ["_pq_.test_protocol_negotiation"], 3 << 16 | 2, 32),  # libpq's grease
        (3 << 16, ["_pq_.a", "_pq_.b"], 3 << 16, 4),
    ],
)
async def test_protocol_versions_and_options(
    proxy, client_class, guard, pg, version, options, negotiated, secret_bytes
) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(version, user="postgres", **dict.fromkeys(options, "x")))
    if negotiated is not None:
        names = b"".join(name.encode() + b"\0" for name in options)
        assert await client.message() == ("v", struct.pack("!II", negotiated, len(options)) + names)
    assert (await client.until_ready()).startswith("R S")
    assert len(client.key) == 4 + secret_bytes
    assert await client.ask(pg.query("select 1")) == "T D C(SELECT 1) Z(I)"


@pytest.mark.parametrize("version", [3 << 16, 3 << 16 | 2])
async def test_cancel(proxy, client_class, pg, version) -> None:
    client = await client_class.connect(proxy.port)
    client.send(pg.startup(version, user="postgres"))
    await client.until_ready()
    assert await client.ask(pg.query("select pg_backend_pid()")) == "T D C(SELECT 1) Z(I)"
    assert client.rows[-1][6:].decode() != str(struct.unpack("!i", client.key[:4])[0])
    client.send(pg.query("select pg_sleep(30)"))
    await asyncio.sleep(0.2)
    canceller = await client_class.connect(proxy.port)
    canceller.send(struct.pack("!II", 8 + len(client.key), 80877102) + client.key)
    assert await canceller.rest() == "EOF"
    assert await client.until_ready() == "T E(57014) Z(I)"


async def test_a_cancel_that_names_no_session_of_the_proxy_goes_nowhere(proxy, client_class, client, pg) -> None:
    await client.ask(pg.query("select pg_backend_pid()"))
    servers_own = struct.pack("!i", int(client.rows[-1][6:]))
    client.send(pg.query("select pg_sleep(0.5)"))
    await asyncio.sleep(0.1)
    wrong = (
        client.key[:4] + b"\0\0\0\0",
        b"\0\0\0\1" + client.key[4:],
        servers_own + client.key[4:],
        client.key + bytes(28),
    )
    for key in wrong:
        canceller = await client_class.connect(proxy.port)
        canceller.send(struct.pack("!II", 8 + len(key), 80877102) + key)
        assert await canceller.rest() == "EOF"
    assert await client.until_ready() == "T D C(SELECT 1) Z(I)"


async def test_a_guard_that_fails_releases_nothing(client, guard, pg, logged) -> None:
    guard.fails = True
    client.send(pg.query("select 'secret'"))
    assert await client.rest() == "E(57P03) EOF"
    assert guard.completions == []
    assert not [entry for entry in logged if "secret" in str(entry)]


@pytest.mark.parametrize("fails", [1, 2])
async def test_a_defect_of_ours_leaves_no_decision_without_its_end(client, guard, pg, logged, fails) -> None:
    decide = guard.decide

    async def decide_strangely(request):
        decision = await decide(request)
        is_strange = "defect" in request.text
        return msgspec.structs.replace(decision, analysis=Analysis(readings=(None,))) if is_strange else decision

    guard.decide, guard.has_precedents = decide_strangely, False
    client.send(pg.query("select pg_sleep(5)"), *[pg.query("select 'defect'")] * fails)
    assert (await client.rest()).endswith("EOF")
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == ["session machine failed"]
    logged.clear()  # this once, it is meant
    assert [each["sqlstate"] for each in guard.completions] == ["08006", "08006"]
    assert guard.allowed == []
    assert guard.sessions[-1][0] == "closed"


async def test_large_results_and_slow_readers(client, guard, pg) -> None:
    client.send(pg.query("select repeat('x', 1000) from generate_series(1, 20000)"))
    await asyncio.sleep(0.3)  # the proxy must not take in 20 MB meanwhile
    told = await client.until_ready()
    assert told.count("D") == 20_000
    assert guard.completions[-1]["rows"] == 20_000
    assert guard.completions[-1]["bytes"] > 20_000_000


async def test_large_texts_and_long_pipelines(client, guard, pg) -> None:
    text = f"select length('{'x' * 3_000_000}')"
    assert await client.ask(pg.query(text)) == "T D C(SELECT 1) Z(I)"
    assert guard.asked[-1] == ("query", text)
    client.send(*[pg.query(f"select '{'y' * 500}'")] * 3_000)
    assert (await client.until_ready(3_000)).count("C(SELECT 1)") == 3_000


async def test_drain_ends_idle_sessions_now_and_others_after_their_statement(proxy, client_class, client, pg) -> None:
    busy = await (await client_class.connect(proxy.port)).login()
    busy.send(pg.query("select pg_sleep(0.5)"))
    await asyncio.sleep(0.1)
    proxy.stop.set()
    assert await client.rest() == "E(57P01) EOF"
    assert await busy.rest() == "T D C(SELECT 1) Z(I) E(57P01) EOF"
    with pytest.raises(OSError):
        await client_class.connect(proxy.port)


async def test_drain_has_a_deadline(run_proxy, postgres, client_class, guard, pg) -> None:
    async with run_proxy(str(Path(postgres).parent), drain_s=0.2) as proxy:
        busy = await (await client_class.connect(proxy.port)).login()
        busy.send(pg.query("select pg_sleep(20)"))
        await asyncio.sleep(0.1)
        proxy.stop.set()
        assert (await busy.rest()).endswith("E(57P01) EOF")
    assert guard.completions[-1]["sqlstate"] == "08006"


async def test_cancel_hits_only_the_session_it_was_given_to(proxy, client_class, client, pg) -> None:
    other = await (await client_class.connect(proxy.port)).login()
    for each in (client, other):
        each.send(pg.query("select pg_sleep(1)"))
    await asyncio.sleep(0.2)
    canceller = await client_class.connect(proxy.port)
    canceller.send(struct.pack("!II", 8 + len(other.key), 80877102) + other.key)
    assert await canceller.rest() == "EOF"
    assert await other.until_ready() == "T E(57014) Z(I)"
    assert await client.until_ready() == "T D C(SELECT 1) Z(I)"


async def test_a_key_is_good_for_nothing_once_its_session_is_over(proxy, client_class, client, pg) -> None:
    key = client.key
    client.send(pg.BYE)
    assert await client.rest() == "EOF"
    canceller = await client_class.connect(proxy.port)
    canceller.send(struct.pack("!II", 8 + len(key), 80877102) + key)
    assert await canceller.rest() == "EOF"
