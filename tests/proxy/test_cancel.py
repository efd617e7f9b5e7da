"""Cancel keys: their layout, and what they open."""

from __future__ import annotations

import pytest

from readonly_guard_proxy.net.cancel import LAST_WORKER, CancelKeys, worker_of
from readonly_guard_proxy.wire.messages import BackendKey
from readonly_guard_proxy.wire.packets import CancelRequest

SERVERS = BackendKey(4711, b"abcd")


def request(key: BackendKey) -> CancelRequest:
    return CancelRequest(pid=key.pid, key=key.secret)


@pytest.mark.parametrize("worker", [0, 1, 200, LAST_WORKER])
@pytest.mark.parametrize(("is_long", "size"), [(False, 4), (True, 32)])
def test_the_worker_s_number_is_in_the_process_id(worker, is_long, size) -> None:
    keys = CancelKeys(worker)
    given = [keys.issue(is_long=is_long) for _ in range(100)]
    assert {worker_of(key.pid) for key in given} == {worker}
    assert all(0 < key.pid < 2**31 and len(key.secret) == size for key in given)
    assert len({key.pid for key in given}) == len({key.secret for key in given}) == 100


def test_a_key_opens_its_session_from_opened_to_withdrawn() -> None:
    keys = CancelKeys()
    key = keys.issue(is_long=True)
    assert keys.find(request(key)) is None
    keys.opened(key, SERVERS)
    assert keys.find(request(key)) == SERVERS
    keys.withdraw(key)
    keys.withdraw(key)
    assert keys.find(request(key)) is None


def test_neither_half_of_it_is_enough() -> None:
    keys = CancelKeys()
    one, other = keys.issue(is_long=True), keys.issue(is_long=True)
    keys.opened(one, SERVERS)
    keys.opened(other, BackendKey(4712, b"efgh"))
    for pid, secret in (
        (one.pid, other.secret),
        (one.pid, one.secret[:4]),
        (one.pid, one.secret + b"x"),
        (one.pid, b""),
        (one.pid + 1, one.secret),
        (SERVERS.pid, SERVERS.secret),
    ):
        assert keys.find(CancelRequest(pid=pid, key=secret)) is None


def test_a_server_that_gives_no_key_cannot_be_asked() -> None:
    keys = CancelKeys()
    key = keys.issue(is_long=False)
    keys.opened(key, BackendKey(0, b""))
    assert keys.find(request(key)) is None


def test_an_empty_secret_names_no_session() -> None:
    assert CancelKeys().find(CancelRequest(pid=1, key=b"")) is None
