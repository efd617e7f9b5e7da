"""Which build the tests run on: the hot path as it is written, or as `make compiled` has compiled it.

An extension module goes before the source beside it, so tests of a source that was changed after it was compiled would
be tests of something else: such a run is refused. ``--build`` says which build is meant, where that matters.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import pytest

from scripts.compile import MODULES, ROOT, path_of

__all__ = ["FOUND", "Build", "NotOneBuildError", "build_of"]

Build = Literal["pure", "compiled"]

FOUND: Final = pytest.StashKey[Build]()
"""The build that the tests of this run are of."""

_SUFFIX: Final = str(sysconfig.get_config_var("EXT_SUFFIX"))
_ADVICE: Final = "`make compiled` compiles all of it, `make pure` takes what was compiled away"


class NotOneBuildError(Exception):
    """Some of the hot path is compiled and some is not, or it is not the sources' any more."""


def build_of(sources: Iterable[Path]) -> Build:
    """How these sources stand there.

    Raises:
        NotOneBuildError: in more than one way.
    """
    by_source = {source: source.with_name(source.stem + _SUFFIX) for source in sources}
    made = {source for source, compiled in by_source.items() if compiled.exists()}
    if not made:
        return "pure"
    for source, compiled in by_source.items():
        if source not in made:
            raise NotOneBuildError(f"{source} is not compiled, and other sources are; {_ADVICE}")
        if compiled.stat().st_mtime < source.stat().st_mtime:
            raise NotOneBuildError(f"{source} was changed after it was compiled; {_ADVICE}")
    return "compiled"


def pytest_addoption(parser: pytest.Parser) -> None:
    """To have the one or the other for certain."""
    parser.addoption("--build", choices=("pure", "compiled"), help="fail unless this is the build that is tested")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test what is not meant."""
    try:
        found = build_of(ROOT / path_of(module) for module in MODULES)
    except NotOneBuildError as error:
        raise pytest.UsageError(str(error)) from error
    meant = config.getoption("--build", default=None)
    if meant not in {None, found}:
        raise pytest.UsageError(f"--build {meant}: the hot path is {found}; `make {meant}`")
    config.stash[FOUND] = found


def pytest_report_header(config: pytest.Config) -> str:
    """Say it."""
    return f"hot path: {config.stash[FOUND]}"
