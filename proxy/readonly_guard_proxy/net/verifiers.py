"""The file of SCRAM verifiers of those who log in at the guard.

Its lines are those of PgBouncer's ``userlist.txt``, ``"user" "SCRAM-SHA-256$…"``, with a quote in a name doubled; lines
that are empty or begin with ``;`` or ``#`` say nothing. Passwords and MD5 hashes, which that file may hold, are
refused.
Whoever reads the file can pretend to be the server to its users, so only its owner may.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from readonly_guard.errors import ConfigurationError
from readonly_guard_proxy.net.private_files import private_text
from readonly_guard_proxy.wire.scram import ITERATIONS, Verifier

__all__ = ["Verifiers", "changing", "read_verifiers"]

_LINE: Final = re.compile(r'[ \t]*"((?:[^"]|"")+)"[ \t]+"([^"]*)"[ \t]*')
_SALT_BYTES: Final = 16


class Verifiers:
    """The verifiers of all users, and one for everybody else that nothing fits.

    Args:
        users: by name.
    """

    def __init__(self, users: Mapping[str, Verifier]) -> None:
        self._users = dict(users)
        self._names = sorted(users)
        self._secret = secrets.token_bytes(32)

    def of(self, user: str) -> Verifier:
        """The user's, or for an unknown name one that looks like a user's and always is the same."""
        known = self._users.get(user)
        seed = hmac.digest(self._secret, user.encode(), "sha256")
        return self._mock(seed) if known is None else known

    def _mock(self, seed: bytes) -> Verifier:
        iterations = ITERATIONS
        if self._names:  # how many a name has says nothing where the unknown borrow from the known
            iterations = self._users[self._names[int.from_bytes(seed[:8]) % len(self._names)]].iterations
        key = hashlib.sha256(seed).digest()
        return Verifier(iterations, seed[:_SALT_BYTES], key, key)


def read_verifiers(path: Path) -> dict[str, Verifier]:
    """The verifiers in the file, by user.

    Raises:
        ConfigurationError: others may read it, or a line is not one; the text names file and line and quotes nothing.
    """
    lines = private_text("authentication.users", str(path)).splitlines()
    users: dict[str, Verifier] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith((";", "#")):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ConfigurationError(f'{path}, line {number}: is not "user" "SCRAM-SHA-256$…"')
        user = found[1].replace('""', '"')
        if user in users:
            raise ConfigurationError(f"{path}, line {number}: a user who has a line already")
        try:
            users[user] = Verifier.parse(found[2])
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number}: {error}") from error
    return users


@contextlib.contextmanager
def changing(path: Path) -> Iterator[dict[str, Verifier]]:
    """Change the file: what the dictionary holds at the end is written, all of it or nothing.

    Only one process changes it at a time; a reader sees the old file or the new one. A file that is not there yet is
    made, readable by its owner only.

    Raises:
        ConfigurationError: it cannot be read or written.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigurationError(f"{path.parent} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        users = read_verifiers(path) if path.exists() else {}
        yield users
        try:
            _replace(path, users)
            os.fsync(folder)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        os.close(folder)


def _replace(path: Path, users: Mapping[str, Verifier]) -> None:
    text = "".join(f'"{user.replace(chr(34), chr(34) * 2)}" "{users[user]}"\n' for user in sorted(users))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if path.exists():
                os.fchown(file.fileno(), path.stat().st_uid, -1)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
