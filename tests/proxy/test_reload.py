"""What of a changed guard.toml takes effect at once, and what does not."""

from __future__ import annotations

import msgspec

from readonly_guard.settings import JournalSettings, Settings, UpstreamSettings
from readonly_guard_proxy.lifecycle.reload import adopt, changed, is_adopted

BEFORE = Settings(upstream=UpstreamSettings(host="a"), journal=JournalSettings(path="/log"))


def _with(settings: Settings, path: str, value: object) -> Settings:
    section, _, rest = path.partition(".")
    inner = getattr(settings, section)
    return msgspec.structs.replace(settings, **{section: _with(inner, rest, value) if rest else value})


def test_what_changed_is_named_as_in_the_file():
    after = _with(_with(_with(BEFORE, "upstream.host", "b"), "listener.tcp.keepalive_idle_s", 5), "journal.path", "/x")
    assert changed(BEFORE, BEFORE) == ()
    assert changed(BEFORE, after) == ("upstream.host", "journal.path", "listener.tcp.keepalive_idle_s")


def test_what_can_be_adopted_is_and_the_rest_stays():
    changes = {
        "upstream.host": "b",
        "limits.connections": 5,
        "limits.tokens": 7,
        "listener.language": "sv",
        "listener.port": 1,
        "journal.path": "/x",
        "reading.workers": 9,
        "policy.data": ("x",),
    }
    after = BEFORE
    for path, value in changes.items():
        after = _with(after, path, value)
    in_force = adopt(BEFORE, after)
    assert set(changed(BEFORE, in_force)) == {path for path in changes if is_adopted(path)}
    assert set(changed(in_force, after)) == {"limits.tokens", "listener.port", "journal.path", "reading.workers"}


def test_every_key_is_either_adopted_or_named():
    """No key may be told to take effect and not do so: each one is changed by itself."""
    for path in _keys(Settings, ""):
        after = _with(BEFORE, path, object())
        in_force = adopt(BEFORE, after)
        assert changed(BEFORE, after) == (path,)
        assert (changed(BEFORE, in_force) == (path,)) == is_adopted(path), path


def _keys(kind, path):
    for field in msgspec.structs.fields(kind):
        inner = f"{path}.{field.name}" if path else field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, inner)
        else:
            yield inner
