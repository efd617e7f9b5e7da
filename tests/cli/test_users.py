"""`readonly-guard users`: passwords from standard input or the terminal, never an argument."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time

import pytest

from readonly_guard_proxy.net.verifiers import read_verifiers
from readonly_guard_proxy.wire.scram import Verifier

SECRET = "correct horse"
VERIFIER = Verifier.of("x", b"0123456789abcdef")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "users.txt"


def knows(file, name: str, password: str) -> bool:
    verifier = read_verifiers(file)[name]
    return Verifier.of(password, verifier.salt, verifier.iterations) == verifier


def test_a_users_life(run, file) -> None:
    assert run("users", "add", "anna", "--file", file, stdin=f"{SECRET}\n").status == 0
    assert knows(file, "anna", SECRET)
    assert file.stat().st_mode & 0o777 == 0o600
    again = run("users", "add", "anna", "--file", file, stdin="y\n")
    assert (again.status, again.err) == (2, "error: anna is there already; use `readonly-guard users passwd`\n")
    done = run("users", "passwd", "anna", "--file", file, stdin="another\r\n")
    assert (done.status, done.out) == (0, "")
    assert "a running guard sees it at its next SIGHUP" in done.err
    assert knows(file, "anna", "another")
    assert not knows(file, "anna", SECRET)
    assert run("users", "list", "--file", file).out == "anna\t4096\n"
    assert run("users", "remove", "anna", "--file", file).status == 0
    assert run("users", "list", "--file", file).out == ""
    for command in ("remove", "passwd"):
        gone = run("users", command, "anna", "--file", file, stdin="x\n")
        assert (gone.status, gone.err) == (2, "error: anna is not there; `readonly-guard users list` shows who is\n")


def test_two_users_with_one_password_do_not_look_alike(run, file) -> None:
    for name in ("anna", "bo"):
        run("users", "add", name, "--file", file, stdin=SECRET)
    anna, bo = read_verifiers(file).values()
    assert anna.salt != bo.salt
    assert anna.stored_key != bo.stored_key


def test_a_password_on_a_terminal_is_asked_for_twice_and_not_shown(file) -> None:
    def type_in(*words: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "readonly_guard_cli", "users", "add", "anna", "--file", str(file)]
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as program:
            os.close(slave)
            said = b""
            for word in words:
                said = _until(master, said, b": ")
                os.write(master, f"{word}\n".encode())
            status = program.wait(30)
            said = _until(master, said, b"")
        os.close(master)
        return status, said.decode()

    status, said = type_in(SECRET, SECRET)
    assert status == 0, said
    assert SECRET not in said
    assert knows(file, "anna", SECRET)


def _until(master: int, said: bytes, end: bytes) -> bytes:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            more = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        said += more
        if not more or (end and said.endswith(end)):
            break
    return said


@pytest.mark.parametrize("stdin", ["", "\n", "\r\n"])
def test_an_empty_password_is_none(run, file, stdin) -> None:
    ended = run("users", "add", "anna", "--file", file, stdin=stdin)
    assert ended.status == 2
    assert ended.err.startswith("error: the password is empty; give it on the first line")
    assert not file.exists()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31m", "\u202ex"])
def test_a_name_that_would_trick_a_reader_is_refused(run, file, name) -> None:
    ended = run("users", "add", name, "--file", file, stdin="x\n")
    assert (ended.status, ended.err) == (2, "error: a user's name is not empty and has no control characters\n")


def test_import_from_the_server_and_from_pgbouncer(run, file, tmp_path) -> None:
    for text in (f'"anna" "{VERIFIER}"\n"b""o" "{VERIFIER}"\n', f'anna,{VERIFIER}\nb"o\t{VERIFIER}\n\n'):
        source = tmp_path / "source"
        source.write_text(text, encoding="utf-8")
        assert run("users", "import", source, "--file", file).status == 0
        assert read_verifiers(file) == {"anna": VERIFIER, 'b"o': VERIFIER}
        file.unlink()
    assert run("users", "import", "-", "--file", file, stdin=f"anna|{VERIFIER}").status == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anna,secret", "line 1: is not a SCRAM-SHA-256 verifier; only SCRAM-SHA-256 is taken over"),
        (f"bo,{VERIFIER}\nanna,md5secret", "line 2: is not a SCRAM-SHA-256 verifier"),
        ("secret", "line 1: is not a name and a verifier"),
    ],
)
def test_one_bad_line_takes_nothing_over_and_is_not_quoted(run, file, text, said) -> None:
    ended = run("users", "import", "-", "--file", file, stdin=text)
    assert ended.status == 2
    assert said in ended.err
    assert "secret" not in ended.err
    assert not file.exists()


def test_the_file_is_the_settings(run, tmp_path) -> None:
    config = tmp_path / "guard.toml"
    basis = '[upstream]\nhost = "x"\nlogin = { user = "u" }\n[journal]\npath = "j"\n'
    config.write_text(basis + '[authentication]\nmode = "guard"\nusers = "mine.txt"\n', encoding="utf-8")
    assert run("users", "add", "anna", "--config", config, stdin="x\n").status == 0
    assert list(read_verifiers(tmp_path / "mine.txt")) == ["anna"]
    config.write_text(basis.replace('login = { user = "u" }\n', ""), encoding="utf-8")
    ended = run("users", "list", "--config", config)
    assert ended.status == 2
    assert "there is no authentication.users; write authentication.mode" in ended.err
    for which in ((), ("--config", config, "--file", config)):
        assert run("users", "list", *which).err == "error: name one of --config and --file\n"


def test_no_command_takes_a_password_as_an_argument(program) -> None:
    for command in ("add", "passwd"):
        assert not re.search(r"--password|PASSWORD", program("users", command, "--help").out)
        assert program("users", command, "anna", "secret", "--file", "x").status == 2
