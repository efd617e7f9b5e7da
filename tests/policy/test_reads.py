"""What a rule reads, told from its syntax: everything that it could, and nothing more where that can be told."""

import json

import pytest
import regorus

from readonly_guard.policy.reads import Reads, Syntax


def syntax(**modules: str) -> Syntax:
    engine = regorus.Engine()
    for name, text in modules.items():
        engine.add_policy(f"{name}.rego", f"package own.{name}\n\n{text}\n")
    return Syntax(json.loads(engine.get_ast_as_json()))


def reads(text: str, **others: str) -> Reads:
    return syntax(a=text, **others).reads(("own", "a", "x"), {})


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("x if input.subject.id == 1", {("subject", "id")}),
        ('x if input.context["purpose"] == 1', {("context", "purpose")}),
        ("x if { some p in input.context.patients; p == 1 }", {("context", "patients")}),
        ("x if { y := input.a[input.b].c; y }", {("a",), ("b",)}),
        ("x := [y | y := input.a[_]]", {("a",)}),
        ("x if every y in input.a { y == input.b }", {("a",), ("b",)}),
        ("x if { k := input.a; not input.b[k] }", {("a",), ("b",)}),
        ("x := 1 if input.a\n\nelse := input.b if input.c", {("a",), ("b",), ("c",)}),
        ("x contains y if y := input.a", {("a",)}),
        ("x[k] := v if v := input.a[k]", {("a",)}),
        ("x := f(input.a)\n\nf(y) := y + input.b", {("a",), ("b",)}),
        ("x := _y\n\n_y := _z if input.a\n\n_z := input.b\n\n_no := input.c", {("a",), ("b",)}),
        ("x := object.get(input.context, input.a, 1)", {("context",), ("a",)}),
        ("x := count(input)", {()}),
        ("x := y if y := input", {()}),
        ("x := y if y := _y with input as {}\n\n_y := 1", {()}),
        ("import input.context as c\n\nx := c.purpose", {("context", "purpose")}),
        ("import input.context\n\nx := context.purpose", {("context", "purpose")}),
    ],
)
def test_the_fields_of_the_question(text: str, fields: set[tuple[str, ...]]) -> None:
    assert reads(text).fields == fields


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('x := data.roster.users["anna"]', {"roster"}),
        ('x := data["roster"].users', {"roster"}),
        ("x := data[input.a]", None),
        ("x := data", None),
        ("x := data.own.b.y", {"roster"}),
        ("import data.own.b\n\nx := b.y", {"roster"}),
        ("import data.own.b as c\n\nx := c.y", {"roster"}),
        ("import data.own.b.y\n\nx := y", {"roster"}),
        ("x := data.own.b.f(1)", {"units"}),
        ("x := data.own.b", {"own", "roster", "units"}),
        ("x := data.own[input.a].y", {"own", "roster", "units"}),
        ("x := data.own.b.table.z", {"own", "roster", "units"}),
    ],
)
def test_the_documents_of_the_data(text: str, data: set[str] | None) -> None:
    """A name below a package that is no rule of it may be a document there."""
    assert reads(text, b="y := data.roster\n\nf(_) := data.units").data == data


@pytest.mark.parametrize(
    ("text", "is_repeatable"),
    [
        ("x := time.parse_rfc3339_ns(input.context.time)", True),
        ("x := time.now_ns()", False),
        ('x := rand.intn("a", 3)', False),
        ('x := uuid.rfc4122("a")', False),
        ("x := _y\n\n_y := time.now_ns()", False),
        ("x := 1\n\n_y := time.now_ns()", True),
    ],
)
def test_what_is_another_each_time(text: str, is_repeatable: bool) -> None:
    assert reads(text).is_repeatable is is_repeatable


def test_a_rule_whose_value_is_given_is_a_field() -> None:
    both = syntax(a="x := data.own.b.y.z + input.a", b="y := {1: data.roster, 2: input.b}")
    given = both.reads(("own", "a", "x"), {("own", "b", "y"): "b"})
    assert given == Reads(
        frozenset({("b", "z"), ("a",)}), frozenset(), is_repeatable=True, packages=frozenset({("own", "a")})
    )


@pytest.mark.parametrize(
    ("text", "is_only_door"),
    [
        ("x := data.own.b.y", True),
        ("x := data.own.b.y.z", True),
        ("x := data.own.b.w", False),
        ("x := data.own.b", False),
        ("x := data.own[input.a]", False),
        ("x := data", False),
        ("import data.own.b\n\nx := b.w", False),
        ("x := data.other", True),
    ],
)
def test_whether_others_look_past_a_rule_into_its_package(text: str, is_only_door: bool) -> None:
    assert syntax(a=text, b="y := w\n\nw := 1").is_only_door(("own", "b", "y")) is is_only_door


def test_a_package_may_stand_in_several_files() -> None:
    """A name of one may be a rule of another, whichever is taken first."""
    engine = regorus.Engine()
    engine.add_policy("a.rego", "package own\n\nx if not bad\n")
    engine.add_policy("b.rego", "package own\n\nbad if data.roster[input.context.purpose]\n\ny if x\n")
    modules = Syntax(json.loads(engine.get_ast_as_json()))
    expected = Reads(frozenset({("context", "purpose")}), frozenset({"roster"}), True, frozenset({("own",)}))
    assert modules.reads(("own", "x"), {}) == modules.reads(("own", "y"), {}) == expected


def test_names() -> None:
    modules = syntax(a="x := 1")
    assert modules.names(("own", "a", "x"))
    assert not modules.names(("own", "a", "y"))
    assert modules.files_of(("own", "a")) == {"a.rego"}
