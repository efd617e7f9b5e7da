"""docs/library.md is true: its examples run, one after the other, and print what they say."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import readonly_guard
from readonly_guard_cli.demo import write_policy_data

TEXT = (Path(__file__).parents[1] / "docs/library.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


async def test_the_examples_run_and_print_what_they_say(millennium, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_policy_data(tmp_path / "roster.json")
    names = {"dsn": millennium.dsn("alind"), "__name__": "library"}
    for number, example in enumerate(EXAMPLES):
        code = compile(example, f"example {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, names)  # noqa: S307  it is our own documentation
        if inspect.iscoroutine(running):
            await running
    said = re.findall(r"^ *print\(.*\)  # (.*)$", "".join(EXAMPLES), re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()
    assert len(said) == len(printed) > 0
    for expected, line in zip(said, printed, strict=True):
        assert line.startswith(expected.rstrip("… "))


def test_the_classes_in_the_table_are_the_classes_there_are() -> None:
    rows = dict(re.findall(r"^\| `(\w+Denied)` \| `(\w+)` \|", TEXT, re.MULTILINE))
    kinds = readonly_guard.StatementDenied.__subclasses__()
    assert rows == {kind.__name__: kind.__bases__[1].__name__ for kind in kinds}
    for kind in kinds:
        assert f"| {kind.sqlstate} |" in TEXT
