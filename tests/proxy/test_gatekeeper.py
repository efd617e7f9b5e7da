"""The gatekeeper against whatever bytes there are: nobody is known who has not proven it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readonly_guard_proxy.session.gatekeeper import Gatekeeper, Verdict
from readonly_guard_proxy.wire.framing import ProtocolViolation
from readonly_guard_proxy.wire.scram import ClientExchange, Verifier, keys_of

SALT, BINDING = b"salt of a test..", bytes(32)
VERIFIER = Verifier.of("pencil", SALT)


def message(body: bytes, kind: bytes = b"p") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def chosen(data: bytes, mechanism: bytes = b"SCRAM-SHA-256") -> bytes:
    return message(mechanism + b"\0" + struct.pack("!I", len(data)) + data)


words = st.one_of(
    st.binary(max_size=60),
    st.builds(message, st.binary(max_size=60), st.sampled_from([b"p", b"X", b"Q", b"S"])),
    st.builds(
        chosen, st.binary(max_size=60), st.sampled_from([b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS", b"PLAIN", b""])
    ),
    st.sampled_from([chosen(b"n,,n=,r=x"), chosen(b"y,,n=,r=x"), chosen(b"p=tls-server-end-point,,n=,r=x")]),
    st.builds(lambda proof: message(b"c=biws,r=xyours,p=" + proof), st.binary(max_size=50)),
    st.just(message(b"c=biws,r=xyours,p=" + b"A" * 43 + b"=")),
)


@given(st.lists(words, max_size=5), st.sampled_from([None, BINDING]))
def test_any_bytes_are_refused_or_waited_for(sent, binding) -> None:
    gatekeeper = Gatekeeper(VERIFIER, b"yours", binding)
    try:
        verdicts = [gatekeeper.take(data)[1] for data in sent]
    except ProtocolViolation:
        return
    assert Verdict.KNOWN not in verdicts


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_right_proof_in_pieces(size) -> None:
    gatekeeper = Gatekeeper(VERIFIER, b"yours", None)
    client = ClientExchange(lambda *to: keys_of("pencil", *to), b"mine")

    def said(data: bytes) -> tuple[bytes, Verdict]:
        taken = [gatekeeper.take(data[at : at + size]) for at in range(0, len(data), size)]
        return b"".join(answer for answer, _ in taken), taken[-1][1]

    first, verdict = said(chosen(client.first()))
    assert verdict is Verdict.WAITS
    last, verdict = said(message(client.final(first[9:])))
    assert verdict is Verdict.KNOWN
    assert client.is_server(last[9:])
    with pytest.raises(ProtocolViolation):
        gatekeeper.take(message(b""))


def test_a_message_too_large_is_refused_at_its_header() -> None:
    with pytest.raises(ProtocolViolation, match="limit"):
        Gatekeeper(VERIFIER, b"yours", None).take(b"p" + struct.pack("!I", 1_000_000))
