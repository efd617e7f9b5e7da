"""From settings to a decision point: which policies decide, where, and whether they may take over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from readonly_guard.errors import ConfigurationError, PolicyError
from readonly_guard.policy.breaker import Breaker
from readonly_guard.policy.bundle import PolicySet, load_policies
from readonly_guard.policy.embedded import EmbeddedEngine
from readonly_guard.policy.opa import OpaServer
from readonly_guard.policy.port import PolicyDecisionPoint
from readonly_guard.policy.trial import run_cases
from readonly_guard.settings import OpaSettings, PolicySettings

__all__ = ["decision_point", "state_of"]


def decision_point(settings: PolicySettings, *, tried: bool = False) -> PolicyDecisionPoint:
    """What decides, as the settings say.

    Args:
        settings: of the policies.
        tried: whether policies that answer one of their own cases otherwise than expected are refused.

    Raises:
        ConfigurationError: the settings cannot be used.
        PolicyError: the policies do not load, are not signed as they must be, or fail a case.
    """
    if settings.opa is not None:
        return _server(settings.opa)
    policies = load_policies(settings.source, settings.data, settings.signing)
    engine = EmbeddedEngine(policies)
    if tried:
        _try(policies)
    return engine


def _try(policies: PolicySet) -> None:
    failures = [] if policies.cases is None else run_cases(policies, policies.cases)
    if failures:
        more = f" (and {len(failures) - 1} cases more)" if len(failures) > 1 else ""
        raise PolicyError(f"{policies.origin}: the case {failures[0]}{more}; see `readonly-guard policy check`")


def _server(settings: OpaSettings) -> OpaServer:
    certificate: str | tuple[str, str] | None = settings.certificate
    if settings.certificate is not None and settings.key is not None:
        certificate = (settings.certificate, settings.key)
    return OpaServer(
        settings.url,
        deadline_s=settings.timeout_s,
        decision_path=settings.decision_path,
        breaker=Breaker(settings.failures, settings.rest_s),
        token=None if settings.token_file is None else _token(settings.token_file),
        ca=settings.ca,
        certificate=certificate,
    )


def _token(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: the token cannot be read: {error}") from None
    if not token.isprintable() or not token or " " in token:
        raise ConfigurationError(f"{path}: holds no token; write it alone on one line")
    return token


def state_of(settings: PolicySettings) -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of all files that the policies come from: another state, another policy to load."""
    roots = list(settings.data)
    if settings.source is not None:
        roots.append(settings.source)
    if settings.signing is not None:
        roots.append(settings.signing.key_file)
    return tuple(sorted(_seen(path) for root in roots for path in _files(Path(root))))


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def _seen(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), status.st_mtime_ns, status.st_size
