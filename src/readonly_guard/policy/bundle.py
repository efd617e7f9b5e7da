"""Policies and data as they are read from disk: Rego modules, data documents, overlays, and their revision.

The layout is an OPA bundle's: `data.json` files nest by folder, `.manifest` names revision and roots; no other JSON is
data (`schema/` describes it, `cases/cases.json` tries the policies). Nothing is compiled here. What would be silently
without effect (a misspelt data key, a YAML document, a key given twice) is an error instead, because here it decides
who may read.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.resources
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, Never, Protocol

import msgspec

from readonly_guard.errors import PolicyError
from readonly_guard.policy.archive import Member, read_archive
from readonly_guard.policy.case_table import CaseTable
from readonly_guard.policy.schema import find_violation
from readonly_guard.policy.signature import verify_signature
from readonly_guard.settings import SigningSettings

__all__ = ["SHIPPED", "PolicySet", "load_policies", "shipped_files"]

SHIPPED: Final = "the shipped policies"
"""The origin of those that come with this package."""

_CASES: Final = "cases/cases.json"
_SHIPPED: Final = "readonly_guard_policies"
_SCHEMAS: Final = "schema"
_MAX_DEPTH: Final = 16  # folders; a circle of links ends here

_ARCHIVES: Final = (".tar.gz", ".tgz")
_PACKAGE: Final = re.compile(r"^package (\w+)", re.MULTILINE)

Module = tuple[str, str]
"""A module's path below its root, with forward slashes, and its text."""


class File(Protocol):
    """A file on disk, in a package or in a bundle."""

    def is_file(self) -> bool:
        """Whether it is there and a plain file."""
        ...

    def read_bytes(self) -> bytes:
        """Its content."""
        ...


class PolicySet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an engine needs, and what to call it.

    ``modules`` are evaluated, ``tests`` are the ``_test.rego`` beside them. ``revision`` is the manifest's, with a
    digest over modules and data: another policy or another roster is another revision. ``own_data`` is the data without
    overlays, ``schemas`` are by the data key that they describe (``input`` for the question), ``cases`` are what the
    policies are tried on, None where there are none. ``origin`` is for messages.
    """

    modules: tuple[Module, ...]
    tests: tuple[Module, ...]
    data: dict[str, Any]
    revision: str
    origin: str
    own_data: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    cases: CaseTable | None = None


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    revision: str = "unversioned"
    roots: tuple[str, ...] = ("",)

    def owns(self, key: str) -> bool:
        return any(root == "" or root.partition("/")[0] == key for root in self.roots)


def load_policies(
    source: str | None = None, data: Iterable[str] = (), signing: SigningSettings | None = None
) -> PolicySet:
    """Read the policies.

    Args:
        source: a directory or a bundle (.tar.gz); None for the shipped policies.
        data: JSON files or directories of ``data.json`` laid over the source's data, later over earlier; each
            top-level key replaces the whole key below it.
        signing: who must have signed the source; None for whoever can write the file.

    Raises:
        PolicyError: something is missing, unreadable, not JSON, not of its schema, not signed, or would be without
            effect; the text names file, place and fix.
    """
    files, origin = _files_of(source)
    if signing is not None:
        files = _signed(files, origin, signing)
    rego = {path: _text(file, f"{origin}/{path}") for path, file in files.items() if path.endswith(".rego")}
    modules = tuple((path, text) for path, text in rego.items() if not path.endswith("_test.rego"))
    if not modules:
        raise PolicyError(f"{origin}: no .rego file in it; name a directory of policies")
    manifest = _manifest(files.get(".manifest"), origin)
    documents = _data_of(files, origin)
    own = dict(documents)
    places = dict.fromkeys(documents, origin)
    rule_roots = {package[1] for _, text in modules for package in [_PACKAGE.search(text)] if package}
    for overlay in data:
        for key, value in _overlay(overlay).items():
            _admit(key, overlay, manifest, rule_roots)
            documents[key], places[key] = value, overlay
    schemas = _schemas_of(files, origin)
    for key, schema in schemas.items():
        if key in documents and (violation := find_violation(documents[key], schema)) is not None:
            raise PolicyError(f"{places[key]}: {'.'.join((key, *violation.path))}: {violation.message}")
    return PolicySet(
        modules=modules,
        tests=tuple((path, text) for path, text in rego.items() if path.endswith("_test.rego")),
        data=documents,
        revision=f"{manifest.revision}+{_digest(modules, documents)}",
        origin=origin,
        own_data=own,
        schemas=schemas,
        cases=_case_table(files.get(_CASES), f"{origin}/{_CASES}"),
    )


def shipped_files() -> Iterator[tuple[str, bytes]]:
    """The policies that come with this package, by path and content: rules, tests, data, schemas, cases, manifest.

    Raises:
        PolicyError: they are not installed.
    """
    files, origin = _files_of(None)
    for path, file in files.items():
        if not path.endswith(".py"):  # what makes them a package
            yield path, _bytes(file, f"{origin}/{path}")


def _files_of(source: str | None) -> tuple[dict[str, File], str]:
    if source is not None:
        path = Path(source)
        if source.endswith(_ARCHIVES):
            return dict(read_archive(path)), source
        if not _is_folder(path, source):
            raise PolicyError(f"{source}: is not a directory; name a directory of policies, or a bundle (.tar.gz)")
        return dict(_walk(path, "")), source
    try:
        return dict(_walk(importlib.resources.files(_SHIPPED), "")), SHIPPED
    except ModuleNotFoundError:
        raise PolicyError(
            f"the package {_SHIPPED} is not installed; install readonly-guard, or name a directory of policies"
        ) from None


def _signed(files: dict[str, File], origin: str, signing: SigningSettings) -> dict[str, File]:
    """The files, read once and found to be as they were signed: what is loaded is what was verified."""
    read: dict[str, Member] = {path: Member(_bytes(file, f"{origin}/{path}")) for path, file in files.items()}
    key = _text(Path(signing.key_file), signing.key_file)
    verify_signature(read, origin, key=key, algorithm=signing.algorithm, scope=signing.scope)
    return dict(read)


def _is_folder(entry: Traversable, place: str) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise PolicyError(f"{place}: cannot be read: {error.strerror}") from None


def _walk(folder: Traversable, prefix: str, depth: int = 0) -> Iterator[tuple[str, Traversable]]:
    """Every file below a folder by its path, sorted; hidden folders and Python's caches left out."""
    if depth > _MAX_DEPTH:
        raise PolicyError(f"{prefix}: more than {_MAX_DEPTH} folders deep; is a link leading in a circle?")
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise PolicyError(f"{prefix or folder}: cannot be read: {error.strerror}") from None
    for entry in entries:
        path = f"{prefix}/{entry.name}" if prefix else entry.name
        if not _is_folder(entry, path):
            yield path, entry
        elif not entry.name.startswith((".", "__")):
            yield from _walk(entry, path, depth + 1)


