"""Against a TLS server of this process that reads as RFC 5425 says, and against syslog-ng where there is one."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
from loopback import free_port

from readonly_guard.domain import Entry, SealRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.audit_syslog import message
from readonly_guard_plugins.orderly_tls import Unconfirmed

MESSAGE = re.compile(
    rb"<(\d+)>1 (\S+) (\S+) (\S+) - (\S+) \[readonly-guard@32473 chain=\"(.*?)\" seq=\"(\d+)\" hash=\"(\w+)\"\] \xef\xbb\xbf(\{.*\})",
    re.DOTALL,
)


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1, which is its own authority."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    subject = ["-subj", "/CN=log", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    names = ["-keyout", tmp_path / "log.key", "-out", tmp_path / "log.pem"]
    subprocess.run([*command, *subject, *names], check=True, capture_output=True)
    return tmp_path / "log.pem"


class Receiver:
    """Takes connections until closed. ``ends`` are how the next of them end instead of being read and taken leave of."""

    def __init__(self, certificate):
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._context.load_verify_locations(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.messages = []
        self.ends = []
        self._is_over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self._is_over:
            plain, _ = self._listener.accept()
            end = self.ends.pop(0) if self.ends else self.read
            try:
                self._context.verify_mode = ssl.CERT_REQUIRED if end == self.refuse else ssl.CERT_NONE
                with self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
                    end(connection)
            except OSError:
                continue

    def read(self, connection):
        connection.do_handshake()
        data = b""
        while part := connection.recv(65536):
            data += part
        self.messages += split(data)
        connection.unwrap()

    def cut_off(self, connection):
        """The connection breaks while the client is sending."""
        connection.do_handshake()
        connection.recv(100)
        connection.shutdown(socket.SHUT_RDWR)

    def vanish(self, connection):
        """Reads everything and ends without a close_notify, as a process does that is killed."""
        connection.do_handshake()
        while connection.recv(65536):
            pass
        connection.shutdown(socket.SHUT_RDWR)

    def stop(self, connection):
        """Takes leave before it has read everything, as a server does that is told to stop."""
        connection.do_handshake()
        connection.recv(100)
        connection.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):
            connection.unwrap()

    def refuse(self, connection):
        """Wants a certificate that the client has not, and says so when the client is through with the handshake."""
        try:
            connection.do_handshake()
        finally:
            connection.settimeout(10)
            with contextlib.suppress(OSError):
                while socket.socket.recv(connection, 65536):
                    pass

    def close(self):
        # the thread first: one that has yet to accept would do so on whatever socket gets this number next
        self._is_over = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


def split(data):
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found


def heads(messages):
    return sorted((match[6].decode(), int(match[7]), match[8].decode()) for match in map(MESSAGE.fullmatch, messages))


@pytest.fixture
def receiver(certificate):
    receiver = Receiver(certificate)
    yield receiver
    receiver.close()


async def test_everything_arrives_as_messages(log, feed, receiver):
    log.write(20)
    log.write(2, chain="worker-1", codes=("RG-W05",), verdict="deny")
    await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem").drain()

    assert heads(receiver.messages) == log.heads
    priorities = {(match[1], match[5]) for match in map(MESSAGE.fullmatch, receiver.messages)}
    assert priorities == {(b"109", b"decision"), (b"109", b"completion"), (b"109", b"seal"), (b"108", b"decision")}
    record = json.loads(MESSAGE.fullmatch(receiver.messages[0])[9])
    assert record["subject"] == "åsa.öberg"


@pytest.mark.parametrize(
    ("end", "records"),
    [(end, records) for end in ("cut_off", "vanish", "refuse") for records in (1, 300)] + [("stop", 300)],
)
async def test_what_was_not_taken_leave_of_comes_again(log, feed, receiver, end, records):
    log.write(records)
    receiver.ends = [getattr(receiver, end)]
    with pytest.raises((Unconfirmed, OSError)):
        await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem").drain()
    assert receiver.messages == []
    await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem").drain()

    assert heads(receiver.messages) == log.heads


async def test_a_server_that_wants_a_certificate_says_so(log, feed, receiver):
    log.write(1)
    receiver.ends = [receiver.refuse]
    with pytest.raises(ssl.SSLError, match="(?i)certificate"):
        await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem", confirm=False).drain()


async def test_a_server_that_takes_no_leave_can_be_believed_on_request(log, feed, receiver):
    log.write(1)
    receiver.ends = [receiver.vanish]
    assert await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem", confirm=False).drain() == 3


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(log, feed, receiver):
    log.write(1)
    with pytest.raises(ssl.SSLCertVerificationError):
        await feed("audit_syslog", host="127.0.0.1", port=receiver.port).drain()
    assert receiver.messages == []


def test_structured_data_is_escaped():
    seal = SealRecord(time="2026-03-01T08:15:00.000000Z", chain="", head_seq=0, head_hash="", key_id="")
    data = message(Entry(seq=1, hash="ab", record=seal, chain='a"]\\'), 13, "host", "app")
    assert rb'chain="a\"\]\\" seq="1"' in data


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ({"facility": 24}, "it is 0 to 23"),
        ({"app_name": "two words"}, "printable ASCII without space"),
        ({"certificate": "nowhere.pem"}, r"\[plugin.audit_syslog\] certificate: .*nowhere"),
        ({"ca": "nowhere.pem"}, r"\[plugin.audit_syslog\] ca: .*nowhere"),
    ],
)
def test_settings_that_are_wrong_are_named(feed, section, what):
    with pytest.raises(ConfigurationError, match=what):
        feed("audit_syslog", host="127.0.0.1", **section)


@pytest.fixture
def syslog_ng(certificate, tmp_path, missing):
    """A real syslog-ng, and the file that it writes."""
    binary = shutil.which("syslog-ng", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if binary is None:
        missing("no syslog-ng: apt-get install syslog-ng-core")
    port = free_port()
    out = tmp_path / "received"
    (tmp_path / "syslog-ng.conf").write_text(
        f"""@version: 3.38
        source net {{ syslog(ip("127.0.0.1") port({port}) transport("tls")
            tls(key-file("{certificate.with_suffix(".key")}") cert-file("{certificate}") peer-verify(no))); }};
        destination file {{ file("{out}" template("$PRI|$MSGID|${{.SDATA.readonly-guard@32473.seq}}|$MSG\\n")); }};
        log {{ source(net); destination(file); }};
        """
    )
    names = ["-f", "syslog-ng.conf", "-R", "persist", "-p", "pid", "-c", "control"]
    process = subprocess.Popen(
        [binary, "-F", "--no-caps", *[str(tmp_path / item) if not item.startswith("-") else item for item in names]],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, process.stdout.read().decode()
            assert time.monotonic() < deadline, "syslog-ng did not start"
            time.sleep(0.05)
    yield port, out
    process.terminate()
    process.communicate(timeout=20)


async def test_syslog_ng_understands_it(log, feed, syslog_ng):
    port, out = syslog_ng
    log.write(50)
    await feed("audit_syslog", host="127.0.0.1", port=port, ca="log.pem").drain()

    deadline = time.monotonic() + 20
    while not out.exists() or out.read_bytes().count(b"\n") < len(log.heads):
        assert time.monotonic() < deadline, "not everything arrived"
        await asyncio.sleep(0.05)
    lines = [line.split("|", 3) for line in out.read_text(encoding="utf-8").splitlines()]
    assert sorted(int(line[2]) for line in lines) == [seq for _, seq, _ in log.heads]
    assert {line[1] for line in lines} == {"decision", "completion", "seal"}
    assert json.loads(lines[0][3].removeprefix("\ufeff"))["subject"] == "åsa.öberg"
