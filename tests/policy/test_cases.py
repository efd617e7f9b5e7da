"""The same table of cases on both engines: the same answers, to the letter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.policy import EmbeddedEngine, OpaServer, load_policies

Case = dict[str, Any]


@pytest.fixture
def embedded(case: Case, policies_dir: Path, people: dict[str, Any], overlay: Callable[..., str]) -> EmbeddedEngine:
    return EmbeddedEngine(load_policies(str(policies_dir), (overlay(**people), overlay(**case.get("data", {})))))


@pytest.fixture(scope="module")
def opa_without_data(start_opa: Callable[..., Any], policies_dir: Path) -> Any:
    return start_opa(str(policies_dir / "readonly_guard"))


def check(answer: Answer, expected: dict[str, Any]) -> None:
    assert answer.allow is expected["allow"]
    assert [reason.code for reason in answer.deny] == expected.get("deny", [])
    assert [reason.code for reason in answer.warn] == expected.get("warn", [])
    assert list(answer.obligations) == expected.get("obligations", [])
    for field in ("activity_type", "routine", "expires_at"):
        if field in expected:
            assert getattr(answer, field) == expected[field]
    if "hsa_id" in expected:
        assert answer.subject.get("hsa_id") == expected["hsa_id"]


def test_embedded(case: Case, embedded: EmbeddedEngine, request_of: Callable[..., AccessRequest]) -> None:
    check(embedded.decide_now(request_of(**case.get("input", {}))), case["expected"])


@pytest.mark.opa
async def test_opa_gives_the_same_answer(
    case: Case,
    embedded: EmbeddedEngine,
    opa_without_data: Any,
    policies_dir: Path,
    people: dict[str, Any],
    request_of: Callable[..., AccessRequest],
) -> None:
    documents = load_policies(str(policies_dir)).data | people | case.get("data", {})
    for key, document in documents.items():
        assert opa_without_data.call("PUT", f"/v1/data/{key}", document) in {204, 304}
    request = request_of(**case.get("input", {}))
    async with OpaServer(opa_without_data.url, deadline_s=5) as server:
        answer = await server.decide(request)
    check(answer, case["expected"])
    assert msgspec.structs.replace(answer, revision="") == msgspec.structs.replace(
        embedded.decide_now(request), revision=""
    )
