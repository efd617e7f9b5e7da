import stat
import subprocess

import msgspec
import pytest

from readonly_guard.audit import KeyRing, SigningKey
from readonly_guard.domain import SealRecord
from readonly_guard.errors import ConfigurationError

HEAD = SealRecord(time="2026-03-01T08:15:00.000000Z", chain="journal", head_seq=7, head_hash="ab" * 32, key_id="")


@pytest.fixture
def key(tmp_path):
    return SigningKey.generate(tmp_path / "signing.key")


@pytest.fixture
def ring(tmp_path, key):
    return KeyRing.load([key.publish(tmp_path)])


def test_a_key_file_is_for_its_owner_only_and_gives_the_key_back(tmp_path, key):
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600
    assert SigningKey.load(tmp_path / "signing.key").key_id == key.key_id
    assert len(key.key_id) == 16


def test_a_key_is_never_overwritten(tmp_path, key):
    with pytest.raises(ConfigurationError, match="there already"):
        SigningKey.generate(tmp_path / "signing.key")
    assert SigningKey.load(tmp_path / "signing.key").key_id == key.key_id


def test_a_key_that_others_may_read_is_refused(tmp_path, key):
    (tmp_path / "signing.key").chmod(0o640)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        SigningKey.load(tmp_path / "signing.key")


@pytest.mark.parametrize("content", [b"", b"x", "public", "rsa"])
def test_what_is_no_ed25519_private_key_is_named(tmp_path, key, content):
    path = tmp_path / "other"
    if content == "public":
        content = key.public_text()
    elif content == "rsa":
        subprocess.run(["openssl", "genrsa", "-out", path, "1024"], check=True, capture_output=True)
        content = path.read_bytes()
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="is no Ed25519 private key; make one"):
        SigningKey.load(path)
    if content != key.public_text():
        with pytest.raises(ConfigurationError, match="is no Ed25519 public key"):
            KeyRing.load([path])


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere: the signing key cannot be read"):
        SigningKey.load(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="nowhere: the public key cannot be read"):
        KeyRing.load([tmp_path / "nowhere"])
    with pytest.raises(ConfigurationError, match="cannot be written"):
        SigningKey.generate(tmp_path / "nowhere" / "key")


def test_a_signature_holds(key, ring):
    assert ring.objection(key.sign(HEAD)) is None
    assert ring.key_ids == (key.key_id,)


@pytest.mark.parametrize(
    "change",
    [
        {"head_seq": 8},
        {"head_hash": "cd" * 32},
        {"chain": "another"},
        {"time": "2027-03-01T08:15:00.000000Z"},
        {"signature": ""},
        {"signature": "00" * 64},
        {"signature": "no hexadecimal"},
    ],
)
def test_nothing_of_what_is_signed_can_be_another(key, ring, change):
    assert "did not make" in ring.objection(msgspec.structs.replace(key.sign(HEAD), **change))


def test_another_key_is_not_believed(tmp_path, key, ring):
    other = SigningKey.generate(tmp_path / "other.key")

    assert "not among the keys" in ring.objection(other.sign(HEAD))
    forged = msgspec.structs.replace(other.sign(HEAD), key_id=key.key_id)
    assert "did not make" in ring.objection(forged)


def test_openssl_finds_the_signature_right(tmp_path, key):
    """Whoever distrusts this project can check a head without it."""
    record = key.sign(HEAD)
    unsigned = msgspec.structs.replace(record, signature="")
    (tmp_path / "text").write_bytes(b"readonly-guard signature v1\n" + msgspec.json.encode(unsigned))
    (tmp_path / "signature").write_bytes(bytes.fromhex(record.signature))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key.publish(tmp_path), "-rawin"]

    done = subprocess.run(
        [*command, "-in", tmp_path / "text", "-sigfile", tmp_path / "signature"], capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
