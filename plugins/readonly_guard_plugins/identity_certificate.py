"""`identity_certificate`: whose certificate it is, and that nobody logs in as somebody else with it.

Rules in guard.toml's ``[identity]`` take a value out of the certificate's subject. The login goes on only when that
value is the database user's name, or ``identity.users`` maps it to that user. What was found becomes properties of the
policy's subject: ``authentication`` is ``certificate``, and what the rule says (``hsa_id``, ``assurance_level``).

A login without a certificate is nobody's business here; `listener.tls.client_certificates` and the policy say whether
it is enough.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.domain import Login, Reason, Subject, core_reason
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import hookimpl
from readonly_guard.settings import CertificateRules, IdentityRuleSettings, Settings

__all__ = ["IdentityCertificate"]

_PLACE: Final = "identity.certificates"


class IdentityCertificate:
    """The plugin; its rules come with :meth:`guard_startup`."""

    def __init__(self) -> None:
        self._rules: CertificateRules[IdentityRuleSettings] = CertificateRules((), _PLACE)
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
        self._rules = CertificateRules(identity.certificates, _PLACE)
        self._users = identity.users

    @hookimpl
    def resolve_identity(self, login: Login) -> Subject | Reason | None:
        """The subject of a login with a certificate, or why it is none (RG-A04)."""
        if login.certificate is None:
            return None
        if (found := self._rules.find(login.certificate)) is None:
            return core_reason("RG-A04", "no rule of identity.certificates fits it")
        rule, value = found
        if login.user != value and login.user not in self._users.get(value, ()):
            return core_reason("RG-A04", f"its {rule.field} belongs to another user")
        properties = {"authentication": "certificate", rule.property: value}
        if rule.assurance_level is not None:
            return Subject(id=login.user, properties={**properties, "assurance_level": rule.assurance_level})
        return Subject(id=login.user, properties=properties)
