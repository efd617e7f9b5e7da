"""The admin listener in front of a running proxy: what it says when all is well, when something is not, and at the end."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path

import aiohttp
import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import AdminSettings


@pytest.fixture
def admin(tmp_path) -> AdminSettings:
    return AdminSettings(socket=str(tmp_path / "admin.sock"))


async def _get(where: AdminSettings, page: str) -> tuple[int, str]:
    connector = aiohttp.UnixConnector(path=where.socket)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"http://localhost{page}") as response,
    ):
        return response.status, await response.text()


@pytest.fixture
def folder(postgres) -> str:
    return postgres.rpartition("/")[0]


async def test_a_life_in_figures(run_proxy, folder, admin, guard, client_class, pg):
    guard.denies = lambda request: "RG-W02" if "update" in request.text else None
    async with run_proxy(folder, admin=admin) as proxy:
        client = await (await client_class.connect(proxy.port)).login()
        assert await client.ask(pg.query("select * from t")) == "T D D D D D C(SELECT 5) Z(I)"
        assert (await client.ask(pg.query("update t set i = 1"))).startswith("E(25006)")
        assert (await client.ask(pg.query("select nosuch"))).startswith("E(42703)")
        assert await _get(admin, "/healthz") == (200, "alive\n")
        status, ready = await _get(admin, "/readyz")
        assert (status, json.loads(ready)["checks"]) == (200, {"log": "", "policies": "", "server": ""})
        _, text = await _get(admin, "/metrics")
        for line in (
            'readonly_guard_decisions_total{code="",verdict="allow"} 2.0',
            'readonly_guard_decisions_total{code="RG-W02",verdict="deny"} 1.0',
            "readonly_guard_decision_seconds_count 3.0",
            'readonly_guard_sessions{state="open"} 1.0',
            'readonly_guard_session_events_total{event="opened"} 1.0',
            'readonly_guard_statements_total{outcome="ok"} 1.0',
            'readonly_guard_statements_total{outcome="42"} 1.0',
            "readonly_guard_rows_total 5.0",
            'readonly_guard_policy_info{revision="scripted"} 1.0',
            "readonly_guard_ready 1.0",
        ):
            assert line in text.splitlines()
        assert "nosuch" not in text
        figures = json.loads((await _get(admin, "/status"))[1])["figures"]
        assert figures["client_bytes"] > 50
        assert figures["server_bytes"] > 100
        await client.close()


async def test_a_denial_is_told_by_its_ids_and_never_by_its_text(proxy, client, guard, pg, logged):
    guard.denies = lambda request: "RG-W02"
    await client.ask(pg.query("update person set name = 'Svartvik'"))
    (told,) = [entry for entry in logged if entry["event"] == "statement denied"]
    assert told["decision_id"].startswith("decision-")
    assert len(told["session_id"]) == 36
    assert told["codes"] == ("RG-W02",)
    assert "Svartvik" not in str(logged)


async def test_not_ready_says_why(run_proxy, tmp_path, admin, guard):
    guard.log_fault = "journal-1.jsonl: No space left on device"
    async with run_proxy(str(tmp_path), admin=admin):
        status, body = await _get(admin, "/readyz")
        assert status == 503
        checks = json.loads(body)["checks"]
        assert checks["log"] == guard.log_fault
        assert checks["server"].startswith("the server cannot be reached")
        assert checks["policies"] == ""
        guard.log_fault, guard.policy_fault = "", "OPA gave no answer in 0.5 s"
        await asyncio.sleep(1.1)  # what was found is kept for a second
        checks = json.loads((await _get(admin, "/readyz"))[1])["checks"]
        assert (checks["log"], checks["policies"]) == ("", guard.policy_fault)
        _, text = await _get(admin, "/metrics")
        assert "readonly_guard_ready 0.0" in text.splitlines()


async def test_whoever_asks_often_does_not_make_the_guard_work_often(run_proxy, folder, admin, guard):
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    guard.check_log = count
    async with run_proxy(folder, admin=admin):
        answers = await asyncio.gather(*(_get(admin, "/readyz") for _ in range(20)))
        assert {status for status, _ in answers} == {200}
        assert asked <= 3  # one a second


async def test_while_it_drains_it_is_alive_and_not_ready(run_proxy, folder, admin, guard, client_class, pg):
    async with run_proxy(folder, admin=admin, drain_s=30.0) as proxy:
        client = await (await client_class.connect(proxy.port)).login()
        client.send(pg.query("select pg_sleep(1)"))
        while not guard.asked:  # noqa: ASYNC110  the guard has no event for it
            await asyncio.sleep(0.01)
        proxy.stop.set()
        await asyncio.sleep(0.05)
        assert (await _get(admin, "/healthz"))[0] == 200
        status, body = await _get(admin, "/readyz")
        assert (status, json.loads(body)["checks"]) == (503, {"running": "the guard is shutting down"})
        assert "C(SELECT 1)" in await client.rest()


async def test_nothing_can_be_posted_and_nothing_else_is_there(run_proxy, folder, admin):
    async with run_proxy(folder, admin=admin):
        assert (await _get(admin, "/"))[0] == 404
        connector = aiohttp.UnixConnector(path=admin.socket)
        async with aiohttp.ClientSession(connector=connector) as session, session.post("http://x/status") as answer:
            assert answer.status == 405


async def test_the_socket_is_for_its_group_and_goes_with_the_guard(run_proxy, folder, admin):
    with socket.socket(socket.AF_UNIX) as stale:  # of a guard that was killed
        stale.bind(admin.socket)
    async with run_proxy(folder, admin=admin):
        assert stat.S_IMODE(Path(admin.socket).lstat().st_mode) == 0o660  # noqa: ASYNC240
        assert (await _get(admin, "/healthz"))[0] == 200
    assert not Path(admin.socket).exists()  # noqa: ASYNC240


async def test_an_address_that_does_not_work_names_the_setting(run_proxy, folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"admin\.port: 127\.0\.0\.1:{port} is in use"):
            async with run_proxy(folder, admin=AdminSettings(port=port)):
                pass
    with pytest.raises(ConfigurationError, match=r"admin\.socket: .* cannot be listened on"):
        async with run_proxy(folder, admin=AdminSettings(socket=str(tmp_path / ("x" * 120)))):
            pass
