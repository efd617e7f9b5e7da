"""The keeper: told of what moved, and of a server that can no longer be asked."""

from __future__ import annotations

import psycopg
import pytest

from readonly_guard.catalog import CatalogKeeper, read_catalog
from readonly_guard.catalog import keeping as module
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import CatalogSettings, ReadingSettings


class Told(list):
    def __call__(self, resolver, why):
        self.append((None if resolver is None else resolver.digest, why))


def keeper_of(dsn, told):
    return CatalogKeeper(dsn, ReadingSettings(), CatalogSettings(refresh_s=0.01, timeout_s=10), changed=told)


async def test_a_catalog_that_did_not_move_is_told_once(newest):
    told = Told()
    keeper = keeper_of(newest.dsn, told)
    assert keeper.fault
    await keeper.look()
    await keeper.look()
    assert len(told) == 1
    assert keeper.fault == ""
    with psycopg.connect(newest.dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA moved")
        try:
            await keeper.look()
        finally:
            admin.execute("DROP SCHEMA moved")
    assert len({digest for digest, _ in told}) == 2


async def test_it_is_withdrawn_when_the_server_stays_silent(newest, monkeypatch):
    told = Told()
    keeper = keeper_of(newest.dsn, told)
    await keeper.look()
    monkeypatch.setattr(keeper, "_dsn", "postgresql://nobody@127.0.0.1:1/x")
    for _ in range(5):
        await keeper.look()
    assert len(told) == 1
    assert keeper.fault == ""
    await keeper.look()
    assert told[-1][0] is None
    assert "Connect call failed" in keeper.fault
    monkeypatch.setattr(keeper, "_dsn", newest.dsn)
    await keeper.look()
    assert told[-1][0] == told[0][0]
    assert keeper.fault == ""


async def test_a_defect_counts_as_silence(newest, monkeypatch):
    async def broken(*_, **__):
        raise KeyError("canary")

    told = Told()
    keeper = keeper_of(newest.dsn, told)
    monkeypatch.setattr(module, "take", broken)
    await keeper.look()
    assert told == [(None, "the catalog cannot be read: KeyError")]


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(ConfigurationError, match="catalog.json: cannot be read"):
        read_catalog(tmp_path / "catalog.json", ReadingSettings(), CatalogSettings())
