"""A wheel with the hot path compiled, for this Python and this kind of machine; see `scripts/compile.py`.

    make wheel          (or: python scripts/compiled_wheel.py [--directory dist])

It is the plain wheel with the extension modules beside their sources, which run where these are taken out. All of it is
built in a copy; the working tree stays as it is. What `make compiled` has made before is copied along: the C compiler
is only asked for what mypyc writes in another way now, or with other flags (`make clean` takes away what was made).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from compile import CACHE

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = ("pyproject.toml", "README.md", "LICENSE", "src", "proxy", "plugins", "policies", "scripts")
MADE_BEFORE: Final = ("build", CACHE)
"""Files and their times, by which setuptools and mypy see what is still true."""
SUFFIX: Final = sysconfig.get_config_var("EXT_SUFFIX")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a tool of this Python; what it says is shown if it fails."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def copy_sources(to: Path) -> None:
    """All that a wheel is made of, without what was compiled in place."""
    left = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so", "*.pyd")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=left)
        else:
            shutil.copy(ROOT / name, to / name)


def copy_made_before(to: Path) -> None:
    """What `make compiled` went by and made, for it to go on from here."""
    for name in MADE_BEFORE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, dirs_exist_ok=True)


def build(source: Path) -> Path:
    """The plain wheel of a copy."""
    run("build", "--wheel", "--outdir", source / "plain", source)
    (made,) = (source / "plain").glob("*.whl")
    return made


def add_compiled(plain: Path, source: Path, directory: Path) -> Path:
    """The wheel with the extension modules that stand in the copy, named for what it runs on."""
    run("wheel", "unpack", "--dest", source / "unpacked", plain)
    (inside,) = (source / "unpacked").iterdir()
    for folder in ("src", "proxy"):
        for module in (source / folder).rglob(f"*{SUFFIX}"):
            shutil.copy(module, inside / module.relative_to(source / folder))
    (metadata,) = inside.glob("*.dist-info/WHEEL")
    purely = metadata.read_text(encoding="utf-8")
    metadata.write_text(purely.replace("Root-Is-Purelib: true", "Root-Is-Purelib: false"), encoding="utf-8")
    (source / "packed").mkdir()
    run("wheel", "pack", "--dest-dir", source / "packed", inside)
    (packed,) = (source / "packed").glob("*.whl")
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    run("wheel", "tags", "--remove", "--python-tag", python, "--abi-tag", python, "--platform-tag", platform, packed)
    (tagged,) = (source / "packed").glob("*.whl")
    directory.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(tagged, directory))


def main() -> None:
    """Build it, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=ROOT / "dist", help="where it is put (default: dist)")
    directory: Path = parser.parse_args().directory
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        copy_sources(source)
        plain = build(source)
        copy_made_before(source)
        compiling = subprocess.run(
            [sys.executable, "scripts/compile.py"], cwd=source, capture_output=True, text=True, check=False
        )
        if compiling.returncode:
            sys.exit(f"scripts/compile.py failed:\n{compiling.stdout}{compiling.stderr}")
        made = add_compiled(plain, source, directory)
    print(made.relative_to(Path.cwd()) if made.is_relative_to(Path.cwd()) else made)


if __name__ == "__main__":
    main()
