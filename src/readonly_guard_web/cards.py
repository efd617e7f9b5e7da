"""Whose client certificate it is: a smart card's, shown in the TLS handshake that ends in this very program.

A header that says who somebody is can be forged by whoever reaches the port, so none is read. Behind a front that ends
TLS there is no certificate, and people sign in with passwords.
"""

from __future__ import annotations

from typing import Final

from readonly_guard.domain import Certificate
from readonly_guard.review import Desk
from readonly_guard.settings import CertificateRules

__all__ = ["CERTIFICATE", "Cards"]

CERTIFICATE: Final = "readonly_guard.certificate"
"""The key of the ASGI scope's state under which whoever serves puts the :class:`Certificate` of the connection."""


class Cards:
    """The rules of a plan's ``[sign_in]``, and the roster."""

    def __init__(self, desk: Desk) -> None:
        self._rules = CertificateRules(desk.plan.sign_in.certificates, "sign_in.certificates")
        self._desk = desk

    def user_of(self, certificate: Certificate | None) -> str | None:
        """The database user whose certificate it is; None where it is nobody's who may sign in.

        What the first fitting rule takes out is an HSA-id of exactly one member of the roster, or a user's name.
        """
        found = None if certificate is None else self._rules.find(certificate)
        if found is None:
            return None
        value = found[1]
        members = self._desk.knowledge.members
        users = [user for user, member in members.items() if value in {user, member.hsa_id}]
        return users[0] if len(users) == 1 and self._desk.standing.may_sign_in(users[0]) else None
