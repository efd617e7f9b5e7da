"""The same table of cases on both engines: the same answers, to the letter."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.policy import EmbeddedEngine, Expected, OpaServer, differences, load_policies
from readonly_guard.policy.agreement import questions

CASES = json.loads((Path(__file__).parents[2] / "policies/cases/cases.json").read_text(encoding="utf-8"))
Case = dict[str, Any]


@pytest.fixture(scope="module")
def engine_with(policies_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., EmbeddedEngine]:
    """The engine with these documents laid over its data; most cases have none of their own and share one."""
    folder = tmp_path_factory.mktemp("data")
    made: dict[str, EmbeddedEngine] = {}

    def make(*documents: dict[str, Any]) -> EmbeddedEngine:
        said = json.dumps(documents, sort_keys=True)
        if said not in made:
            paths = [folder / f"{len(made)}-{number}.json" for number in range(len(documents))]
            for path, document in zip(paths, documents, strict=True):
                path.write_text(json.dumps(document), encoding="utf-8")
            made[said] = EmbeddedEngine(load_policies(str(policies_dir), tuple(map(str, paths))))
        return made[said]

    return make


@pytest.fixture
def embedded(case: Case, people: dict[str, Any], engine_with: Callable[..., EmbeddedEngine]) -> EmbeddedEngine:
    return engine_with(people, case.get("data", {}))


@pytest.fixture(scope="module")
def opa_without_data(start_opa: Callable[..., Any], policies_dir: Path) -> Any:
    return start_opa(str(policies_dir / "readonly_guard"))


def check(answer: Answer, expected: dict[str, Any]) -> None:
    assert differences(answer, msgspec.convert(expected, Expected)) == ()


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


LIFTABLE = {"RG-U02", "RG-L01", "RG-B01", "RG-V02"}
EMERGENCY = {"purpose": "ETREAT", "justification": "Patienten kom medvetslös in"}
OF_THE_PURPOSE = {"RG-P01", "RG-P02", "RG-P03", "RG-P04"}
"""Denials of another purpose than emergency: they fall away because another question is asked, not by lifting."""


def test_emergency_access_lifts_four_codes_and_no_other(
    people: dict[str, Any], engine_with: Callable[..., EmbeddedEngine], request_of: Callable[..., AccessRequest]
) -> None:
    """Every denial in the table, asked again as an emergency in good order by a person whose commission covers it."""
    commissioned = {
        name: user | {"purposes": [*user["purposes"], "ETREAT"]} for name, user in people["roster"]["users"].items()
    }
    stayed: set[str] = set()
    for case in CASES["cases"]:
        before = set(case["expected"].get("deny", [])) - OF_THE_PURPOSE
        if not before or "RG-G01" in before or "roster" in case.get("data", {}):
            continue
        question = request_of(**case.get("input", {}))
        emergency = msgspec.structs.replace(question, context=question.context | EMERGENCY)
        engine = engine_with(people | {"roster": {"users": commissioned}}, case.get("data", {}))
        answer = engine.decide_now(emergency)
        after = {reason.code for reason in answer.deny} - OF_THE_PURPOSE
        assert after == before - LIFTABLE, case["name"]
        stayed |= after
    codes = {code for case in CASES["cases"] for code in case["expected"].get("deny", [])}
    assert stayed == codes - LIFTABLE - OF_THE_PURPOSE - {"RG-G01"}
    assert len(stayed) > 10


def test_every_code_is_in_the_table(policies_dir: Path) -> None:
    source = "".join(text for _, text in load_policies(str(policies_dir)).modules)
    asked = {code for case in CASES["cases"] for kind in ("deny", "warn") for code in case["expected"].get(kind, [])}
    assert asked == set(re.findall(r'"code": "([^"]+)"', source))


@pytest.mark.opa
async def test_both_engines_answer_spoilt_questions_alike(
    start_opa: Callable[..., Any], policies_dir: Path, people: dict[str, Any], overlay: Callable[..., str]
) -> None:
    """Each question of the table with a field left out, null or empty: where it is a question at all, one answer."""
    policies = load_policies(str(policies_dir), (overlay(**people),))
    engine, opa = EmbeddedEngine(policies), start_opa(str(policies_dir / "readonly_guard"))
    for key, document in policies.data.items():
        assert opa.call("PUT", f"/v1/data/{key}", document) in {204, 304}
    assert policies.cases is not None
    asked = 0
    async with OpaServer(opa.url, deadline_s=10) as server:
        for text in itertools.islice(questions(policies.cases, request_about_nothing()), 0, None, 2):
            try:
                request = msgspec.json.decode(text, type=AccessRequest)
            except msgspec.ValidationError:
                continue
            asked += 1
            assert outcome(await server.decide(request)) == outcome(engine.decide_now(request)), text
    assert asked > 150


def outcome(answer: Answer) -> Answer:
    return msgspec.structs.replace(answer, revision="")


def request_about_nothing() -> AccessRequest:
    return msgspec.convert(CASES["input"], AccessRequest)
