"""Keys that sign heads of the log and protocols of its review: Ed25519 (RFC 8032), as PEM files, named by fingerprint.

The private key is PKCS #8, readable by its owner only; the public one is SubjectPublicKeyInfo, published beside the
journal as ``<key id>.pub``, so that it travels with the records. What is published there says who *claims* to have
signed: an auditor who wants to know brings the public key along from elsewhere (``audit verify --public-key``).

**What is signed**: ``readonly-guard signature v1``, a line feed, and the canonical record whose ``signature`` is empty.
The record's type is part of it, so a signature can never be moved to another kind of record.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from readonly_guard.audit.chain import canonical
from readonly_guard.domain import ProtocolRecord, RetentionRecord, SealRecord
from readonly_guard.errors import ConfigurationError

__all__ = ["KeyRing", "SigningKey"]

_PREFIX: Final = b"readonly-guard signature v1\n"
_SUFFIX: Final = ".pub"
_ID_DIGITS: Final = 16

_Signed = TypeVar("_Signed", SealRecord, RetentionRecord, ProtocolRecord)


class SigningKey:
    """The private key of whoever writes a log."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = _key_id(key.public_key())

    @classmethod
    def generate(cls, path: Path) -> Self:
        """Make a key and keep it in a new file that only its owner may read.

        Raises:
            ConfigurationError: the file is there already, or cannot be written.
        """
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
        except FileExistsError:
            raise ConfigurationError(f"{path}: is there already; name a new file, a key is never overwritten") from None
        except OSError as error:
            raise ConfigurationError(f"{path}: the key cannot be written: {error.strerror}") from error
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key in a file that :meth:`generate` wrote.

        Raises:
            ConfigurationError: it cannot be read, is no Ed25519 key, or others may read it.
        """
        try:
            text = path.read_bytes()
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            raise ConfigurationError(f"{path}: the signing key cannot be read: {error.strerror}") from error
        if mode & 0o077:
            raise ConfigurationError(f"{path}: others than its owner may read the signing key: chmod 600 {path}")
        try:
            key = load_pem_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"{path}: is no Ed25519 private key; make one: readonly-guard audit keygen FILE")
        return cls(key)

    def sign(self, record: _Signed) -> _Signed:
        """The record with this key's name and signature in it."""
        unsigned = msgspec.structs.replace(record, key_id=self.key_id, signature="")
        return msgspec.structs.replace(unsigned, signature=self._key.sign(_PREFIX + canonical(unsigned)).hex())

    def public_text(self) -> bytes:
        """The public key as a PEM file holds it."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def publish(self, directory: Path) -> Path:
        """Put the public key into a directory, as ``<key id>.pub``.

        Raises:
            OSError: it cannot be written.
        """
        path = directory / f"{self.key_id}{_SUFFIX}"
        if not path.exists() or path.read_bytes() != self.public_text():
            path.write_bytes(self.public_text())
        return path


class KeyRing:
    """Public keys, by name, to check signatures with."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Self:
        """The keys in files that :meth:`SigningKey.publish` wrote.

        Raises:
            ConfigurationError: a file cannot be read or holds no Ed25519 public key.
        """
        keys = [_public(path) for path in paths]
        return cls({_key_id(key): key for key in keys})

    @classmethod
    def beside(cls, directory: Path) -> Self:
        """The keys published in a directory; no proof of who signed, see this module."""
        return cls.load(sorted(directory.glob(f"*{_SUFFIX}")))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The names of the keys."""
        return tuple(sorted(self._keys))

    def objection(self, record: SealRecord | RetentionRecord | ProtocolRecord) -> str | None:
        """Why a signature is not to be believed, in words; None when it is right."""
        key = self._keys.get(record.key_id)
        if key is None:
            return f"is signed with the key {record.key_id[:_ID_DIGITS]!r}, which is not among the keys to check with"
        unsigned = msgspec.structs.replace(record, signature="")
        try:
            key.verify(bytes.fromhex(record.signature), _PREFIX + canonical(unsigned))
        except (InvalidSignature, ValueError):
            return f"bears a signature that the key {record.key_id} did not make"
        return None


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: the public key cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{path}: is no Ed25519 public key; name the file <key id>.pub beside the journal")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_ID_DIGITS]
