"""What a rule takes out of a client's certificate: for whoever lets people in with one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from readonly_guard.domain import Certificate
from readonly_guard.errors import ConfigurationError
from readonly_guard.settings.network import CertificateRule

__all__ = ["CertificateRules"]

Rule = TypeVar("Rule", bound=CertificateRule)


class CertificateRules(Generic[Rule]):
    """Rules, ready to be asked.

    Args:
        rules: in the order in which they are tried.
        place: where they are configured, for what is said of them.

    Raises:
        ConfigurationError: a pattern is not a regular expression.
    """

    def __init__(self, rules: Iterable[Rule], place: str) -> None:
        self._rules = [(_compiled(f"{place}[{number}].pattern", rule), rule) for number, rule in enumerate(rules)]

    def find(self, certificate: Certificate) -> tuple[Rule, str] | None:
        """The first rule that fits, and what it takes out of the certificate; None when none does."""
        for pattern, rule in self._rules:
            if (value := _value(certificate, pattern, rule)) is not None:
                return rule, value
        return None


def _compiled(place: str, rule: CertificateRule) -> re.Pattern[str]:
    try:
        return re.compile(rule.pattern)
    except re.error as error:
        raise ConfigurationError(f"{place}: is not a regular expression: {error}") from error


def _value(certificate: Certificate, pattern: re.Pattern[str], rule: CertificateRule) -> str | None:
    if rule.issuer is not None and ("commonName", rule.issuer) not in certificate.issuer:
        return None
    values = [value for name, value in certificate.subject if name == rule.field]
    if len(values) != 1:  # with two, whoever reads the other one sees another person
        return None
    found = pattern.fullmatch(values[0])
    if found is None:
        return None
    return found[1] if pattern.groups else found[0]
