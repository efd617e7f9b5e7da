"""`readonly-guard demo`, from the outside: what it shows, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from readonly_guard_cli.demo.story import ACTS

_DEMO = [sys.executable, "-m", "readonly_guard_cli", "demo"]
_CODES = [scene.code for act in ACTS for scene in act.scenes]
_WAIT_S = 30.0


def _processes(place: Path) -> list[str]:
    """Everything that runs with a path below this place on its command line."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(place) in line]


def _assert_nothing_stays(place: Path) -> None:
    deadline = time.monotonic() + 10
    while (_processes(place) or list(place.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)  # the server's supervisor removes its directory a moment after its owner is gone
    assert _processes(place) == []
    assert list(place.iterdir()) == []


def _assert_whole(said: str) -> None:
    marks = re.findall(r"^(allowed|refused) ", said, re.MULTILINE)
    assert marks == ["refused" if code else "allowed" for code in _CODES]
    for code in filter(None, _CODES):
        assert f"({code})" in said
    assert re.search(r"\d+ records, hash chain whole", said)
    assert re.search(r"\d+ tables, sequences and system catalogs compared: not one differs\.", said)
    assert re.search(r"The page answers at http://127\.0\.0\.1:\d+/", said)
    assert "not as expected" not in said
    assert "Traceback" not in said


class _Run:
    """A demo under way, in a process group of its own as in a terminal; its output goes to a file."""

    def __init__(self, place: Path, output: Path, *arguments: str) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [*_DEMO, *arguments],
                stdout=file,
                stderr=file,
                env={**os.environ, "TMPDIR": str(place)},
                start_new_session=True,
            )

    def said(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_until(self, what: str) -> None:
        deadline = time.monotonic() + _WAIT_S
        while what not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)

    def interrupt(self, number: signal.Signals) -> int:
        """As Ctrl-C in a terminal reaches the whole group."""
        os.killpg(self.process.pid, number)
        return self.process.wait(20)


@contextlib.contextmanager
def _running(place: Path, output: Path, *arguments: str) -> Iterator[_Run]:
    run = _Run(place, output, *arguments)
    try:
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()


def test_the_whole_run(open_tmp):
    done = subprocess.run(
        _DEMO,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(open_tmp)},
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    _assert_whole(done.stdout)
    _assert_nothing_stays(open_tmp)


@pytest.mark.parametrize(
    ("number", "moment", "status"),
    [
        (signal.SIGINT, "in read mode", 130),
        (signal.SIGTERM, "Writing does not", 143),
        (signal.SIGHUP, "Reading works", 129),
    ],
)
def test_stopped_in_the_middle(open_tmp, tmp_path, number, moment, status):
    with _running(open_tmp, tmp_path / "out") as run:
        run.wait_until(moment)
        time.sleep(0.1)
        assert run.interrupt(number) == status
        _assert_nothing_stays(open_tmp)
        assert "Traceback" not in run.said()


def test_kept_running_until_ctrl_c(open_tmp, tmp_path):
    with _running(open_tmp, tmp_path / "out", "--keep") as run:
        run.wait_until("audit verify")
        _assert_whole(run.said())
        lines = [line.strip() for line in run.said().splitlines()]
        psql = next(line for line in lines if line.startswith("PGOPTIONS="))
        show, verify = (next(line for line in lines if f" audit {name} " in line) for name in ("show", "verify"))

        rows = _shell(f'{psql} -Atc "SELECT count(*) FROM person"')
        assert rows.returncode == 0
        assert int(rows.stdout) > 0
        write = _shell(f'{psql} -c "DELETE FROM person"')
        assert write.returncode != 0
        assert "RG-W05" in write.stderr
        assert "RG-W05" in _shell(show).stdout
        assert [word in _shell(verify).stdout for word in ("whole: ", "broken")] == [True, False]
        _assert_reviewable(run.said())

        assert run.interrupt(signal.SIGINT) == 0
        _assert_nothing_stays(open_tmp)
        assert "Traceback" not in run.said()


def _assert_reviewable(said: str) -> None:
    """What is shown is enough to sign in at the review's page, where something waits."""
    opened = re.search(r"Open (http://\S+) and sign in with the password (\S+), as", said)
    assert opened is not None
    form = urlencode({"user": "enyman", "password": opened[2]}).encode()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(f"{opened[1]}sign-in", form, timeout=30) as page:
        text = page.read().decode()
    assert "God dag, Eva Nyman" in text
    assert re.search(r"Granska \d+ som väntar på dig", text)


def _shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run it as an ordinary user already")
def test_as_an_ordinary_user(open_tmp):
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is not here to become an ordinary user with")
    # it may read everything, because this interpreter can lie in /root; in all else it is nobody
    nobody = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    nobody += [
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=-all,+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]
    environment = {**os.environ, "TMPDIR": str(open_tmp), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    probe = subprocess.run(
        [*nobody, sys.executable, "-c", "import os, readonly_guard_cli; print(os.geteuid())"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.stdout != "65534\n":
        pytest.skip(f"no ordinary user can run this interpreter here: {probe.stderr.strip()[-200:]}")
    done = subprocess.run(
        [*nobody, *_DEMO], env=environment, capture_output=True, text=True, encoding="utf-8", timeout=180, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    _assert_whole(done.stdout)
    _assert_nothing_stays(open_tmp)


def test_without_its_extra_it_says_what_to_install(tmp_path):
    (tmp_path / "psycopg").mkdir()
    (tmp_path / "psycopg" / "__init__.py").write_text("raise ImportError\n", encoding="utf-8")
    done = subprocess.run(
        _DEMO, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "error: the demo needs a PostgreSQL driver: pip install 'readonly-guard[demo]'\n"
