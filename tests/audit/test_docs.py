"""docs/log.md and docs/plugins.md say what the code has: every field of every record, every setting of every sink."""

import inspect
import re
import shutil
import subprocess
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from readonly_guard.audit import Journal, read
from readonly_guard.audit.export import FORMATS
from readonly_guard.domain import LogRecord
from readonly_guard.hooks import HookSpecs

DOCS = Path(__file__).parents[2] / "docs"
LOG = (DOCS / "log.md").read_text(encoding="utf-8")
PLUGINS = (DOCS / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", get_args(LogRecord))
def test_every_field_of_every_record_is_explained_in_its_order(kind):
    section = re.split(
        r"^(?:\*\*`|## )", LOG.partition(f"**`{kind.__struct_config__.tag}`**")[2], maxsplit=1, flags=re.MULTILINE
    )[0]
    explained = re.findall(r"^\| `(\w+)` \| \S", section, re.MULTILINE)

    assert explained == [field.name for field in msgspec.structs.fields(kind)]


def test_every_format_is_explained():
    assert set(re.findall(r"^\| `(\w+)` \|", LOG.partition("| format |")[2].partition("\n\n")[0], re.MULTILINE)) == set(
        FORMATS
    )


def test_the_signature_of_every_hook_is_shown():
    shown = set(re.findall(r"^def (\w+\(.*)$", PLUGINS, re.MULTILINE))
    there = {
        f"{name}{inspect.signature(hook)}".replace("'", "")
        for name, hook in inspect.getmembers(HookSpecs, inspect.isfunction)
    }
    assert shown == there
    assert there, "there are hooks"


def test_every_plugin_and_every_setting_of_it_is_listed():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", PLUGINS, re.MULTILINE))
    ours = [
        point for point in entry_points(group="readonly_guard") if point.value.startswith("readonly_guard_plugins.")
    ]
    for point in ours:
        settings = getattr(point.load(), "Settings", None)
        if settings is None:
            assert point.name in PLUGINS
            continue
        listed = re.findall(r"`(\w+)`", rows[point.name])
        assert listed == [field.name for field in msgspec.structs.fields(settings)], point.name
    assert len(ours) >= 7


@pytest.mark.skipif(shutil.which("jq") is None, reason="the recipe wants jq: apt-get install jq")
def test_the_recipe_for_checking_by_hand_gives_the_hash(tmp_path, completion):
    with Journal.open(tmp_path / "journal") as journal:
        for number in range(3):
            journal.append(completion(number))
    recipe = LOG.partition("By hand, record by record:")[2].partition("```sh\n")[2].partition("```")[0]

    done = subprocess.run(["bash", "-c", recipe], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.split()[0] == list(read(tmp_path / "journal"))[1].hash
