"""Signing in with a smart card's certificate, against the program as it is started; and ways around it."""

from __future__ import annotations

import http.client
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.x509.oid import NameOID

from readonly_guard import ConfigurationError
from readonly_guard.review import Desk
from readonly_guard_cli.review.serving import serve

from ..authority import Authority  # noqa: TID252  tests are no package
from .conftest import PASSWORD, Answer

_STRANGER = "SE2321000016-P000000000009"


class Card:
    """A client with a card, or without."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.port = port
        self.context = context
        self.cookie = ""

    def call(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        with closing(http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.context)) as asked:
            body = None if form is None else urlencode(form)
            sent = {"cookie": self.cookie, "content-type": "application/x-www-form-urlencoded", **headers}
            asked.request(method, path, body, sent)
            answer = asked.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            if "set-cookie" in found:
                self.cookie = found["set-cookie"].partition(";")[0]
            return Answer(answer.status, found, answer.read().decode())

    def insert(self) -> Answer:
        return self.call("POST", "/sign-in", {"with": "card"})


@pytest.fixture
def hsa_id(desk) -> Callable[[str], str]:
    return lambda user: desk.knowledge.members[user].hsa_id


@contextmanager
def _serving(directory: Path, files: dict[str, str], sign_in: str) -> Iterator[int]:
    with (directory / "review.toml").open("a") as plan:
        plan.write(f"\n[sign_in]\n{sign_in}\n")
    command = [sys.executable, "-m", "readonly_guard_cli", "review", "serve", "--host", "localhost", "--port", "0"]
    command += ["--certificate", files["certificate"], "--key", files["key"], "--review", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = re.search(r"https://localhost:(\d+)/", process.stdout.readline())
            assert told is not None, process.stderr.read()
            yield int(told[1])
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert "Traceback" not in process.stderr.read()


@pytest.fixture
def with_card(directory, authority) -> Iterator[Callable[..., Card]]:
    """Serve with passwords and cards, and give clients."""
    sign_in = f"client_ca = '{authority.people}'"
    with _serving(directory, authority.server(), sign_in) as port:

        def client(name: str, *subject: tuple) -> Card:
            person = authority.person(name, *subject) if subject else {}
            return Card(port, authority.trust(alpn=None, **person))

        yield client


def test_a_manager_signs_in_with_the_card_and_is_out_without_it(with_card, hsa_id):
    manager = with_card("enyman", (NameOID.SERIAL_NUMBER, hsa_id("enyman")), (NameOID.COMMON_NAME, "Eva Nyman"))
    assert "Fortsätt med kort som Eva Nyman" in manager.call("GET", "/sign-in").text
    answer = manager.insert()
    assert (answer.status, "secure" in answer.headers["set-cookie"].lower()) == (303, True)
    assert "God dag, Eva Nyman" in manager.call("GET", "/").text

    thief = with_card("thief")  # has the cookie and no card
    thief.cookie = manager.cookie
    assert thief.call("GET", "/").status == 303
    other = with_card("other", (NameOID.SERIAL_NUMBER, hsa_id("dekman")))  # or another's card
    other.cookie = manager.cookie
    assert other.call("GET", "/").status == 303
    assert manager.call("GET", "/").status == 200


def test_cards_of_people_who_have_no_business_here(with_card, hsa_id):
    nurse = with_card("bberg", (NameOID.SERIAL_NUMBER, hsa_id("bberg")))  # in the roster, reviews nothing
    stranger = with_card("stranger", (NameOID.SERIAL_NUMBER, _STRANGER))
    two = with_card("two", (NameOID.SERIAL_NUMBER, hsa_id("enyman")), (NameOID.SERIAL_NUMBER, hsa_id("dekman")))
    named = with_card("named", (NameOID.COMMON_NAME, hsa_id("enyman")))  # in another field than the rule's
    for card in (nurse, stranger, two, named):
        assert "Ditt kort hör inte till någon som granskar" in card.call("GET", "/sign-in").text
        answer = card.insert()
        assert (answer.status, card.cookie) == (403, "")


def test_no_header_and_no_form_says_who_somebody_is(with_card, hsa_id):
    nobody = with_card("nobody")
    headers = {
        name: hsa_id("enyman") for name in ("x-ssl-client-s-dn", "x-client-cert", "x-forwarded-user", "remote-user")
    }
    assert nobody.call("GET", "/", **headers).status == 303
    assert nobody.call("POST", "/sign-in", {"with": "card", "user": "enyman"}, **headers).status == 403
    assert nobody.cookie == ""
    assert (
        nobody.call("POST", "/sign-in", {"user": "enyman", "password": PASSWORD}).status == 303
    )  # a password still does


def test_a_card_of_another_authority_does_not_get_through_the_handshake(with_card, tmp_path, hsa_id):
    (tmp_path / "other").mkdir()
    card = with_card("x")
    forged = Authority(tmp_path / "other").person("enyman", (NameOID.SERIAL_NUMBER, hsa_id("enyman")))
    card.context.load_cert_chain(forged["sslcert"], forged["sslkey"])
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        card.call("GET", "/sign-in")


def test_a_revoked_card_does_not_either_and_passwords_can_be_turned_off(directory, authority, hsa_id):
    good = authority.person("good", (NameOID.SERIAL_NUMBER, hsa_id("enyman")))
    lost = authority.person("lost", (NameOID.SERIAL_NUMBER, hsa_id("enyman")), revoked=True)
    sign_in = f"client_ca = '{authority.people}'\nclient_crl = '{authority.revoked}'\npasswords = false"
    with _serving(directory, authority.server(), sign_in) as port:
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            Card(port, authority.trust(alpn=None, **lost)).call("GET", "/sign-in")
        assert Card(port, authority.trust(alpn=None, **good)).insert().status == 303
        without = Card(port, authority.trust(alpn=None))
        assert "Sätt i ditt kort" in without.call("GET", "/sign-in").text
        assert without.call("POST", "/sign-in", {"user": "enyman", "password": PASSWORD}).status == 403


@pytest.mark.parametrize(
    ("sign_in", "what"),
    [
        ("passwords = false", "nobody can sign in"),
        ("client_ca = 'nowhere.pem'", "give --certificate and --key"),
        ("[[sign_in.certificates]]\npattern = '('", "is not a regular expression"),
        ("certificate = 1", "unknown field"),
    ],
)
def test_a_plan_that_lets_nobody_in_is_refused(directory, sign_in, what):
    with (directory / "review.toml").open("a") as plan:
        plan.write(f"\n[sign_in]\n{sign_in}\n")
    with pytest.raises(ConfigurationError, match=what):
        serve(directory, "127.0.0.1", 0, None, None)


def test_a_user_who_is_taken_out_of_the_plan_is_out(desk):
    assert [desk.standing.may_sign_in(user) for user in ("enyman", "dekman", "bberg", "nobody")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert Desk.open(desk.directory).plan.sign_in.passwords
