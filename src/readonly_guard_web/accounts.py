"""Who may sign in to the page: users of the roster with a password, kept as Argon2id hashes (RFC 9106) in one file."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from readonly_guard.errors import ConfigurationError

__all__ = ["Accounts"]

FILE: Final = "accounts.json"
_SHORTEST: Final = 12  # characters
_LONGEST: Final = 256
_MEMORY_KIB: Final = 64 * 1024  # RFC 9106 section 4, the second recommended option: t=3, 64 MiB, p=4
_ITERATIONS: Final = 3
_LANES: Final = 4
# two threads that hash at once wait for each other for ever: OpenSSL's lanes share one pool of threads
_one_at_a_time: Final = threading.Lock()


class Accounts:
    """The accounts in a review's directory; read anew at every look, so that what is removed is removed at once."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._nobody = _hash(secrets.token_urlsafe())

    def names(self) -> list[str]:
        """Who has one."""
        return sorted(self._read())

    def put(self, user: str, password: str) -> None:
        """Give a user an account, or a new password.

        Raises:
            ConfigurationError: the password is too short or too long, or the file cannot be written.
        """
        if not _SHORTEST <= len(password) <= _LONGEST:
            raise ConfigurationError(f"a password has {_SHORTEST} to {_LONGEST} characters")
        self._write(self._read() | {user: _hash(password)})

    def remove(self, user: str) -> None:
        """Take a user's account away.

        Raises:
            ConfigurationError: there is none, or the file cannot be written.
        """
        known = self._read()
        if user not in known:
            raise ConfigurationError(f"{user!r} has no account; those who have: {', '.join(known) or 'nobody'}")
        del known[user]
        self._write(known)

    def is_right(self, user: str, password: str) -> bool:
        """Whether it is the user's password; takes as long for a user who has no account."""
        known = self._read().get(user)
        try:
            with _one_at_a_time:
                Argon2id.verify_phc_encoded(password.encode()[: 4 * _LONGEST], known or self._nobody)
        except InvalidKey:
            return False
        return known is not None

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError):
            raise ConfigurationError(f"{self._path}: the accounts cannot be read") from None

    def _write(self, known: dict[str, str]) -> None:
        part = self._path.with_suffix(".part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(known)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._path)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: the accounts cannot be written: {error.strerror}") from error


def _hash(password: str) -> str:
    kdf = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    with _one_at_a_time:
        return kdf.derive_phc_encoded(password.encode())
