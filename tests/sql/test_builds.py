"""A text is read alike by what is compiled and by the sources beside it: the corpus, and texts made of its pieces."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from build_form import FOUND

from readonly_guard.sql import Analyzer, canonical
from scripts.compile import ROOT

CORPUS = Path(__file__).parents[1] / "corpus"
TEXTS = [
    chunk.partition("\n")[2].rstrip("\n")
    for path in sorted(CORPUS.glob("*.sql"))
    for chunk in path.read_text(encoding="utf-8").split("-- expect: ")[1:]
]

FROM_SOURCES = """
import json, sys
from importlib.machinery import FileFinder, SourceFileLoader

import msgspec

def sources(path):
    if not path.startswith(sys.argv[1]):
        raise ImportError
    return FileFinder(path, (SourceFileLoader, [".py"]))

sys.path_hooks.insert(0, sources)
sys.path_importer_cache.clear()

from readonly_guard.sql import Analyzer, canonical

analyzer, encoder = Analyzer(), msgspec.json.Encoder(order="deterministic")
read = [encoder.encode(analyzer.settle(analyzer.read(text))).decode() for text in json.load(sys.stdin)]
print(json.dumps([canonical.__file__, read]))
"""


def spliced(count):
    chance = random.Random(20261126)
    for _ in range(count):
        one, other = chance.choice(TEXTS), chance.choice(TEXTS)
        yield one[: chance.randint(0, len(one))] + other[chance.randint(0, len(other)) :]


def test_both_builds_read_alike(request):
    if request.config.stash[FOUND] == "pure":
        pytest.skip("there is one build only: `make compiled` makes the other")
    texts = [*TEXTS, *spliced(1_500)]
    done = subprocess.run(
        [sys.executable, "-c", FROM_SOURCES, f"{ROOT}/src/"],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    file, from_sources = json.loads(done.stdout)
    assert file.endswith(".py")
    assert not canonical.__file__.endswith(".py")
    analyzer, encoder = Analyzer(), msgspec.json.Encoder(order="deterministic")
    for text, theirs in zip(texts, from_sources, strict=True):
        assert encoder.encode(analyzer.settle(analyzer.read(text))).decode() == theirs, text
