"""Admission: a client from its startup message until its link stands.

Its startup parameters are judged, whose login it is, and whether there is room for it. Where logins end at the guard it
proves who it is before the server hears of it, by a certificate or a password; where they pass through, the server
asks.
"""

from __future__ import annotations

import asyncio
import base64
import math
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from readonly_guard.domain import Login, Reason, Subject, core_reason
from readonly_guard_proxy.net.house import Desk, House
from readonly_guard_proxy.net.link import Link
from readonly_guard_proxy.net.patience import Patience
from readonly_guard_proxy.net.place import HousePlace
from readonly_guard_proxy.net.ports import StartupJudgement
from readonly_guard_proxy.net.sides import server_side
from readonly_guard_proxy.net.tls import certificate_of, fault_of, is_encrypted
from readonly_guard_proxy.net.upstream import connect
from readonly_guard_proxy.net.who import Who
from readonly_guard_proxy.session.authentication import NEWEST_VERSION, PROTOCOL_OPTION_PREFIX, Handshake
from readonly_guard_proxy.session.denial import fatal, fatal_of_reasons
from readonly_guard_proxy.session.gatekeeper import Gatekeeper, Verdict
from readonly_guard_proxy.session.machine import SessionMachine
from readonly_guard_proxy.session.service_login import ServiceLogin
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.messages import negotiate_protocol_version
from readonly_guard_proxy.wire.packets import StartupMessage
from readonly_guard_proxy.wire.startup import startup_message

__all__ = ["Admission"]

_log = structlog.get_logger(__name__)
_MAJOR: Final = 3
_CERTIFICATE: Final = "certificate"
_PASSWORD: Final = "scram-sha-256"  # noqa: S105  a method's name
_UNREACHED_HINT: Final = "Try again; if it persists, call operations."


class _Applicant:
    """Who wants in. ``version`` is the protocol's."""

    __slots__ = ("judgement", "subject", "version")

    def __init__(self, version: int, judgement: StartupJudgement, subject: Subject) -> None:
        self.version: Final = version
        self.judgement: Final = judgement
        self.subject: Final = subject


