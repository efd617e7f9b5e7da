"""Compile the hot path in place: what every statement passes between the client's bytes and the server's.

    make compiled          (or: python scripts/compile.py [--clean])

The modules below are ordinary Python and run as such; mypyc turns the same sources into C. Beside each of them appears
an extension module, which Python then prefers. What is never compiled: modules with msgspec structs, whose options
mypyc would drop without a word, and what reads with patterns (`match`) that bind names, which mypyc 2.4 binds otherwise
than Python (docs/decisions/0032). All tests run on the compiled build, those of these modules on the sources as well
(.ci/run). What they have found so far: a slice of bytes that begins behind its end raises SystemError when compiled
(mypyc 2.4), so there is none here.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PLACES: Final = {"readonly_guard": "src/readonly_guard", "readonly_guard_proxy": "proxy/readonly_guard_proxy"}
MODULES: Final = (
    "readonly_guard.asker",
    "readonly_guard.audit.group_commit",
    "readonly_guard.audit.heads",
    "readonly_guard.audit.journal",
    "readonly_guard.audit.sealing",
    "readonly_guard.audit.segment_file",
    "readonly_guard.audit.spelling",
    "readonly_guard.conclusion",
    "readonly_guard.deciding",
    "readonly_guard.domain.patient_names",
    "readonly_guard.guard",
    "readonly_guard.hooks.manager",
    "readonly_guard.ids",
    "readonly_guard.moments",
    "readonly_guard.policy.cache",
    "readonly_guard.policy.extract",
    "readonly_guard.policy.likeness",
    "readonly_guard.policy.residual",
    "readonly_guard.policy.stages",
    "readonly_guard.precedents",
    "readonly_guard.repeating",
    "readonly_guard.sql.canonical",
    "readonly_guard.sql.postgres_reading",
    "readonly_guard.sql.postgres_tree",
    "readonly_guard.sql.postgres_visits",
    "readonly_guard.sql.respelling",
    "readonly_guard.sql.scan",
    "readonly_guard.sql.shortening",
    "readonly_guard.sql.sqlglot_tree",
    "readonly_guard.sql.variation",
    "readonly_guard.telling",
    "readonly_guard.texts",
    "readonly_guard_proxy.net.measured",
    "readonly_guard_proxy.net.admission",
    "readonly_guard_proxy.net.attempts",
    "readonly_guard_proxy.net.board",
    "readonly_guard_proxy.net.cancel",
    "readonly_guard_proxy.net.closing",
    "readonly_guard_proxy.net.clearance",
    "readonly_guard_proxy.net.crowd",
    "readonly_guard_proxy.net.flow",
    "readonly_guard_proxy.net.gathering",
    "readonly_guard_proxy.net.inquiry",
    "readonly_guard_proxy.net.judging",
    "readonly_guard_proxy.net.link",
    "readonly_guard_proxy.net.listener",
    "readonly_guard_proxy.net.patience",
    "readonly_guard_proxy.net.place",
    "readonly_guard_proxy.net.reception",
    "readonly_guard_proxy.net.sides",
    "readonly_guard_proxy.net.tasks",
    "readonly_guard_proxy.net.tls",
    "readonly_guard_proxy.net.tuning",
    "readonly_guard_proxy.net.upstream",
    "readonly_guard_proxy.metrics.meters",
    "readonly_guard_proxy.session.authentication",
    "readonly_guard_proxy.session.commands",
    "readonly_guard_proxy.session.consequences",
    "readonly_guard_proxy.session.events",
    "readonly_guard_proxy.session.machine",
    "readonly_guard_proxy.session.names",
    "readonly_guard_proxy.session.outbox",
    "readonly_guard_proxy.session.parameters",
    "readonly_guard_proxy.session.quick_lane",
    "readonly_guard_proxy.session.replies",
    "readonly_guard_proxy.session.reply_lane",
    "readonly_guard_proxy.session.reported",
    "readonly_guard_proxy.session.request_lane",
    "readonly_guard_proxy.session.turn_ahead",
    "readonly_guard_proxy.wire.authentication",
    "readonly_guard_proxy.wire.framing",
    "readonly_guard_proxy.wire.messages",
    "readonly_guard_proxy.wire.startup",
    "readonly_guard_proxy.wire.turns",
    "readonly_guard_proxy.wire.values",
)
FLAGS: Final = ("-fno-semantic-interposition", "-fno-plt") if os.name == "posix" else ()
"""For gcc and clang: what is compiled as one calls itself directly and can be inlined, as if nobody could put other
functions in the place of its own; and Python's without a stub between."""
SUFFIXES: Final = (".so", ".pyd")
CACHE: Final = ".mypy_cache/compiled"
"""mypy's, apart from that of `make lint`, whose options are others: neither takes the other's away."""


def path_of(module: str) -> str:
    """Where a module's source is, from the root."""
    package, _, rest = module.partition(".")
    return f"{PLACES[package]}/{rest.replace('.', '/')}.py"


def clean() -> None:
    """Remove what was compiled, so that the sources run again."""
    for module in compiled():
        module.unlink()


def compiled() -> list[Path]:
    """The extension modules that stand beside sources."""
    return [
        found for folder in ("src", "proxy") for suffix in SUFFIXES for found in (ROOT / folder).rglob(f"*{suffix}")
    ]


def build() -> None:
    """Compile all of them, as one, so that they call each other directly."""
    from mypyc.build import mypycify  # noqa: PLC0415  only who compiles needs it
    from setuptools import Distribution  # noqa: PLC0415

    options = ["--config-file=pyproject.toml", f"--cache-dir={CACHE}", "--no-warn-unreachable"]
    sources = [*map(path_of, MODULES)]
    extensions = mypycify([*options, *sources], opt_level="3", debug_level="0", group_name="readonly_guard.compiled")
    for extension in extensions:
        extension.extra_compile_args += FLAGS
        extension.depends.append(__file__)  # other flags: what is there is compiled anew
    distribution = Distribution({"ext_modules": extensions, "package_dir": PLACES})
    command = distribution.get_command_obj("build_ext")
    command.inplace = True  # type: ignore[attr-defined]
    command.ensure_finalized()
    command.run()
    for module in compiled():
        module.touch()  # setuptools takes what C has not changed from the last time, with the time of then


def main() -> None:
    """Compile, or clean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clean", action="store_true", help="remove what was compiled")
    if parser.parse_args().clean:
        clean()
        return
    clean()
    sys.argv[1:] = []
    build()


if __name__ == "__main__":
    main()
