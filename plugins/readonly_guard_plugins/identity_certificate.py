"""`identity_certificate`: whose certificate it is, and that nobody logs in as somebody else with it.

Rules in guard.toml's ``[identity]`` take a value out of the certificate's subject. The login goes on only when that
value is the database user's name, or ``identity.users`` maps it to that user. What was found becomes properties of the
policy's subject: ``authentication`` is ``certificate``, and what the rule says (``hsa_id``, ``assurance_level``).

A login without a certificate is nobody's business here; `listener.tls.client_certificates` and the policy say whether
it is enough.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from readonly_guard.domain import Certificate, Login, Reason, Subject, core_reason
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import IdentityRuleSettings, Settings

__all__ = ["IdentityCertificate"]


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    settings: IdentityRuleSettings


class IdentityCertificate:
    """The plugin; its rules come with :meth:`guard_startup`."""

    def __init__(self) -> None:
        self._rules: tuple[_Rule, ...] = ()
        self._users: dict[str, tuple[str, ...]] = {}

    @hookimpl
    def guard_startup(self, settings: Settings) -> None:
        """Take the rules over.

        Raises:
            ConfigurationError: there is none, or a pattern is not a regular expression.
        """
        identity = settings.identity
        if not identity.certificates:
            raise ConfigurationError(
                "identity.certificates: there is no rule; write [[identity.certificates]] with field, pattern, property"
            )
        self._rules = tuple(_compiled(number, rule) for number, rule in enumerate(identity.certificates))
        self._users = identity.users

    @hookimpl
    def resolve_identity(self, login: Login) -> Subject | Reason | None:
        """The subject of a login with a certificate, or why it is none (RG-A04)."""
        if login.certificate is None:
            return None
        for pattern, rule in self._rules:
            if (value := _value(login.certificate, pattern, rule)) is None:
                continue
            if login.user != value and login.user not in self._users.get(value, ()):
                return core_reason("RG-A04", f"its {rule.field} belongs to another user")
            properties = {"authentication": "certificate", rule.property: value}
            if rule.assurance_level is not None:
                return Subject(id=login.user, properties={**properties, "assurance_level": rule.assurance_level})
            return Subject(id=login.user, properties=properties)
        return core_reason("RG-A04", "no rule of identity.certificates fits it")


def _compiled(number: int, rule: IdentityRuleSettings) -> _Rule:
    try:
        return _Rule(re.compile(rule.pattern), rule)
    except re.error as error:
        where = f"identity.certificates[{number}].pattern"
        raise ConfigurationError(f"{where}: is not a regular expression: {error}") from error


def _value(certificate: Certificate, pattern: re.Pattern[str], rule: IdentityRuleSettings) -> str | None:
    """What the rule takes out of the certificate; None where it does not fit."""
    if rule.issuer is not None and ("commonName", rule.issuer) not in certificate.issuer:
        return None
    values = [value for name, value in certificate.subject if name == rule.field]
    if len(values) != 1:  # with two, whoever reads the other one sees another person
        return None
    found = pattern.fullmatch(values[0])
    if found is None:
        return None
    return found[1] if pattern.groups else found[0]
