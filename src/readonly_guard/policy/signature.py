"""Whether a bundle is the one that was signed: `.signatures.json`, as `opa build` and `opa sign` write it.

A JSON Web Token lists every file with its digest. All of them must be there, as listed, and no other: what is not
signed is not read. How OPA digests: the bytes of a file, or, for data.json and .manifest, their canonical JSON (keys
sorted, no white space, numbers as written).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from readonly_guard.errors import PolicyError
from readonly_guard.policy.archive import Member

__all__ = ["SIGNATURES", "verify_signature"]

SIGNATURES: Final = ".signatures.json"
_STRUCTURED: Final = frozenset({"data.json", ".manifest"})
_DIGESTS: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class _Signatures(msgspec.Struct, frozen=True, kw_only=True):
    signatures: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    hash: str
    algorithm: str = "SHA-256"


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    files: tuple[_File, ...]
    scope: str = ""


def verify_signature(files: Mapping[str, Member], origin: str, *, key: str, algorithm: str, scope: str = "") -> None:
    """Check that a bundle is signed with a key and is as it was when it was.

    Args:
        files: the bundle's, by path.
        origin: what it is called in errors.
        key: a public key in PEM (RS, PS, ES), or the secret (HS).
        algorithm: the only one that is accepted, whatever the token says of itself.
        scope: what the token's must be, empty for none.

    Raises:
        PolicyError: it is not signed, by another key, with another algorithm, or a file was changed, added or removed.
    """
    import jwt  # noqa: PLC0415  a tenth of a second, for those who verify

    if SIGNATURES not in files:
        raise PolicyError(
            f"{origin}: is not signed (no {SIGNATURES}); `opa sign --signing-key … --bundle .` signs its directory"
        )
    try:
        (token,) = msgspec.json.decode(files[SIGNATURES].read_bytes(), type=_Signatures).signatures
        claims: Any = jwt.decode(token, key, algorithms=[algorithm], options={"verify_aud": False})
        payload = msgspec.convert(claims, _Payload)
    except jwt.InvalidAlgorithmError:
        raise PolicyError(
            f"{origin}: its signature is not {algorithm}, which policy.signing.algorithm demands"
        ) from None
    except jwt.InvalidSignatureError:
        raise PolicyError(f"{origin}: its signature is not by the key of policy.signing.key_file") from None
    except (jwt.PyJWTError, jwt.InvalidKeyError, ValueError, TypeError) as error:
        raise PolicyError(f"{origin}: its signature cannot be verified: {error}") from None
    if payload.scope != scope:
        raise PolicyError(f"{origin}: is signed for the scope {payload.scope!r}, not {scope!r}")
    _compare(files, payload, origin)


def _compare(files: Mapping[str, Member], payload: _Payload, origin: str) -> None:
    listed = {file.name.lstrip("/"): file for file in payload.files}
    there = files.keys() - {SIGNATURES}
    if unsigned := sorted(there - listed.keys()):
        raise PolicyError(f"{origin}: {unsigned[0]} is not signed")
    if missing := sorted(listed.keys() - there):
        raise PolicyError(f"{origin}: {missing[0]} is signed and not there")
    for name, file in listed.items():
        if file.algorithm not in _DIGESTS:
            raise PolicyError(f"{origin}: {name} is signed with the digest {file.algorithm!r}, which is not read")
        digest = hashlib.new(_DIGESTS[file.algorithm], _digested(name, files[name].read_bytes(), origin)).hexdigest()
        if not hmac.compare_digest(digest, file.hash):
            raise PolicyError(f"{origin}: {name} is not as it was signed")


def _digested(name: str, content: bytes, origin: str) -> bytes:
    if PurePosixPath(name).name not in _STRUCTURED:
        return content
    try:
        value = json.loads(content, parse_int=_Number, parse_float=_Number)
    except ValueError:
        raise PolicyError(f"{origin}: {name} is not JSON") from None
    return "".join(_canonical(value)).encode()


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def _canonical(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for place, key in enumerate(sorted(value)):
            yield f"{',' if place else ''}{_string(key)}:"
            yield from _canonical(value[key])
        yield "}"
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            if place:
                yield ","
            yield from _canonical(item)
        yield "]"
    elif isinstance(value, _Number):
        yield str(value)
    elif isinstance(value, str):
        yield _string(value)
    else:
        yield json.dumps(value)


def _string(text: str) -> str:
    """As Go's encoder writes it, without its escapes for HTML."""
    written = json.dumps(text, ensure_ascii=False)
    return written.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
