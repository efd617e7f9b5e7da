"""Bundles: what `opa build` writes is read, signed ones are verified, and everything else is refused with its reason."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from readonly_guard.domain import AccessRequest
from readonly_guard.errors import PolicyError
from readonly_guard.policy import EmbeddedEngine, load_policies
from readonly_guard.settings import SigningSettings

RULE = b"package readonly_guard.authz\n\ndefault decision := {}\n"


def write_tar(path: Path, *files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def pem_pair(key: Any) -> tuple[bytes, bytes]:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """By algorithm: the file to sign with and the file to verify with."""
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    for algorithm, key in (
        ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
    ):
        private, public = folder / f"{algorithm}.pem", folder / f"{algorithm}.pub"
        for path, text in zip((private, public), pem_pair(key), strict=True):
            path.write_bytes(text)
        found[algorithm] = private, public
    secret = folder / "secret"
    secret.write_text("a secret that is long enough for its digest")
    return found | {"HS256": (secret, secret)}


@pytest.fixture
def build(opa_binary: str, policies_dir: Path, tmp_path: Path) -> Callable[..., str]:
    def run(*arguments: str | Path) -> str:
        path = tmp_path / "bundle.tar.gz"
        subprocess.run(
            [opa_binary, "build", "--bundle", ".", "--ignore", "*_test.rego", "--output", path, *arguments],
            cwd=policies_dir, check=True, capture_output=True,
        )  # fmt: skip
        return str(path)

    return run


def repacked(path: str, change: Callable[[dict[str, bytes]], None]) -> str:
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}  # type: ignore[union-attr]
    change(files)
    return write_tar(Path(path), *files.items())


@pytest.mark.opa
def test_what_opa_builds_decides_as_the_directory_does(
    build: Callable[..., str], policies_dir: Path, people: Any, overlay: Any, request_of: Callable[..., AccessRequest]
) -> None:
    built = load_policies(build("--revision", "7"), (overlay(**people),))
    assert built.revision.startswith("7+")
    answer = EmbeddedEngine(built).decide_now(request_of())
    assert answer.allow
    assert answer.revision == built.revision


@pytest.mark.opa
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS256"])
def test_a_signed_bundle_is_taken(
    build: Callable[..., str], keys: dict[str, tuple[Path, Path]], algorithm: Any
) -> None:
    private, public = keys[algorithm]
    bundle = build("--signing-key", private, "--signing-alg", algorithm)
    load_policies(bundle, (), SigningSettings(key_file=str(public), algorithm=algorithm))


def add(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: b"{}"})


def change_rule(files: dict[str, bytes]) -> None:
    files["/readonly_guard/print/print.rego"] += b"# as it was not signed\n"


def change_data(files: dict[str, bytes]) -> None:
    data = json.loads(files["/data.json"])
    data["routine"]["valid_to"] = "2099-12-31"
    files["/data.json"] = json.dumps(data).encode()


@pytest.mark.opa
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (change_rule, "readonly_guard/print/print.rego is not as it was signed"),
        (change_data, "data.json is not as it was signed"),
        (add("/readonly_guard/extra.rego"), "readonly_guard/extra.rego is not signed"),
        (lambda files: files.pop("/readonly_guard/print/print.rego"), "print.rego is signed and not there"),
        (lambda files: files.pop("/.signatures.json"), r"is not signed \(no .signatures.json\)"),
        (lambda files: files.update({"/.signatures.json": b"{}"}), "its signature cannot be verified"),
        (lambda files: files.update({"/.signatures.json": b'{"signatures": ["a.b.c"]}'}), "cannot be verified"),
    ],
)
def test_what_was_not_signed_is_refused(
    build: Callable[..., str], keys: dict[str, tuple[Path, Path]], change: Any, says: str
) -> None:
    private, public = keys["RS256"]
    bundle = repacked(build("--signing-key", private), change)
    with pytest.raises(PolicyError, match=says):
        load_policies(bundle, (), SigningSettings(key_file=str(public)))


def test_data_that_is_written_otherwise_but_means_the_same_is_as_signed(
    tmp_path: Path, keys: dict[str, tuple[Path, Path]]
) -> None:
    """OPA digests data.json by its canonical form: this digest is by hand, over one with every kind of value."""
    import hashlib  # noqa: PLC0415

    canonical = '{"a":[1.50,true,null,"å<\\u2028\\n"],"b":{}}'
    payload = {"files": [{"name": "data.json", "hash": hashlib.sha256(canonical.encode()).hexdigest()}]}
    rule = {"name": "authz.rego", "hash": hashlib.sha256(RULE).hexdigest(), "algorithm": "SHA-256"}
    token = jwt.encode({"files": [*payload["files"], rule]}, keys["RS256"][0].read_bytes(), algorithm="RS256")
    files = {
        "authz.rego": RULE,
        "data.json": b'{ "b": {}, "a": [1.50, true, null, "\\u00e5<\\u2028\\n"] }',
        ".signatures.json": json.dumps({"signatures": [token]}).encode(),
    }
    bundle = write_tar(tmp_path / "b.tar.gz", *files.items())
    policies = load_policies(bundle, (), SigningSettings(key_file=str(keys["RS256"][1])))
    assert policies.data == {"a": [1.5, True, None, "å<\u2028\n"], "b": {}}


@pytest.mark.parametrize(
    ("signed_with", "claims", "settings", "says"),
    [
        ("ES256", {}, {"key": "RS256"}, "its signature is not RS256, which policy.signing.algorithm demands"),
        ("HS256", {}, {"key": "RS256"}, "its signature is not RS256"),
        ("RS256", {"scope": "write"}, {"key": "RS256"}, "is signed for the scope 'write', not ''"),
        ("RS256", {}, {"key": "RS256", "scope": "read"}, "is signed for the scope '', not 'read'"),
        ("RS256", {"exp": 1}, {"key": "RS256"}, "cannot be verified: Signature has expired"),
        ("RS256", {"files": "all"}, {"key": "RS256"}, "cannot be verified"),
        (
            "RS256",
            {"files": [{"name": "authz.rego", "hash": "0", "algorithm": "MD5"}]},
            {"key": "RS256"},
            "digest 'MD5'",
        ),
    ],
)
def test_a_signature_of_another_kind_is_refused(
    tmp_path: Path, keys: dict[str, tuple[Path, Path]], signed_with: str, claims: dict[str, Any],
    settings: dict[str, str], says: str,
) -> None:  # fmt: skip
    token = jwt.encode({"files": []} | claims, keys[signed_with][0].read_bytes(), algorithm=signed_with)
    signatures = json.dumps({"signatures": [token]}).encode()
    bundle = write_tar(tmp_path / "b.tar.gz", ("authz.rego", RULE), (".signatures.json", signatures))
    signing = SigningSettings(key_file=str(keys[settings["key"]][1]), scope=settings.get("scope", ""))
    with pytest.raises(PolicyError, match=says):
        load_policies(bundle, (), signing)


def test_an_unsigned_token_is_refused(tmp_path: Path, keys: dict[str, tuple[Path, Path]]) -> None:
    token = jwt.encode({"files": []}, None, algorithm="none")
    bundle = write_tar(
        tmp_path / "b.tar.gz", ("a.rego", RULE), (".signatures.json", json.dumps({"signatures": [token]}).encode())
    )
    with pytest.raises(PolicyError, match="its signature is not RS256"):
        load_policies(bundle, (), SigningSettings(key_file=str(keys["RS256"][1])))


def test_the_public_key_is_no_secret_to_sign_with(tmp_path: Path, keys: dict[str, tuple[Path, Path]]) -> None:
    """The old attack: a token that says HS256, with the public key as its secret."""
    import base64  # noqa: PLC0415
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    public = keys["RS256"][1]
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"files": []})
    mac = base64.urlsafe_b64encode(hmac.new(public.read_bytes(), signed, hashlib.sha256).digest()).rstrip(b"=")
    signatures = json.dumps({"signatures": [(signed + b"." + mac).decode()]}).encode()
    bundle = write_tar(tmp_path / "b.tar.gz", ("a.rego", RULE), (".signatures.json", signatures))
    with pytest.raises(PolicyError, match="its signature is not RS256"):
        load_policies(bundle, (), SigningSettings(key_file=str(public)))


def bad_archives(folder: Path) -> Iterator[tuple[str, str]]:
    yield write_tar(folder / "up.tar.gz", ("../a.rego", RULE)), "is no plain file inside the bundle"
    yield write_tar(folder / "twice.tar.gz", ("a.rego", RULE), ("/a.rego", RULE)), "a.rego is in the bundle twice"
    yield write_tar(folder / "link.tar.gz", ("a.rego", b""), kind=tarfile.SYMTYPE), "is no plain file"
    yield write_tar(folder / "device.tar.gz", ("a.rego", b""), kind=tarfile.CHRTYPE), "is no plain file"
    yield write_tar(folder / "none.tar.gz", ("notes.txt", b"")), "no .rego file in it"
    for name, content in (
        ("empty", b""), ("text", b"not an archive"), ("half", gzip.compress(RULE * 100)[:40]), ("gz", gzip.compress(b"x")),
    ):  # fmt: skip
        path = folder / f"{name}.tar.gz"
        path.write_bytes(content)
        yield str(path), "is no .tar.gz"
    huge = folder / "huge.tar.gz"
    with tarfile.open(huge, "w:gz") as archive:
        member = tarfile.TarInfo("data.json")
        member.size = 600 * 1024 * 1024
        archive.fileobj.write(member.tobuf())  # type: ignore[union-attr]  its content is not even needed
    yield str(huge), "is larger than 512 MB"
    yield str(folder / "missing.tar.gz"), "cannot be read: No such file"


def test_an_archive_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    for path, says in bad_archives(tmp_path):
        with pytest.raises(PolicyError) as caught:
            load_policies(path)
        assert says in str(caught.value), path
        assert str(caught.value).startswith(path)


def test_a_directory_may_be_signed_too(policy_dir: Callable[..., str], keys: dict[str, tuple[Path, Path]]) -> None:
    with pytest.raises(PolicyError, match="is not signed"):
        load_policies(policy_dir(**{"authz.rego": RULE.decode()}), (), SigningSettings(key_file=str(keys["RS256"][1])))


def test_a_key_that_cannot_be_read_is_named(policy_dir: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nothing.pem: does not exist"):
        load_policies(
            policy_dir(**{"authz.rego": RULE.decode()}), (), SigningSettings(key_file=str(tmp_path / "nothing.pem"))
        )