class Admission:
    """Admits one client.

    Args:
        house: what it shares with the others.
        desk: where the client stands.
        transport: the client's.
    """

    def __init__(self, house: House, desk: Desk, transport: asyncio.Transport) -> None:
        self._house = house
        self._desk = desk
        self._transport = transport
        self._gatekeeper: tuple[Gatekeeper, _Applicant] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._is_late = False

    def begin(self, message: StartupMessage) -> None:
        """The client's startup message is here."""
        desk, house = self._desk, self._house
        if message.major != _MAJOR:
            text = f"unsupported protocol {message.major}.{message.version & 0xFFFF}; the guard speaks 3.0 to 3.2"
            desk.turn_away(fatal("0A000", text), "unsupported protocol")
            return
        unknown = [name for name in message.parameters if name.startswith(PROTOCOL_OPTION_PREFIX)]
        parameters = {name: text for name, text in message.parameters.items() if name not in unknown}
        desk.user = parameters.get("user", "")
        desk.session = msgspec.structs.replace(
            desk.session,
            database=parameters.get("database", "") or desk.user,
            application_name=parameters.get("application_name", ""),
        )
        if not desk.user:
            desk.turn_away(fatal("28000", "no user name in the startup packet"), "no user name")
            return
        tls = house.credentials.tls
        if tls is not None and tls.is_required and not is_encrypted(self._transport):
            self._refuse([core_reason("RG-A03", "this guard takes no connection without TLS")])
            return
        judgement = house.judge(parameters)
        if judgement.reasons:
            self._refuse(judgement.reasons, "startup parameters")
            return
        login = Login(user=desk.user, session=desk.session, certificate=certificate_of(self._transport))
        subject = house.guard.identify(login)
        if isinstance(subject, Reason):
            self._refuse([subject])
            return
        if wait_s := house.attempts.wait_s(desk.user, desk.address):
            self._refuse([core_reason("RG-A07", f"the next attempt counts in {math.ceil(wait_s)} s")])
            return
        version = min(message.version, NEWEST_VERSION)
        if unknown or version != message.version:
            self._transport.write(negotiate_protocol_version(version, unknown))
        self._authenticate(_Applicant(version, judgement, subject))

    def take(self, data: bytes) -> None:
        """The client says something before it is in.

        Raises:
            ProtocolViolation: it was not its turn, or is no answer to what it was asked.
        """
        if self._gatekeeper is None:
            raise ProtocolViolation("a message before the session was ready")
        gatekeeper, applicant = self._gatekeeper
        answer, verdict = gatekeeper.take(data)
        if answer:
            self._transport.write(answer)
        match verdict:
            case Verdict.KNOWN:
                self._gatekeeper = None
                self._house.attempts.succeeded(self._desk.user, self._desk.address)
                self._enter(applicant, _PASSWORD)
            case Verdict.UNKNOWN:
                self._house.attempts.failed(self._desk.user, self._desk.address)
                self._refuse([core_reason("RG-A06")], "the login failed")
            case Verdict.LEFT:
                self._desk.turn_away(b"", "the client left during the login")
            case Verdict.WAITS:
                return

    def cancel(self) -> None:
        """The client is gone, or turned away."""
        if self._connecting is not None:
            self._connecting.cancel()

    def give_up(self) -> None:
        """The server cannot be reached in time."""
        self._is_late = True
        self.cancel()

    # ------------------------------------------------------------------ the way in

    def _authenticate(self, applicant: _Applicant) -> None:
        login = self._house.credentials.login
        if login is None:
            self._enter(applicant)
        elif login.is_certificate_enough and applicant.subject.properties.get("authentication") == _CERTIFICATE:
            self._enter(applicant, _CERTIFICATE)
        elif login.users is None:
            self._refuse([core_reason("RG-A08", "nothing else is enough at this guard")])
        else:
            gatekeeper = Gatekeeper(login.users.of(self._desk.user), _nonce(), self._desk.binding)
            self._gatekeeper = (gatekeeper, applicant)
            self._transport.write(gatekeeper.greeting())

    def _enter(self, applicant: _Applicant, method: str = "") -> None:
        """Let it in; ``method`` says how the guard knows who it is, if it does."""
        self._desk.is_punctual()
        limit = self._house.crowd.enter(self._desk.user)
        if limit:
            self._desk.turn_down(limit)
        else:
            self._connecting = self._house.tasks.start(self._connect(applicant, method))

    async def _connect(self, applicant: _Applicant, method: str) -> None:
        house, settings, desk = self._house, self._house.settings, self._desk
        context, login = house.credentials.upstream, house.credentials.login
        is_private = context is not None or settings.upstream.is_socket
        handshake: Handshake | ServiceLogin
        forward = dict(applicant.judgement.forward)
        if login is None:
            is_private = is_private and is_encrypted(self._transport)
            handshake = Handshake(version=applicant.version, is_private=is_private)
        else:
            forward |= {"user": login.account.user, "database": desk.session.database}
            handshake = ServiceLogin(
                login.account, version=applicant.version, nonce=_nonce(), is_private=is_private, method=method
            )
        who = Who(
            subject=applicant.subject,
            session=msgspec.structs.replace(desk.session, role=forward["user"]),
            initial=applicant.judgement.declared,
            language=settings.listener.language,
        )
        given = house.cancel_keys.issue(is_long=applicant.version == NEWEST_VERSION)
        machine = SessionMachine(
            user=forward["user"],
            handshake=handshake,
            cancel_key=given,
            message_bytes=settings.limits.message_bytes,
            language=who.language,
        )

        place = HousePlace(house, desk.user, desk.address, given, settings.upstream, context)
        link = Link(
            who=who,
            machine=machine,
            guard=house.guard,
            tasks=house.tasks,
            meters=house.meters,
            place=place,
            patience=Patience(house.deadlines_s),
        )
        house.enter(link)
        try:
            server = await connect(settings.upstream, context, lambda: server_side(link))
        except OSError as error:
            place.left(link)
            self._unreached(type(error).__name__, fault_of(error))
            return
        except asyncio.CancelledError:
            place.left(link)
            if not self._is_late or desk.is_over:
                raise
            self._unreached(TimeoutError.__name__, fault_of(TimeoutError()))
            return
        finally:
            self._connecting = None  # or it and this would keep each other, and all that was made for the session
        if desk.is_over or server.is_closing():
            place.left(link)
            server.abort()
            self._unreached("ClosedAtOnce", "it closed the connection at once")
            return
        if not house.has_room_for(server):
            place.left(link)
            server.abort()
            desk.turn_down("descriptors")
            return
        desk.over(stays=True)
        link.join(self._transport, server)
        server.write(startup_message(applicant.version, forward))

    # ------------------------------------------------------------------ no way in

    def _refuse(self, reasons: Sequence[Reason], why: str = "") -> None:
        codes = tuple(reason.code for reason in reasons)
        error = fatal_of_reasons(reasons, self._house.settings.listener.language)
        self._desk.turn_away(error, why or reasons[0].what, codes=codes)

    def _unreached(self, kind: str, why: str) -> None:
        self._connecting = None  # it has come to its end, and turning the client away is not to cancel it
        self._house.meters.upstream_errors.add(kind)
        _log.error("server not reached", session_id=self._desk.session.session_id, reason=why)
        what = "the database server cannot be reached"
        self._desk.turn_away(fatal("57P03", what, hint=_UNREACHED_HINT), what)


def _nonce() -> bytes:
    return base64.b64encode(secrets.token_bytes(18))  # as long as PostgreSQL's
