"""The file of verifiers: read strictly, written whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard_proxy.net.verifiers import Verifiers, changing, read_verifiers
from readonly_guard_proxy.wire.scram import Verifier

ONE, OTHER = Verifier.of("one", b"salt of one....."), Verifier.of("other", b"salt of another.", 5_000)


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "users.txt"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_it_reads_what_pgbouncer_s_file_may_hold(tmp_path) -> None:
    path = write(tmp_path, f'; a comment\n\n# another\n  "anna"  "{ONE}"\n"b""o" "{OTHER}"\t\n"å ;#" "{ONE}"\n')
    assert read_verifiers(path) == {"anna": ONE, 'b"o': OTHER, "å ;#": ONE}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"anna" "secret"', "line 2: is not a SCRAM-SHA-256 verifier"),
        ('"anna" "md50123456789abcdef0123456789abcdef"', "line 2: is not a SCRAM-SHA-256 verifier"),
        ('"anna" ""', "line 2: is not a SCRAM-SHA-256 verifier"),
        (f"anna {ONE}", 'line 2: is not "user" "SCRAM-SHA-256$…"'),
        (f'"" "{ONE}"', 'line 2: is not "user"'),
        (f'"anna" "{ONE}" "secret"', 'line 2: is not "user"'),
        (f'"bo" "{ONE}"', "line 2: a user who has a line already"),
    ],
)
def test_a_line_that_is_none_is_named_and_not_quoted(tmp_path, line, said) -> None:
    path = write(tmp_path, f'"bo" "{ONE}"\n{line}\n')
    with pytest.raises(ConfigurationError) as caught:
        read_verifiers(path)
    assert f"{path}, {said}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_others_may_neither_read_nor_write_it(tmp_path, mode) -> None:
    path = write(tmp_path, "", mode)
    with pytest.raises(ConfigurationError, match=f"others may read {path}; run `chmod 600 {path}`"):
        read_verifiers(path)


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere cannot be read: No such file"):
        read_verifiers(tmp_path / "nowhere")
    path = write(tmp_path, "")
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read_verifiers(path)


def test_what_is_written_is_read_again_and_is_the_owner_s_only(tmp_path) -> None:
    path = tmp_path / "users.txt"
    with changing(path) as users:
        users.update({'a"b': ONE, "å": OTHER})
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_verifiers(path) == {'a"b': ONE, "å": OTHER}
    assert [each.name for each in tmp_path.iterdir()] == ["users.txt"]


def test_a_change_that_fails_leaves_the_old_file(tmp_path) -> None:
    path = write(tmp_path, f'"anna" "{ONE}"\n')
    with pytest.raises(RuntimeError), changing(path) as users:
        users["bo"] = OTHER
        raise RuntimeError
    assert read_verifiers(path) == {"anna": ONE}
    assert [each.name for each in tmp_path.iterdir()] == ["users.txt"]


def test_many_who_change_it_at_once_lose_nothing(tmp_path) -> None:
    path = tmp_path / "users.txt"
    program = (
        "import sys; from pathlib import Path; from readonly_guard_proxy.net.verifiers import changing;"
        "from readonly_guard_proxy.wire.scram import Verifier\n"
        "for number in range(5):\n"
        "  with changing(Path(sys.argv[1])) as users: users[sys.argv[2] + str(number)] = Verifier.of('x', b'salt')"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abc"]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    assert len(read_verifiers(path)) == 15


def test_an_unknown_name_looks_like_a_known_one() -> None:
    known = Verifiers({"anna": ONE, "bo": OTHER})
    mocks = {name: known.of(name) for name in map(str, range(200))}
    assert known.of("anna") == ONE
    assert {mock.iterations for mock in mocks.values()} == {4_096, 5_000}
    assert {len(mock.salt) for mock in mocks.values()} == {16}
    assert len({mock.salt for mock in mocks.values()}) == 200
    assert all(known.of(name) == mock for name, mock in mocks.items())
    assert Verifiers({}).of("anna").iterations == 4_096
