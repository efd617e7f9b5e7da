"""What a guard is made of, put together from settings: the one place that knows the makers of all parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from readonly_guard.audit import Journal, JournalPlugin, Recovery, SigningKey
from readonly_guard.catalog import read_catalog
from readonly_guard.hooks import Hooks
from readonly_guard.policy import Modes, PolicyDecisionPoint, decision_point
from readonly_guard.settings import (
    CatalogSettings,
    JournalSettings,
    PluginSettings,
    PolicySettings,
    ReadingSettings,
    Settings,
)
from readonly_guard.sql import Analyzer, Bounds, BuiltinResolver, Resolver

__all__ = ["Parts", "assemble"]


class Parts(NamedTuple):
    """The parts of a guard.

    Attributes:
        analyzer: reads texts.
        without_catalog: settles names where there is no catalog.
        catalog: settles them; None where no snapshot was named.
        pdp: answers by the policies.
        modes: says which denials are enforced.
        hooks: the plugins, the log's among them.
        facts_deadline_s: how long plugins may look something up, in seconds.
        log: None where nothing is recorded.
        recovery: what opening the journal had to repair; None where none was opened.
    """

    analyzer: Analyzer
    without_catalog: Resolver
    catalog: Resolver | None
    pdp: PolicyDecisionPoint
    modes: Modes
    hooks: Hooks
    facts_deadline_s: float
    log: JournalPlugin | None
    recovery: Recovery | None


def assemble(
    *,
    policy: PolicySettings,
    journal: JournalSettings | None,
    reading: ReadingSettings,
    catalog: CatalogSettings,
    bounds: Bounds,
    settings: Settings | None,
    clock: Callable[[], datetime],
) -> Parts:
    """Make the parts. The log comes last: nothing is written where another part cannot be made.

    Args:
        policy: where the policies are.
        journal: where the log is; None for none.
        reading: what texts are read by.
        catalog: what names are settled by.
        bounds: how much of a text is read.
        settings: all of a guard.toml, for the plugins; None where there is none, and then no plugins.
        clock: gives the time, timezone-aware.

    Raises:
        ConfigurationError: a part cannot be made.
    """
    pdp = decision_point(policy)
    hooks = Hooks()
    plugins = PluginSettings() if settings is None else settings.plugins
    if settings is not None:
        hooks.load(plugins.load, settings.plugin, Path(settings.folder))
        hooks.startup(settings)
    snapshot = None if catalog.snapshot is None else read_catalog(Path(catalog.snapshot), reading, catalog)
    log, recovery = (None, None) if journal is None else _log(journal, clock)
    if log is not None:
        hooks.register(log, "journal")
    return Parts(
        analyzer=Analyzer(reading, bounds),
        without_catalog=BuiltinResolver(reading, relations=not catalog.denies_unknown_relations),
        catalog=snapshot,
        pdp=pdp,
        modes=Modes(policy),
        hooks=hooks,
        facts_deadline_s=plugins.timeout_s,
        log=log,
        recovery=recovery,
    )


def _log(settings: JournalSettings, clock: Callable[[], datetime]) -> tuple[JournalPlugin, Recovery]:
    key = settings.signing_key
    journal = Journal.open(
        Path(settings.path),
        durability=settings.durability,
        segment_bytes=settings.segment_mb * 1024 * 1024,
        segment_age_s=settings.segment_hours * 3600,
        signing_key=None if key is None else SigningKey.load(Path(key)),
        seal_every_s=settings.seal_every_s,
        clock=clock,
    )
    return JournalPlugin(journal, seal_every_s=settings.seal_every_s), journal.recovery