def _bytes(file: File, place: str) -> bytes:
    try:
        if not file.is_file():  # a pipe would be waited for
            raise PolicyError(f"{place}: does not exist or is not a file")
        return file.read_bytes()
    except OSError as error:
        raise PolicyError(f"{place}: cannot be read: {error.strerror}") from None


def _text(file: File, place: str) -> str:
    try:
        return _bytes(file, place).decode()
    except UnicodeDecodeError as error:
        raise PolicyError(f"{place}: is not UTF-8 text (byte {error.start})") from None


def _json(file: File, place: str) -> Any:
    """A JSON document, stricter than the standard library's: no NaN, no key twice, nothing outside Unicode."""

    def refuse(word: str) -> Never:
        raise PolicyError(f"{place}: {word} is not JSON; write a number or null")

    def number(digits: str) -> float:
        return value if math.isfinite(value := float(digits)) else refuse(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise PolicyError(f"{place}: the key {key!r} is given twice in one object; keep one")
            found[key] = value
        return found

    text = _text(file, place)
    try:
        value = json.loads(text, parse_constant=refuse, parse_float=number, object_pairs_hook=unique)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise PolicyError(f"{place}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from None
    except UnicodeEncodeError:
        raise PolicyError(f"{place}: holds half of a surrogate pair; write the character itself") from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{place}: is not usable JSON: {error}") from None
    return value


def _manifest(file: File | None, origin: str) -> _Manifest:
    if file is None:
        return _Manifest()
    try:
        return msgspec.convert(_json(file, f"{origin}/.manifest"), _Manifest)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{origin}/.manifest: {error}") from None


def _case_table(file: File | None, place: str) -> CaseTable | None:
    if file is None:
        return None
    try:
        return msgspec.convert(_json(file, place), CaseTable)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{place}: {error}") from None


def _data_of(files: Mapping[str, File], origin: str) -> dict[str, Any]:
    documents: dict[str, Any] = {}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        if name in {"data.yaml", "data.yml"}:
            raise PolicyError(f"{origin}/{path}: YAML is not read; write it as data.json")
        if name == "data.json":
            document = _json(file, f"{origin}/{path}")
            for part in reversed(folder.split("/") if folder else []):
                document = {part: document}
            if not isinstance(document, dict):
                raise PolicyError(f"{origin}/{path}: a document at the root must be an object")
            _merge(documents, document, f"{origin}/{path}")
    return documents


def _merge(into: dict[str, Any], document: dict[str, Any], place: str) -> None:
    for key, value in document.items():
        if key not in into:
            into[key] = value
        elif isinstance(into[key], dict) and isinstance(value, dict):
            _merge(into[key], value, place)
        else:
            raise PolicyError(f"{place}: the key {key!r} has a value in another document already; keep one")


def _schemas_of(files: Mapping[str, File], origin: str) -> dict[str, Any]:
    """The schemas by the data key they describe: ``schema/<key>/schema.json``."""
    return {
        parts[1]: _json(file, f"{origin}/{path}")
        for path, file in files.items()
        if len(parts := path.split("/")) == 3 and parts[0] == _SCHEMAS and parts[2] == "schema.json"  # noqa: PLR2004  the path's shape
    }


def _overlay(place: str) -> dict[str, Any]:
    path = Path(place)
    if _is_folder(path, place):
        documents = _data_of(dict(_walk(path, "")), place)
        if not documents:
            raise PolicyError(f"{place}: no data.json in it; a folder's name is the key, as in roster/data.json")
        return documents
    document = _json(path, place)
    if not isinstance(document, dict):
        raise PolicyError(f"{place}: must be an object with a key for each data document, for example roster")
    return document


def _admit(key: str, place: str, manifest: _Manifest, rule_roots: set[str]) -> None:
    """Refuse an overlay's key that no rule can see, or that would stand in a rule's place."""
    if key in rule_roots:
        raise PolicyError(f"{place}: the key {key!r} is a package of rules; data cannot take its place")
    if not manifest.owns(key):
        known = sorted({root.partition("/")[0] for root in manifest.roots} - rule_roots)
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        raise PolicyError(f"{place}: no policy reads the key {key!r}; {fix}")


def _digest(modules: tuple[Module, ...], data: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of SHA-256 over every module and the data, lengths included."""
    digest = hashlib.sha256()
    for part in (*(part for module in modules for part in module), json.dumps(data, sort_keys=True)):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:12]
