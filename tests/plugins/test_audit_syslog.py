"""Against a TLS server of this process that reads as RFC 5425 says, and against syslog-ng where there is one."""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from readonly_guard.domain import Entry, SealRecord
from readonly_guard.errors import ConfigurationError
from readonly_guard_plugins.audit_syslog import Unconfirmed, message

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
    """Takes connections until closed; forgets those it is told to cut off."""

    def __init__(self, certificate):
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.messages = []
        self.cut_offs = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._read(connection)
            except OSError:
                continue

    def _read(self, connection):
        if self.cut_offs:
            self.cut_offs -= 1
            connection.recv(100)
            connection.shutdown(socket.SHUT_RDWR)
            return
        data = b""
        while part := connection.recv(65536):
            data += part
        self.messages += split(data)
        connection.unwrap()

    def close(self):
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


async def test_what_was_cut_off_comes_again(log, feed, receiver):
    log.write(300)
    receiver.cut_offs = 1
    with pytest.raises((Unconfirmed, OSError)):
        await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem").drain()
    await feed("audit_syslog", host="127.0.0.1", port=receiver.port, ca="log.pem").drain()

    assert heads(receiver.messages) == log.heads


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
def syslog_ng(certificate, tmp_path):
    """A real syslog-ng, and the file that it writes."""
    binary = shutil.which("syslog-ng", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if binary is None:
        pytest.skip("no syslog-ng: apt-get install syslog-ng-core")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
