"""The guard's own login, against whatever a server asks: the password goes nowhere it should not."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.session.service_login import ServiceAccount, ServiceLogin
from readonly_guard_proxy.wire.framing import Frame, ProtocolViolation
from readonly_guard_proxy.wire.scram import ServerExchange, Verifier

PASSWORD = "the service account"
ACCOUNT = ServiceAccount("service", PASSWORD)


def login(*, is_private: bool = False, account: ServiceAccount = ACCOUNT) -> ServiceLogin:
    return ServiceLogin(account, version=196610, nonce=b"mine", is_private=is_private, method="scram-sha-256")


def asks(code: int, data: bytes = b"") -> Frame:
    body = struct.pack("!I", code) + data
    return Frame(kind=ord("R"), data=b"R" + struct.pack("!I", len(body) + 4) + body)


def test_scram_to_the_end() -> None:
    one, server = login(), ServerExchange(Verifier.of(PASSWORD, b"salt"), b"yours")
    first = one.asked(asks(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")).to_server
    answer = server.first(first[5:].partition(b"\0")[2][4:])
    final = one.asked(asks(11, answer)).to_server
    turn = one.asked(asks(12, server.final(final[5:])))
    assert (turn.to_client, turn.to_server) == (b"", b"")
    assert not one.done
    assert one.asked(asks(0)).to_client == asks(0).data
    assert one.done


@pytest.mark.parametrize("last", [[], [asks(12, b"v=AAAA")], [asks(12, b"e=other-error")], [asks(12)]])
def test_a_server_that_has_not_proven_itself_is_not_believed(last) -> None:
    one, server = login(), ServerExchange(Verifier.of(PASSWORD, b"salt"), b"yours")
    first = one.asked(asks(10, b"SCRAM-SHA-256\0\0")).to_server
    one.asked(asks(11, server.first(first[5:].partition(b"\0")[2][4:])))
    with pytest.raises(ProtocolViolation):
        for message in [*last, asks(0)]:
            one.asked(message)
    assert not one.done


def test_md5_is_postgresql_s() -> None:
    inner = hashlib.md5(f"{PASSWORD}service".encode()).hexdigest()  # noqa: S324
    expected = b"md5" + hashlib.md5(inner.encode() + b"salt").hexdigest().encode()  # noqa: S324
    assert login().asked(asks(5, b"salt")).to_server[5:] == expected + b"\0"


def test_the_password_itself_is_given_in_private_only() -> None:
    assert login(is_private=True).asked(asks(3)).to_server[5:] == PASSWORD.encode() + b"\0"
    with pytest.raises(ProtocolViolation, match="in clear text over an open connection"):
        login().asked(asks(3))


def test_without_a_password_there_is_none_to_give() -> None:
    for code in (3, 5, 10):
        with pytest.raises(ProtocolViolation, match="set upstream.login.password_file"):
            login(account=ServiceAccount("service", None)).asked(asks(code, b"SCRAM-SHA-256\0\0"))


@given(st.lists(st.builds(asks, st.integers(0, 14), st.binary(max_size=60)), max_size=4))
def test_whatever_is_asked_the_password_is_not_in_the_answer(messages) -> None:
    one = login()
    try:
        for message in messages:
            turn = one.asked(message)
            assert PASSWORD.encode() not in turn.to_server + turn.to_client
    except ProtocolViolation as violation:
        assert PASSWORD not in str(violation)


def test_no_repr_shows_it() -> None:
    assert PASSWORD not in repr((ACCOUNT, vars(login())))
    assert repr(ACCOUNT) == "ServiceAccount('service', …)"


def test_the_client_has_nothing_to_say() -> None:
    with pytest.raises(ProtocolViolation):
        login().answered(asks(0))


def test_the_keys_of_the_same_salt_are_made_once(monkeypatch) -> None:
    made = []
    from readonly_guard_proxy.session import service_login  # noqa: PLC0415

    true = service_login.keys_of
    monkeypatch.setattr(service_login, "keys_of", lambda *to: made.append(to[1:]) or true(*to))
    account = ServiceAccount("service", PASSWORD)
    for salt in (b"one", b"one", b"two", b"two"):
        assert account.keys(salt, 4096) == true(PASSWORD, salt, 4096)
    assert made == [(b"one", 4096), (b"two", 4096)]
