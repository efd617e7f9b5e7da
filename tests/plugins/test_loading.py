"""Plugins are loaded by name only, made of their sections, and named when they are wrong."""

import subprocess
import sys

import msgspec
import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import Hooks, hookimpl


def test_nothing_is_imported_that_is_not_named():
    script = (
        "import sys; from readonly_guard.hooks import Hooks; h = Hooks(); h.load([]); "
        "print([name for name in sys.modules if name.startswith('readonly_guard_plugins')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({}, r"\[plugin.anchor_file\]: key 'path' is missing"),
        ({"path": "x", "pth": "y"}, r"unknown key 'pth'; did you mean 'path'\?"),
        ({"path": 7}, "expected a path"),
    ],
)
def test_a_section_that_is_wrong_is_named(section, what):
    with pytest.raises(ConfigurationError, match=what):
        Hooks().load(["anchor_file"], {"anchor_file": section})


def test_a_class_that_does_not_start_is_named(monkeypatch):
    class Broken:
        class Settings(msgspec.Struct):
            pass

        def __init__(self, settings):
            raise RuntimeError("no")

    class Point:
        name = "broken"

        @staticmethod
        def load():
            return Broken

    monkeypatch.setattr("readonly_guard.hooks.manager.entry_points", lambda group: [Point])
    with pytest.raises(ConfigurationError, match="plugin 'broken' does not start: RuntimeError: no"):
        Hooks().load(["broken"])


def test_a_plugin_without_settings_takes_no_section(monkeypatch):
    class Plain:
        pass

    class Point:
        name = "plain"

        @staticmethod
        def load():
            return Plain()

    monkeypatch.setattr("readonly_guard.hooks.manager.entry_points", lambda group: [Point])
    with pytest.raises(ConfigurationError, match=r"\[plugin.plain\]: this plugin has no settings"):
        Hooks().load(["plain"], {"plain": {"x": 1}})
    Hooks().load(["plain"])


def test_sinks_come_with_their_names_and_a_broken_one_is_named():
    class Sinking:
        @hookimpl
        def record_sink(self):
            return self

    class Breaking:
        @hookimpl
        def record_sink(self):
            raise RuntimeError("no")

    hooks = Hooks()
    hooks.register(sink := Sinking(), "b")
    hooks.register(Sinking(), "a")
    hooks.register(object(), "none")
    assert [name for name, _ in hooks.sinks()] == ["a", "b"]
    assert hooks.sinks()[1][1] is sink
    hooks.register(Breaking(), "breaking")
    with pytest.raises(ConfigurationError, match="plugin breaking: RuntimeError: no"):
        hooks.sinks()
