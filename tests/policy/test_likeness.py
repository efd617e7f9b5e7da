"""Patients who are alike get one answer, and it is the one that the rules would give each of them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readonly_guard.domain import AccessRequest, Answer
from readonly_guard.errors import PolicyUnavailable
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.policy.likeness import Likeness, Likenesses
from readonly_guard.policy.port import ENTRYPOINT, RECORDS

from .conftest import counting

TODAY, DAY_NS = "2025-03-03", 1740960000000000000
STANDING = {"day": DAY_NS, "own_patients": []}
SINCE = {"from": "2024-11-12", "to": None}


@pytest.fixture(scope="module")
def engine() -> EmbeddedEngine:
    return EmbeddedEngine(load_policies())


def test_it_is_known_of_the_shipped_rules(engine: EmbeddedEngine) -> None:
    """Fails when a rule about patients is changed: then `Likeness` must still tell apart whom that tells apart.

    Where it does, `RULES` becomes the digest of the changed ones.
    """
    assert engine.knows_alike
    assert EmbeddedEngine.of(engine.prepared).knows_alike


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("readonly_guard/block/block.rego", "\n_is_ours(block) if block.unit == input.context.patients[0]\n"),
        ("readonly_guard/relation/relation.rego", "\n# a remark\n"),
        ("readonly_guard/records/more.rego", "package readonly_guard.records\n\n_x := input.context.patients\n"),
        ("readonly_guard/question/more.rego", 'package readonly_guard.question\n\nopens_records if input.x == "y"\n'),
        ("blocks.rego", 'package blocks\n\nx := [] if input.context.patients == ["person_id:7"]\n'),
    ],
)  # fmt: skip
def test_it_is_known_of_no_others(policies_dir: Path, tmp_path: Path, file: str, text: str) -> None:
    shutil.copytree(policies_dir, tmp_path / "own")
    with (tmp_path / "own" / file).open("a", encoding="utf-8") as module:
        module.write(text)
    assert not EmbeddedEngine(load_policies(str(tmp_path / "own"))).knows_alike


@pytest.mark.parametrize("file", ["standing/standing.rego", "authz/authz.rego", "search/search.rego"])
def test_rules_that_do_not_look_at_patients_may_be_others(policies_dir: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(policies_dir, tmp_path / "own")
    with (tmp_path / "own" / "readonly_guard" / file).open("a", encoding="utf-8") as module:
        module.write("\n# a remark\n")
    assert EmbeddedEngine(load_policies(str(tmp_path / "own"))).knows_alike


# few values of each kind, so that some are alike; and some that no schema lets through
DATES = st.sampled_from(["2025-03-02", TODAY, "2025-03-04", "2024-11-12", "2025-02-30", "0001-01-01", 7, None])
RELATIONS = st.fixed_dictionaries({}, optional={"from": DATES, "to": DATES}) | st.sampled_from([None, True, "x", SINCE])
LISTED = st.dictionaries(st.sampled_from(["anna", "bo"]), RELATIONS, max_size=2) | st.sampled_from([None, False, []])
UNITS = st.sampled_from(["SE2321000131-F000000000001", "SE2321000131-F000000000002"])
PROVIDERS = st.sampled_from(["SE2321000131-0001", "SE5560000000-0001", None, 7])
HELD = st.lists(PROVIDERS, max_size=2) | st.sampled_from([None, False, "SE1"])
PATIENT = st.fixed_dictionaries(
    {}, optional={"person": st.sampled_from(["person_id:1", "person_id:2", 7]), "providers": HELD, "consents": HELD}
)
BLOCK = st.fixed_dictionaries({}, optional={"unit": UNITS, "provider": PROVIDERS, "to": DATES})
BLOCKS = st.lists(BLOCK | st.sampled_from([None, "x"]), max_size=2) | st.sampled_from([None, False, "x"])
NAMES = [f"person_id:{number}" for number in range(1, 9)] + ["encntr_id:1", "encntr_id:2", "person_id:?", "*:3", "a:$1"]
DOCUMENTS = st.fixed_dictionaries({
    "relations": st.dictionaries(st.sampled_from(NAMES), LISTED),
    "patients": st.dictionaries(st.sampled_from(NAMES), PATIENT),
    "blocks": st.dictionaries(st.sampled_from(NAMES), BLOCKS),
})  # fmt: skip
DEMAND = st.sampled_from(["never", "known", "always"])
DEMANDS = st.fixed_dictionaries({"relation": DEMAND, "provider": DEMAND, "block": DEMAND, "print": DEMAND})
ASKED = st.fixed_dictionaries({
    "purpose": st.sampled_from(["TREAT", "ETREAT", "HLEGAL"]),
    "case_reference": st.just("D-1"),
    "justification": st.just("medvetslös vid ankomst till akuten"),
    "print_reason": st.just("MEDICAL_NEED"),
    "is_bound": st.booleans(),
})  # fmt: skip


def outcome(answer: Callable[[], Answer]) -> Answer | str:
    try:
        return answer()
    except PolicyUnavailable as error:
        return str(error)


@given(
    documents=DOCUMENTS, demands=DEMANDS, asked=ASKED, own=st.lists(st.sampled_from(NAMES[:3]), max_size=1),
    action=st.sampled_from(["read", "search", "print"]), phase=st.sampled_from(["query", "parse"]),
    seed=st.integers(0, 9),
)  # fmt: skip
@settings(max_examples=50)
def test_the_answer_is_what_the_rules_would_say(
    engine: EmbeddedEngine,
    request_of: Callable[..., AccessRequest],
    documents: dict[str, Any],
    demands: dict[str, str],
    asked: dict[str, Any],
    own: list[str],
    action: str,
    phase: str,
    seed: int,
) -> None:
    table = engine.prepared.policies.cases
    assert table is not None
    data = engine.prepared.policies.data | table.data | documents
    anna = data["roster"]["users"]["anna"] | {"patients": own}
    data |= {"demands": data["demands"] | demands, "roster": {"users": {"anna": anna}}}
    remembering = engine.with_data(data)
    asking = EmbeddedEngine.of(msgspec.structs.replace(remembering.prepared, knows_alike=False))

    def question(patients: tuple[str, ...]) -> AccessRequest:
        changed = {"name": action, "properties": {"kinds": ["select"], "phase": phase}}
        return request_of(action=changed, context={**asked, "patients": list(patients)})

    first = question(("person_id:9",))
    outcome(lambda: remembering.decide_now(first))
    rest = remembering.residual_of(first)
    assert rest is not None
    several = [(name,) for name in (*NAMES, "person_id:10", "person_id:åäö")] + [tuple(NAMES[:2]), (), (NAMES[0],) * 2]
    random.Random(seed).shuffle(several)
    for patients in several * 2:
        expected = outcome(lambda patients=patients: asking.decide_now(question(patients)))
        assert outcome(lambda patients=patients: remembering.decide_now(question(patients))) == expected
        recalled = rest.recall(patients)
        assert recalled is None or recalled == expected
        assert outcome(lambda patients=patients: remembering.decide_rest(rest, patients)) == expected


def test_the_rules_are_asked_once_about_all_who_are_alike(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], people: dict[str, Any]
) -> None:
    crowd = {f"person_id:{number}": {"anna": SINCE} for number in range(100, 200)}
    engine = engine.with_data(engine.prepared.policies.data | people | {"relations": crowd})
    request = request_of(context={"patients": ["person_id:100"]})
    assert engine.decide_now(request).allow
    rest, counts = engine.residual_of(request), counting(engine)
    assert rest is not None
    assert rest.recall(("person_id:101",)) is None
    answers = [engine.decide_rest(rest, (name,)) for name in [*crowd, "person_id:4711", "person_id:4712"]]
    assert all(answer.allow for answer in answers)
    assert rest.recall(("person_id:4713",)) == rest.recall(("person_id:101",)) == answers[0]
    assert counts[RECORDS] <= 2  # one of each kind; what was asked first is remembered
    assert not counts[ENTRYPOINT]


def likeness(own: tuple[str, ...] = (), **documents: Any) -> Likeness:
    return Likeness(documents, "anna", TODAY, frozenset(own))


def of(**documents: Any) -> tuple[Any, ...] | None:
    return likeness(**{key: {"a:1": value} for key, value in documents.items()}).of(("a:1",))


def test_what_is_known_makes_the_difference() -> None:
    unknown = of()
    assert unknown is not None
    assert unknown == likeness().of(("b:2",)) == of(relations_of_others=1)
    assert likeness(own=("a:1",)).of(("a:1",)) not in {unknown, None}
    related = of(relations={"anna": SINCE})
    others = [
        of(relations={}),
        of(patients={"person": "a:1"}),
        of(patients={"person": "a:1", "providers": ["SE1"]}),
        of(patients={"person": "a:1", "providers": ["SE1"], "consents": ["SE1"]}),
        of(blocks=[]),
        of(blocks=[{"provider": "SE1", "to": None}]),
    ]
    assert None not in others
    assert len({unknown, related, *others}) == 2 + len(others)


def test_who_the_person_is_does_not_but_whether_it_is_the_asker() -> None:
    people = {"a:1": {"person": "p:1"}, "a:2": {"person": "p:2"}, "p:3": {"person": "p:3"}}
    first, second, third = (likeness(own=("p:3",), patients=people).of((name,)) for name in people)
    assert first == second != third


@pytest.mark.parametrize(
    ("since", "until", "is_related"),
    [
        (TODAY, None, True),
        ("2025-03-04", None, False),
        ("2024-02-29", "2025-03-04", True),
        ("2024-02-29", TODAY, False),
        ("2025-03-04", "2025-03-03", False),
    ],
)
def test_a_care_relation_has_its_days(since: str, until: str | None, is_related: bool) -> None:
    relation = of(relations={"anna": {"from": since, "to": until}})
    assert relation == of(relations={"anna": SINCE} if is_related else {"bo": SINCE})


@pytest.mark.parametrize(
    "documents",
    [
        {"relations": None},
        {"relations": [1]},
        {"relations": {"anna": True}},
        {"relations": {"anna": {"from": TODAY}}},
        {"relations": {"anna": {"to": None}}},
        {"relations": {"anna": {"from": "2025-02-30", "to": None}}},
        {"relations": {"anna": {"from": "2025-W10-1", "to": None}}},
        {"relations": {"anna": {"from": "２０２５-01-01", "to": None}}},
        {"relations": {"anna": {"from": "1066-10-14", "to": None}}},
        {"relations": {"anna": {"from": TODAY, "to": ""}}},
        {"relations": {"anna": {"from": TODAY, "to": False}}},
        {"patients": None},
        {"patients": {"providers": []}},
        {"patients": {"person": None}},
        {"blocks": None},
        {"blocks": {"x": {"to": None}}},
    ],
    ids=str,
)
def test_what_is_of_another_form_is_like_nothing(documents: dict[str, Any]) -> None:
    assert of(**documents) is None


@pytest.mark.parametrize(
    "patients", [(), ("a:1", "a:2"), ("a:?",), ("*:?",), ("*:23",), ("a:$1",), ("a:å",), ("\ud83d",)]
)
def test_only_one_plain_name_is_looked_up(patients: tuple[str, ...]) -> None:
    assert likeness().of(patients) is None


ASKED_OF = {"subject": {"id": "anna"}, "context": {"patients": ["a:1"]}}
FOUND = msgspec.json.encode(STANDING)


@pytest.mark.parametrize(
    ("data", "standing"),
    [
        ({"relations": []}, STANDING),
        ({"patients": None}, STANDING),
        ({"blocks": "x"}, STANDING),
        ({}, None),
        ({}, []),
        ({}, {"own_patients": []}),
        ({}, STANDING | {"day": TODAY}),
        ({}, STANDING | {"day": DAY_NS + 1}),
        ({}, STANDING | {"day": -(10**30) * 86_400}),
        ({}, STANDING | {"day": True}),
        ({}, STANDING | {"own_patients": None}),
        ({}, STANDING | {"own_patients": [7]}),
    ],
)
def test_nobody_is_alike_where_the_rest_is_of_another_form(data: Any, standing: Any) -> None:
    found = None if standing is None else msgspec.json.encode(standing)
    assert Likenesses(data).of(ASKED_OF, found) is None
    assert Likenesses(data).alike(ASKED_OF, found) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": None},
        {"subject": {"id": None}},
        {"subject": {}},
        {"context": None},
        {"context": {}},
        {"context": {"patients": None}},
        {"context": {"patients": "a"}},
        {"context": {"patients": [7]}},
        {"context": {"patients": {"a:1": 1}}},
        {"context": {"patients": ["a:1"], "facts": {}}},
        {"context": {"patients": ["a:1"], "facts": None}},
    ],
    ids=str,
)
def test_nor_in_a_question_of_another_form(changes: dict[str, Any]) -> None:
    known = Likenesses({})
    assert known.alike({**ASKED_OF, **changes}, FOUND) is None
    assert known.alike(ASKED_OF, FOUND) == likeness().of(("a:1",))


def test_each_asker_has_an_own_likeness_and_the_longest_day_ends() -> None:
    known = Likenesses({"relations": {"a:1": {"anna": SINCE}}})
    for number in range(5_000):
        assert known.alike({**ASKED_OF, "subject": {"id": f"user{number}"}}, FOUND) == of(relations={})
    assert len(known._kept) <= 4_096
    assert known.alike(ASKED_OF, FOUND) == of(relations={"anna": SINCE})


def test_a_session_knows_what_was_found_in_another(
    engine: EmbeddedEngine, request_of: Callable[..., AccessRequest], people: dict[str, Any]
) -> None:
    """The rules are not asked again about whoever is alike, whichever question it is that names them."""
    crowd = {f"person_id:{number}": {"anna": SINCE} for number in range(100, 104)}
    engine = engine.with_data(engine.prepared.policies.data | people | {"relations": crowd})
    assert engine.decide_now(request_of(context={"patients": ["person_id:100"]})).allow
    counts = counting(engine)
    assert engine.decide_now(request_of(context={"patients": ["person_id:101"]}, request_id="2")).allow
    rest = engine.residual_of(request_of())
    assert rest is not None
    assert engine.decide_rest(rest, ("person_id:102",)).allow
    assert not counts
    facts = {"relations": {"person_id:103": {}}}
    assert not engine.decide_now(request_of(context={"patients": ["person_id:103"], "facts": facts})).allow
    assert counts[RECORDS] == 1


def test_without_the_askers_standing_nothing_is_known(policies_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(policies_dir, tmp_path / "own")
    shutil.rmtree(tmp_path / "own/readonly_guard/standing")
    (tmp_path / "own/readonly_guard/authz/authz.rego").write_text(
        'package readonly_guard.authz\n\ndefault decision := {"allow": false, "deny": []}\n\n'
        'decision := {"allow": true, "deny": []} if {\n\tinput.subject.id\n'
        "\tcount(data.readonly_guard.records.answer.deny) == 0\n}\n"
    )
    (tmp_path / "own/cases/cases.json").unlink()
    engine = EmbeddedEngine(load_policies(str(tmp_path / "own")))
    assert engine.stages == (RECORDS, ENTRYPOINT)
    assert not engine.knows_alike
