"""From settings to what decides: a directory, a bundle or an OPA server, by guard.toml alone."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readonly_guard import ConfigurationError, Guard
from readonly_guard.domain import AccessRequest, Declared, StatementRequest, Subject
from readonly_guard.errors import PolicyError, PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, OpaServer, decision_point, state_of
from readonly_guard.settings import OpaSettings, PolicySettings, load_settings

ALLOW = """package readonly_guard.authz

default decision := {"allow": false, "deny": []}

decision := {"allow": true, "deny": []} if input.subject.id == "anna"
"""


def settings_of(tmp_path: Path, policy: str) -> Any:
    path = tmp_path / "guard.toml"
    path.write_text(f'[upstream]\nhost = "/tmp"\n[journal]\npath = "journal"\n{policy}', encoding="utf-8")
    return load_settings(path)


def test_a_directory_decides(policy_dir: Callable[..., str], request_of: Callable[..., AccessRequest]) -> None:
    engine = decision_point(PolicySettings(source=policy_dir(**{"authz.rego": ALLOW})))
    assert isinstance(engine, EmbeddedEngine)
    assert engine.decide_now(request_of()).allow


@pytest.mark.parametrize("allowed", [True, False])
def test_policies_that_fail_a_case_of_their_own_do_not_take_over(policy_dir: Callable[..., str], allowed: bool) -> None:
    question = {
        "request_id": "1", "subject": {"id": "anna"}, "action": {"name": "read"}, "resources": [],
        "context": {"time": "2025-03-03T10:00:00Z"},
    }  # fmt: skip
    table = {"input": question, "cases": [{"name": "a guest", "expected": {"allow": allowed}}] * 2}
    settings = PolicySettings(source=policy_dir(**{"authz.rego": ALLOW, "cases/cases.json": json.dumps(table)}))
    assert decision_point(settings)
    if allowed:
        assert decision_point(settings, tried=True)
        return
    with pytest.raises(PolicyError, match=r"own: the case a guest: allow is true, expected false \(and 1 cases more\)"):
        decision_point(settings, tried=True)


def test_a_sites_overlay_is_not_what_the_cases_are_about(overlay: Callable[..., str]) -> None:
    assert decision_point(PolicySettings(data=(overlay(roster={"users": {}}),)), tried=True)


def test_the_state_is_another_when_any_file_is(policy_dir: Callable[..., str], overlay: Callable[..., str]) -> None:
    source, data = policy_dir(**{"authz.rego": ALLOW, "roster/data.json": "{}"}), overlay(roster={})
    settings = PolicySettings(source=source, data=(data,))
    before = state_of(settings)
    assert state_of(settings) == before
    Path(data).write_text("{ }", encoding="utf-8")
    changed = state_of(settings)
    os.utime(Path(source) / "authz.rego", ns=(1, 1))
    assert len({before, changed, state_of(settings)}) == 3
    Path(data).unlink()
    assert (data, 0, -1) in state_of(settings)


@pytest.mark.opa
async def test_an_opa_server_decides_by_guard_toml_alone(
    start_opa: Callable[..., Any], policy_dir: Callable[..., str], tmp_path: Path
) -> None:
    opa = start_opa(
        policy_dir(**{"authz.rego": ALLOW.replace("readonly_guard.authz", "site.access")}), "--authentication=token"
    )
    (tmp_path / "token").write_text("a-token\n", encoding="utf-8")
    settings = settings_of(
        tmp_path,
        f'[policy.opa]\nurl = "{opa.url}"\ntoken_file = "token"\ndecision_path = "site/access/decision"\ntimeout_s = 5.0\n',
    )
    guard = Guard.from_settings(settings)
    ask = StatementRequest(text="SELECT 1", subject=Subject(id="anna"), declared=Declared(purpose="TREAT"))
    assert (await guard.decide(ask)).allowed
    with pytest.raises(ConfigurationError, match="needs an event loop"):
        guard.check("SELECT 1", subject="anna")
    await guard.aclose()


async def test_a_server_that_fails_is_let_rest(request_of: Callable[..., AccessRequest]) -> None:
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pdp = decision_point(PolicySettings(opa=OpaSettings(url=url, timeout_s=2.0, failures=2, rest_s=60.0)))
    assert isinstance(pdp, OpaServer)
    async with pdp:
        for says in ("gave no answer", "gave no answer", "failed too often", "failed too often"):
            with pytest.raises(PolicyUnavailable, match=says):
                await pdp.decide(request_of())
    server.close()
    assert connections == 2


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ('[policy]\nsource = "p"\n[policy.opa]\nurl = "https://x"', "policy.source has no effect beside policy.opa"),
        ('[policy]\ndata = ["p"]\n[policy.opa]\nurl = "https://x"', "policy.data has no effect beside policy.opa"),
        ('[policy]\nwatch_s = 1.0\n[policy.opa]\nurl = "https://x"', "policy.watch_s has no effect beside policy.opa"),
        ('[policy.opa]\nurl = "https://x"\ntimeout_s = 0.0', "policy.opa.timeout_s is 0.0; it must be above 0"),
        ('[policy.opa]\nurl = "https://x"\nrest_s = inf', "policy.opa.rest_s is inf; it must be above 0 and finite"),
        ('[policy.opa]\nurl = "https://x"\nfailures = 0', "policy.opa.failures is 0"),
        ('[policy.opa]\nurl = "https://x"\nkey = "k"', "policy.opa.key belongs to a policy.opa.certificate"),
        ("[policy.opa]\ntimeout_s = 1.0", "key 'policy.opa.url' is missing"),
        ('[policy.opa]\nurl = "https://x"\ntoken = "t"', "unknown key 'policy.opa.token'; did you mean 'token_file'?"),
        ("[policy]\nwatch_s = -1.0", "policy.watch_s is -1.0"),
        ("[policy]\nwatch_s = nan", "policy.watch_s is nan"),
        ('[policy.signing]\nkey_file = "k"', "policy.signing is for a policy.source"),
        ('[policy]\nsource = "p"\n[policy.signing]\nkey_file = "k"\nalgorithm = "none"', "policy.signing.algorithm: Invalid enum"),
    ],
)  # fmt: skip
def test_settings_that_contradict_themselves_are_named(tmp_path: Path, policy: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_of(tmp_path, policy)
    assert says in str(caught.value)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    policy = settings_of(tmp_path, '[policy]\nsource = "b.tar.gz"\n[policy.signing]\nkey_file = "k.pem"\n').policy
    assert (policy.source, policy.signing.key_file) == (str(tmp_path / "b.tar.gz"), str(tmp_path / "k.pem"))


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), ("", "holds no token"), ("a b", "holds no token")]
)
def test_a_token_that_is_none_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says):
        decision_point(PolicySettings(opa=OpaSettings(url="https://opa.example", token_file=str(path))))


@pytest.mark.parametrize("path", ["", "decision", "a/b c", "a/../b", "data.a/b-c"])
def test_a_decision_path_that_is_none_is_named(path: str) -> None:
    with pytest.raises(ConfigurationError, match="write package and rule"):
        decision_point(PolicySettings(opa=OpaSettings(url="https://opa.example", decision_path=path)))
