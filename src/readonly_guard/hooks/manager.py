"""Plugins registered and called, each isolated from the others: a plugin that fails is named and denies.

pluggy stops at the first exception of a call; here every implementation is called by itself, so that one plugin
cannot keep another from seeing a decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, cast

import pluggy

from readonly_guard.domain import AccessRequest, Analysis, DecisionRecord, Login, LogRecord, Reason, Subject
from readonly_guard.errors import ConfigurationError, DecisionUnavailable, GuardError, PluginFailed
from readonly_guard.hooks.facts import Found
from readonly_guard.hooks.specs import PROJECT, HookSpecs, PatientRegister, Receipt, Sink
from readonly_guard.settings import Settings, read_section

__all__ = ["Hooks"]


class _Call:
    """One plugin's implementation of a hook."""

    __slots__ = ("function", "plugin")

    def __init__(self, plugin: str, function: Callable[..., Any]) -> None:
        self.plugin: Final = plugin
        self.function: Final = function


class Hooks:
    """The plugins of one guard.

    Attributes:
        bring_facts: there is an information point.
        review_statements: a plugin may add reasons to a decision.
        keep_spelt_decisions: whoever is handed decisions takes them by :meth:`decided_again`, too.
    """

    def __init__(self, plugins: Iterable[object] = ()) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(HookSpecs)
        self._calls: dict[str, tuple[_Call, ...]] = {}
        self.bring_facts = self.review_statements = False
        self.keep_spelt_decisions = False
        for plugin in plugins:
            self.register(plugin)

    def register(self, plugin: object, name: str | None = None) -> None:
        """Add a plugin and check its signatures against the specifications.

        Raises:
            ConfigurationError: a hook of it is unknown, takes an unknown argument, or wants another beside it.
        """
        name = name or type(plugin).__name__
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ConfigurationError(f"plugin {name}: {error}") from error
        has = {caller.name for caller in self._manager.get_hookcallers(plugin) or ()}
        if "decision_spelt" in has and "decision_made" not in has:  # it would miss whatever repeats no other
            self._manager.unregister(plugin)
            raise ConfigurationError(f"plugin {name}: decision_spelt goes with decision_made; implement both")
        self._calls.clear()
        self.bring_facts = bool(self._of("gather_context"))
        self.review_statements = bool(self._of("review_statement"))
        recording = {call.plugin for call in self._of("decision_made")}
        self.keep_spelt_decisions = bool(recording) and recording == {
            call.plugin for call in self._of("decision_spelt")
        }

    def load(
        self, names: Iterable[str], sections: Mapping[str, dict[str, Any]] | None = None, folder: Path = Path()
    ) -> None:
        """Register installed plugins by name; only those named are ever imported.

        What an entry point names is the plugin, or a class that makes it: of nothing, or, where the class has an
        attribute ``Settings`` (a msgspec.Struct), of its section of the settings, typed.

        Args:
            names: of the entry points.
            sections: the plugins' sections by name.
            folder: where relative paths in them start.

        Raises:
            ConfigurationError: no installed plugin has that name, it fails to import or to start, or its section is
                wrong.
        """
        sections = sections or {}
        installed = {point.name: point for point in entry_points(group=PROJECT)}
        for name in names:
            if name not in installed:
                known = ", ".join(sorted(installed)) or "none"
                raise ConfigurationError(f"plugins.load: no plugin {name!r} is installed (installed: {known})")
            try:
                plugin = installed[name].load()
            except Exception as error:
                raise ConfigurationError(f"plugin {name!r} does not import: {error}") from error
            self.register(_made(name, plugin, sections.get(name), folder), name)

    def startup(self, settings: Settings) -> None:
        """Hand the settings to every plugin.

        Raises:
            ConfigurationError: a plugin cannot do with them.
        """
        for implementation in reversed(self._manager.hook.guard_startup.get_hookimpls()):
            try:
                implementation.function(*([settings] if implementation.argnames else []))
            except ConfigurationError:
                raise
            except Exception as error:
                name = implementation.plugin_name
                raise ConfigurationError(f"plugin {name} does not start: {type(error).__name__}") from error

    def identify(self, login: Login) -> Subject | Reason | None:
        """What the plugins say about a login: the subject, a reason to refuse it, or None.

        Raises:
            PluginFailed: one of them raised, or answered something else.
        """
        found = self._each("resolve_identity", login)
        if not found:
            return None
        if not isinstance(found[0], Subject | Reason):
            raise PluginFailed(f"resolve_identity: a plugin answered {type(found[0]).__name__}")
        return found[0]

    def facts(self, request: AccessRequest) -> list[Found]:
        """What information points say about a question, or promise to.

        Raises:
            PluginFailed: one of them raised.
        """
        found: list[Found] = []
        for call in self._of("gather_context"):
            try:
                facts = call.function(request)
            except DecisionUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  a plugin may raise anything; it is named and denies
                raise PluginFailed(f"plugin {call.plugin}: {type(error).__name__}") from None
            found.append(Found(call.plugin, facts))
        return found

    def review(self, analysis: Analysis, request: AccessRequest) -> list[Reason]:
        """Every plugin's reasons to deny.

        Raises:
            PluginFailed: one of them raised.
        """
        reasons: list[Reason] = []
        for result in self._each("review_statement", analysis, request):
            reasons.extend(result)
        return reasons

    def decided(self, record: DecisionRecord) -> list[Receipt]:
        """Hand a decision to every plugin; their receipts are to be waited for before release.

        Raises:
            LogUnavailable: the journal could not take it.
            PluginFailed: another plugin raised.
        """
        return self._each("decision_made", record)

    def decided_again(self, canonical: bytes) -> list[Receipt]:
        """As :meth:`decided`, by the record's canonical bytes, where all :attr:`keep_spelt_decisions`."""
        return self._each("decision_spelt", canonical)

    def recorded(self, record: LogRecord) -> None:
        """Hand over a completion or session event.

        Raises:
            LogUnavailable, PluginFailed: as :meth:`decided`.
        """
        self._each("record_made", record)

    def sinks(self) -> list[tuple[str, Sink]]:
        """The sinks of all plugins, each with the name of its plugin.

        Raises:
            ConfigurationError: a plugin failed to make its sink.
        """
        return cast("list[tuple[str, Sink]]", self._offered("record_sink"))

    def registers(self) -> list[tuple[str, PatientRegister]]:
        """The registers of patients of all plugins, each with the name of its plugin.

        Raises:
            ConfigurationError: a plugin failed to make its register.
        """
        return cast("list[tuple[str, PatientRegister]]", self._offered("patient_register"))

    def shutdown(self) -> list[Awaitable[None]]:
        """Tell every plugin to flush and close; what is returned is to be awaited."""
        return self._each("guard_shutdown")

    def _offered(self, hook: str) -> list[tuple[str, Any]]:
        """What plugins return where they are asked for something once, in the order of their names."""
        found: list[tuple[str, Any]] = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            try:
                offered = implementation.function()
            except GuardError:
                raise
            except Exception as error:
                raise ConfigurationError(f"plugin {name}: {type(error).__name__}: {error}") from error
            if offered is not None:
                found.append((name, offered))
        return sorted(found, key=lambda item: item[0])

    def _each(self, hook: str, *arguments: Any) -> list[Any]:
        """What every plugin says, None left out; the first failure is raised when all were called."""
        results: list[Any] = []
        failure: DecisionUnavailable | None = None
        for call in self._of(hook):
            try:
                # a record is one argument: compiled, it spares packing and unpacking
                result = call.function(arguments[0]) if len(arguments) == 1 else call.function(*arguments)
            except DecisionUnavailable as error:
                failure = failure or error
                continue
            except Exception as error:  # noqa: BLE001  a plugin may raise anything; it is named and denies
                failure = failure or PluginFailed(f"plugin {call.plugin}: {type(error).__name__}")
                continue
            if result is not None:
                results.append(result)
        if failure is not None:
            raise failure
        return results

    def _of(self, hook: str) -> tuple[_Call, ...]:
        """The implementations of a hook, in the order of registration."""
        calls = self._calls.get(hook)
        if calls is None:
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            spec = () if caller.spec is None else caller.spec.argnames
            calls = tuple(
                _Call(one.plugin_name, _taking(one.function, one.argnames, spec))
                for one in reversed(caller.get_hookimpls())
            )
            self._calls[hook] = calls
        return calls


def _taking(function: Callable[..., Any], wanted: Sequence[str], given: Sequence[str]) -> Callable[..., Any]:
    """The implementation, called with all that its specification gives: it may have left some out."""
    if tuple(wanted) == tuple(given):
        return function
    places = [given.index(name) for name in wanted]
    return lambda *arguments: function(*(arguments[place] for place in places))


def _made(name: str, plugin: Any, section: dict[str, Any] | None, folder: Path) -> object:
    """The plugin that an entry point names, made if it is a class."""
    settings_type = getattr(plugin, "Settings", None)
    if settings_type is None and section is not None:
        raise ConfigurationError(f"[plugin.{name}]: this plugin has no settings; leave the section out")
    if not isinstance(plugin, type):
        return plugin
    arguments = () if settings_type is None else (read_section(name, section or {}, settings_type, folder),)
    try:
        return plugin(*arguments)
    except GuardError:
        raise
    except Exception as error:
        raise ConfigurationError(f"plugin {name!r} does not start: {type(error).__name__}: {error}") from error
