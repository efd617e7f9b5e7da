"""Against a real mail server of this process, which speaks TLS, wants a password, and refuses as told."""

import asyncio
import email
import email.policy
import smtplib
import ssl
from types import SimpleNamespace

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from readonly_guard.errors import ConfigurationError

MANAGERS = {"SE2321000016-9XYZ": "chef.medicin@vgr.example", "SE2321000016-9ABC": "chef.kirurgi@vgr.example"}
SECRETS = ("person_id", "SELECT", "Patienten kom medvetslös in", "Ä 2025/17", "first_name")
EMERGENCY = {
    "purpose": "ETREAT",
    "obligations": ("notify_manager", "review_100"),
    "justification": "Patienten kom medvetslös in",
    "case_reference": "Ä 2025/17",
    "statement": "SELECT first_name FROM person WHERE person_id = ?",
}


class Mailbox:
    """What was taken; ``refused`` addresses are not, and ``broken`` takes nothing."""

    def __init__(self):
        self.mails = []
        self.logins = []
        self.refused = set()
        self.broken = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.broken:
            self.broken -= 1
            return "451 try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos, mail, server.transport.get_extra_info("ssl_object") is not None))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (b"guard", b"secret"))


@pytest.fixture
async def server(tmp_path):
    """Starts mail servers; what they took is in ``mailbox``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    loop = asyncio.get_running_loop()
    mailbox, running = Mailbox(), []

    async def start(tls="none", **options):
        extra = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
        listening = await loop.create_server(
            lambda: SMTP(mailbox, hostname="localhost", loop=loop, **extra, **options),
            "127.0.0.1",
            0,
            ssl=context if tls == "implicit" else None,
        )
        running.append(listening)
        return listening.sockets[0].getsockname()[1]

    yield SimpleNamespace(start=start, mailbox=mailbox)
    for listening in running:
        listening.close()


@pytest.fixture
def notify(feed):
    """The plugin with a section of guard.toml."""

    def make(port, **changes):
        section = {
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "sender": "guard@vgr.example",
            "fallback": "drift@vgr.example",
            "managers": MANAGERS,
        }
        return feed("notify_manager", **(section | changes))

    return make


async def test_the_manager_of_the_unit_is_told_and_nothing_clinical(log, notify, server):
    log.write(2)
    log.write(2, **EMERGENCY)
    log.write(1, **(EMERGENCY | {"care_unit": "SE2321000016-9ABC", "subject": "bo"}))
    await notify(await server.start()).drain()

    ((first, mail, _), (second, other, _)) = server.mailbox.mails
    assert (first, second) == (["chef.medicin@vgr.example"], ["chef.kirurgi@vgr.example"])
    assert mail["Subject"] == "Nödöppning i läsläge: 2"
    text = mail.get_content()
    assert "användare åsa.öberg (SE2321000016-1ABC), enhet SE2321000016-9XYZ, ändamål ETREAT" in text
    assert [line.rpartition(" ")[2] for line in text.splitlines() if "ändamål" in line] == [
        "00000000-0000-4000-8000-000000000003",
        "00000000-0000-4000-8000-000000000004",
    ]
    assert "användare bo" in other.get_content()
    for _, told, _ in server.mailbox.mails:
        assert not [secret for secret in SECRETS if secret in told.as_string() + told.get_content()]


@pytest.mark.parametrize(
    "changes", [{"obligations": ("review_100",)}, {"verdict": "deny", "codes": ("RG-R01",)}, {"obligations": ()}]
)
async def test_nobody_is_told_where_nothing_was_opened(log, notify, server, changes):
    log.write(3, **(EMERGENCY | changes))
    await notify(await server.start()).drain()
    assert server.mailbox.mails == []


async def test_without_anything_to_tell_the_server_is_not_needed(log, notify):
    log.write(3)
    await notify(1).drain()


async def test_what_was_not_taken_comes_again(log, notify, server):
    log.write(1, **EMERGENCY)
    port = await server.start()
    server.mailbox.broken = 1
    with pytest.raises(smtplib.SMTPDataError):
        await notify(port).drain()
    await notify(port).drain()
    await notify(port).drain()
    assert len(server.mailbox.mails) == 1


async def test_a_server_that_is_down_loses_nothing(log, notify, server):
    log.write(1, **EMERGENCY)
    with pytest.raises(OSError):
        await notify(1).drain()
    await notify(await server.start()).drain()
    assert len(server.mailbox.mails) == 1


async def test_a_manager_who_has_left_is_stood_in_for(log, notify, server):
    log.write(1, **EMERGENCY)
    server.mailbox.refused = {"chef.medicin@vgr.example"}
    await notify(await server.start()).drain()
    ((told, mail, _),) = server.mailbox.mails
    assert told == ["drift@vgr.example"]
    assert mail["To"] == "drift@vgr.example"
    assert "kunde inte nås" in mail.get_content()
    assert "00000000-0000-4000-8000-000000000001" in mail.get_content()


async def test_where_nobody_can_be_told_it_waits(log, notify, server):
    log.write(1, **EMERGENCY)
    port = await server.start()
    server.mailbox.refused = {"chef.medicin@vgr.example", "drift@vgr.example"}
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await notify(port).drain()
    server.mailbox.refused = set()
    await notify(port).drain()
    assert len(server.mailbox.mails) == 1


async def test_a_unit_without_a_manager_goes_to_the_fallback(log, notify, server):
    log.write(1, **(EMERGENCY | {"care_unit": ""}))
    await notify(await server.start(), language="en").drain()
    ((told, mail, _),) = server.mailbox.mails
    assert told == ["drift@vgr.example"]
    assert "unit -, purpose ETREAT" in mail.get_content()


async def test_a_users_name_makes_no_header_and_no_line(log, notify, server):
    log.write(1, **(EMERGENCY | {"subject": "x\r\nBcc: all@vgr.example\r\n\r\n" + "y" * 500, "hsa_id": "\x1b[2J"}))
    await notify(await server.start()).drain()
    ((told, mail, _),) = server.mailbox.mails
    assert told == ["chef.medicin@vgr.example"]
    assert mail["Bcc"] is None
    assert "användare x??Bcc: all@vgr.example????yyy" in mail.get_content()
    assert max(map(len, mail.get_content().splitlines())) < 400


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # its TLS is the loop's own
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_over_tls_with_a_password(log, notify, server, tmp_path, tls):
    (tmp_path / "password").write_text("secret\n")
    log.write(1, **EMERGENCY)
    port = await server.start(
        tls, authenticator=server.mailbox.authenticate, auth_required=True, auth_require_tls=tls == "starttls"
    )
    await notify(port, tls=tls, ca="ca.pem", user="guard", password="password").drain()
    ((_, _, is_encrypted),) = server.mailbox.mails
    assert is_encrypted
    assert server.mailbox.logins == [(b"guard", b"secret")]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(log, notify, server, tls):
    log.write(1, **EMERGENCY)
    port = await server.start(tls)
    with pytest.raises(ssl.SSLCertVerificationError):
        await notify(port, tls=tls).drain()
    assert server.mailbox.mails == []


async def test_a_server_without_tls_gets_nothing(log, notify, server):
    log.write(1, **EMERGENCY)
    port = await server.start()
    with pytest.raises(smtplib.SMTPNotSupportedError):
        await notify(port, tls="starttls").drain()
    assert server.mailbox.mails == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "mail.vgr.example"}, r'tls: "none" is for a mail server on this machine only'),
        ({"user": "guard"}, "user and password belong together"),
        ({"sender": "guard"}, r"sender: 'guard' is no mail address; write name@domain"),
        ({"fallback": "a@b\r\nBcc: c@d"}, "fallback: .* is no mail address"),
        ({"managers": {"SE1": "chef"}}, "SE1: 'chef' is no mail address"),
        ({"user": "guard", "password": "nowhere", "tls": "starttls"}, "password: .*nowhere: cannot be read"),
        ({"user": "guard", "password": "ca.pem"}, 'a password wants "starttls" or "implicit"'),
        ({"langauge": "sv"}, "did you mean 'language'"),
    ],
    ids=repr,
)
def test_a_section_that_is_wrong_is_named(notify, changes, says):
    with pytest.raises(ConfigurationError, match=says):
        notify(25, **changes)
