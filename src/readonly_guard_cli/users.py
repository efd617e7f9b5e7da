"""`readonly-guard users`: who may log in at the guard, where logins end there."""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import load_settings
from readonly_guard_cli.output import fail, speaking_plainly, stderr, visible
from readonly_guard_proxy.net.verifiers import changing, read_verifiers
from readonly_guard_proxy.wire.scram import ITERATIONS, Verifier

__all__ = ["app"]

app = typer.Typer(help="Keep the users who log in at the guard.", no_args_is_help=True)

_SALT_BYTES: Final = 16
_USERLIST: Final = re.compile(r'"((?:[^"]|"")+)"\s+"([^"]*)"')
_COLUMNS: Final = re.compile(r"([^\t,|]+?)\s*[\t,|]\s*(\S+)")

Config = Annotated[Path | None, typer.Option(help="The guard.toml whose authentication.users is meant.")]
File = Annotated[Path | None, typer.Option(help="The file of verifiers itself.")]
Name = Annotated[str, typer.Argument(help="The user's name, as the client gives it.")]


@app.command("add")
def add(name: Name, config: Config = None, file: File = None) -> None:
    """Add a user. The password is asked for, or is the first line of standard input; it is never an argument.

    Exit status: 0 added, 2 not.
    """
    with speaking_plainly():
        path = _file(config, file)
        _check_name(name)
        verifier = _verifier()  # asked for before the file is locked
        with changing(path) as users:
            if name in users:
                raise ConfigurationError(f"{visible(name)} is there already; use `readonly-guard users passwd`")
            users[name] = verifier
    _done(path, "added")


@app.command("passwd")
def passwd(name: Name, config: Config = None, file: File = None) -> None:
    """Give a user another password, as with `add`.

    Exit status: 0 changed, 2 not.
    """
    with speaking_plainly():
        path, verifier = _file(config, file), _verifier()
        with changing(path) as users:
            _check_known(name, users)
            users[name] = verifier
    _done(path, "changed")


@app.command("remove")
def remove(name: Name, config: Config = None, file: File = None) -> None:
    """Remove a user. Sessions that are open stay open.

    Exit status: 0 removed, 2 not.
    """
    with speaking_plainly():
        path = _file(config, file)
        with changing(path) as users:
            _check_known(name, users)
            del users[name]
    _done(path, "removed")


@app.command("list")
def list_users(config: Config = None, file: File = None) -> None:
    """Show the names, one a line, with the iterations their passwords were hashed with.

    Exit status: 0 shown, 2 the file cannot be read.
    """
    with speaking_plainly():
        users = read_verifiers(_file(config, file))
    for name in sorted(users):
        print(f"{visible(name)}\t{users[name].iterations}")


@app.command("import")
def import_users(
    source: Annotated[Path, typer.Argument(help="The file to read; - for standard input.")],
    config: Config = None,
    file: File = None,
) -> None:
    """Take over verifiers, so that nobody needs a new password.

    From PgBouncer's `userlist.txt`, or from two columns of name and verifier, as
    `psql -AtF, -c "SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword LIKE 'SCRAM%'"` gives them. Users who
    are there already get the new verifier; a line that is none refuses the whole.

    Exit status: 0 all taken over, 2 none.
    """
    with speaking_plainly():
        path = _file(config, file)
        try:
            text = sys.stdin.read() if str(source) == "-" else source.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{source} is not UTF-8 text (byte {error.start})") from error
        found = dict(
            _read(str(source), number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()
        )
        with changing(path) as users:
            users.update(found)
    _done(path, f"{len(found)} taken over")


def _read(source: str, number: int, line: str) -> tuple[str, Verifier]:
    if quoted := _USERLIST.fullmatch(line):
        name, text = quoted[1].replace('""', '"'), quoted[2]
    elif plain := _COLUMNS.fullmatch(line):
        name, text = plain[1], plain[2]
    else:
        raise ConfigurationError(f"{source}, line {number}: is not a name and a verifier")
    _check_name(name)
    try:
        return name, Verifier.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"{source}, line {number}: {error}; only SCRAM-SHA-256 is taken over") from error


def _file(config: Path | None, file: Path | None) -> Path:
    if (config is None) == (file is None):
        fail("name one of --config and --file")
    if file is not None:
        return file
    named = load_settings(config).authentication.users if config is not None else None
    if named is None:
        raise ConfigurationError(
            f'{config}: there is no authentication.users; write authentication.mode = "guard" and name a file'
        )
    return Path(named)


def _verifier() -> Verifier:
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ConfigurationError("the password is empty; give it on the first line of standard input, or at the prompt")
    return Verifier.of(password, secrets.token_bytes(_SALT_BYTES), ITERATIONS)


def _check_name(name: str) -> None:
    if not name or not name.isprintable():
        raise ConfigurationError("a user's name is not empty and has no control characters")


def _check_known(name: str, users: dict[str, Verifier]) -> None:
    if name not in users:
        raise ConfigurationError(f"{visible(name)} is not there; `readonly-guard users list` shows who is")


def _done(path: Path, what: str) -> None:
    stderr.print(f"{what}; a running guard sees it at its next SIGHUP ({path})", soft_wrap=True)
