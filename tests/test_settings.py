"""guard.toml: what is right loads, what is wrong names the key and the fix."""

from __future__ import annotations

import pytest

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import load_settings

GOOD = """
[upstream]
host = "db.internal"
[journal]
path = "log"
[policy]
source = "policies"
data = ["roster.json"]
"""

GUARDED = (
    GOOD
    + """
[upstream.login]
user = 'u'
[authentication]
mode = 'guard'
"""
)


def write(tmp_path, text):
    path = tmp_path / "guard.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path):
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.journal.path == str(tmp_path / "log")
    assert settings.policy.source == str(tmp_path / "policies")
    assert settings.policy.data == (str(tmp_path / "roster.json"),)
    assert settings.listener.port == 6432
    assert settings.journal.durability == "fsync"
    assert (settings.reading.workers, settings.reading.deadline_s) == (2, 1.0)


def test_tls_is_required_where_there_is_a_certificate_and_its_paths_are_relative_too(tmp_path):
    tls = load_settings(write(tmp_path, GOOD)).listener.tls
    assert (tls.effective_mode, tls.certificate) == ("off", None)
    named = GOOD + "[listener.tls]\ncertificate = 'tls/guard.pem'\nkey = '/etc/guard.key'\nclient_ca = 'ca.pem'"
    tls = load_settings(write(tmp_path, named)).listener.tls
    assert (tls.effective_mode, tls.minimum_version) == ("require", "1.2")
    assert (tls.certificate, tls.key, tls.client_ca) == (
        str(tmp_path / "tls/guard.pem"),
        "/etc/guard.key",
        str(tmp_path / "ca.pem"),
    )


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("db.internal", "verify-full"),
        ("10.0.0.7", "verify-full"),
        ("localhost.example", "verify-full"),
        ("localhost", "disable"),
        ("127.0.0.1", "disable"),
        ("::1", "disable"),
        ("/var/run/postgresql", "disable"),
    ],
)
def test_the_server_is_believed_without_tls_only_on_this_machine(tmp_path, host, mode):
    upstream = load_settings(write(tmp_path, GOOD.replace("db.internal", host))).upstream
    assert upstream.tls_mode == mode


def test_paths_of_tls_towards_the_server_are_relative_to_the_file(tmp_path):
    tls = load_settings(write(tmp_path, GOOD + "[upstream.tls]\nroot = 'ca.pem'")).upstream.tls
    assert (tls.root, tls.certificate) == (str(tmp_path / "ca.pem"), None)


def test_the_files_of_logins_are_relative_to_the_file(tmp_path):
    text = GUARDED.replace("user = 'u'", "user = 'u'\npassword_file = 'secret'") + "users = 'users.txt'"
    settings = load_settings(write(tmp_path, text))
    assert settings.authentication.users == str(tmp_path / "users.txt")
    assert settings.upstream.login.password_file == str(tmp_path / "secret")


def test_texts_may_be_read_in_the_proxys_own_process(tmp_path):
    assert load_settings(write(tmp_path, GOOD + "[reading]\nworkers = 0")).reading.workers == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "[listner]\nport = 1", "unknown key 'listner'; did you mean 'listener'?"),
        (GOOD + "[listener]\nprot = 1", "unknown key 'listener.prot'; did you mean 'port'?"),
        (GOOD + "[limits]\nzzzzzz = 1", "unknown key 'limits.zzzzzz'; known here: "),
        ("[upstream]\nhost = 'x'", "key 'journal' is missing"),
        ("[upstream]\n[journal]\npath = 'x'", "key 'upstream.host' is missing"),
        (GOOD + "[listener]\nport = 'x'", "listener.port: Expected `int`"),
        (GOOD + "[listener]\nport = 70000", "listener.port is 70000; a port is 0 to 65535"),
        (GOOD + "[limits]\ntokens = 0", "limits.tokens is 0; it must be above 0"),
        (GOOD + "[reading]\nworkers = -1", "reading.workers is -1; it must be 0 or more"),
        (
            GOOD + '[reading]\ncreated_zone = "Europe/Stokholm"',
            "reading.created_zone is 'Europe/Stokholm'; write a name",
        ),
        (GOOD + '[reading]\ncreated_zone = "/etc/passwd"', "reading.created_zone is '/etc/passwd'; write a name"),
        (GOOD + "[reading]\ncreated_keys = { made = 'timestamptzz' }", "reading.created_keys[...]: Invalid enum value"),
        (GOOD + "[reading]\nworkers = 1.5", "reading.workers: Expected `int`"),
        (GOOD + "[reading]\ndeadline_s = 0", "reading.deadline_s is 0.0; it must be above 0 and finite"),
        (GOOD + "[reading]\ndeadline_s = inf", "reading.deadline_s is inf; it must be above 0 and finite"),
        (GOOD + "[reading]\npatience_s = 0", "reading.patience_s is 0.0; it must be above 0 and finite"),
        (GOOD + "[reading]\ndeadline_s = nan", "reading.deadline_s is nan; it must be above 0 and finite"),
        (GOOD.replace('path = "log"', 'path = "log"\ndurability = "maybe"'), "journal.durability: Invalid enum value"),
        (GOOD + "[listener.tls]\ncertificate = 'c'", "listener.tls.key is missing; name a PEM file, or"),
        (GOOD + "[listener.tls]\nkey = 'k'\nmode = 'allow'", "listener.tls.certificate is missing; name a PEM file"),
        (GOOD + "[listener.tls]\nmode = 'prefer'", "listener.tls.mode: Invalid enum value 'prefer'"),
        (GOOD + "[listener.tls]\nminimum_version = '1.1'", "listener.tls.minimum_version: Invalid enum value '1.1'"),
        (
            GOOD + "[listener.tls]\ncertifcate = 'c'",
            "unknown key 'listener.tls.certifcate'; did you mean 'certificate'?",
        ),
        (
            GOOD + "[listener.tls]\ncertificate = 'c'\nkey = 'k'\nclient_certificates = 'require'",
            "listener.tls.client_ca is missing; name the roots",
        ),
        (
            GOOD
            + "[listener.tls]\nmode = 'allow'\ncertificate = 'c'\nkey = 'k'\nclient_ca = 'a'"
            + "\nclient_certificates = 'require'",
            "listener.tls.client_certificates is require, but a client without TLS shows none",
        ),
        (GOOD + "[[identity.certificates]]\n", 'identity is read by a plugin; write plugins.load = ["identity_certif'),
        (GOOD + "[[identity.certificates]]\nfeild = 'x'", "did you mean 'field'?"),
        (GOOD + "[upstream.tls]\nmode = 'prefer'", "upstream.tls.mode: Invalid enum value 'prefer'"),
        (GOOD + "[upstream.tls]\ncertificate = 'c'", "upstream.tls has one of certificate and key; name both, or"),
        (GOOD + "[upstream.tls]\nmode = 'disable'\nroot = 'r'", "upstream.tls names files but its mode is disable"),
        (
            GOOD.replace("db.internal", "/run/pg") + "[upstream.tls]\nmode = 'require'",
            "upstream.tls.mode is require; there is no TLS over a unix socket, leave it out",
        ),
        (GOOD.replace("db.internal", "localhost") + "[upstream.tls]\nroot = 'r'", "upstream.tls names files but"),
        (GOOD + "[authentication]\nmode = 'guard'\nusers = 'u'", "upstream.login.user is missing; the guard needs"),
        (
            GOOD + "[authentication]\nusers = 'u'",
            'no meaning where logins pass through; write authentication.mode = "gu',
        ),
        (GOOD + "[upstream.login]\nuser = 'u'", "no meaning where logins pass through"),
        (GUARDED + "methods = []", "authentication.methods is empty"),
        (GUARDED, "authentication.users is the file for the method scram-sha-256; name both, or neither"),
        (GUARDED + "methods = ['certificate']\nusers = 'u'", "authentication.users is the file for the method"),
        (GUARDED + "methods = ['certificate']", "listener.tls.client_ca is missing; the method certificate needs it"),
        (GUARDED + "methods = ['md5']", "authentication.methods[0]: Invalid enum value 'md5'"),
        (
            GUARDED.replace("user = 'u'", "user = 'u'\npassword_file = 'f'\npassword_env = 'E'") + "users = 'x'",
            "upstream.login has password_file and password_env; name one of them",
        ),
        ("[upstream", "is not valid TOML"),
        ("upstream = 3\n[journal]\npath='x'", "upstream: Expected `object`"),
    ],
)
def test_mistakes_name_the_key_and_the_fix(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match="guard.toml: ") as caught:
        load_settings(write(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_file_and_a_file_that_is_no_text(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        load_settings(tmp_path / "nope.toml")
    path = tmp_path / "guard.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_settings(path)


def test_information_sets_are_read_and_their_mistakes_named(tmp_path):
    entry = '[[reading.information_sets]]\nname = "Notes"\ntable = "note"\nwhen = { class_cd = [1, "DOC"] }\n'
    (one,) = load_settings(write(tmp_path, GOOD + entry)).reading.information_sets
    assert (one.name, one.table, one.when) == ("Notes", "note", {"class_cd": (1, "DOC")})
    with pytest.raises(ConfigurationError, match="did you mean 'table'") as caught:
        load_settings(write(tmp_path, GOOD + entry.replace("table =", "tabel =")))
    assert "reading.information_sets" in str(caught.value)


def test_without_any_the_synthetic_databases_information_sets_stand(tmp_path):
    names = {one.name for one in load_settings(write(tmp_path, GOOD)).reading.information_sets}
    assert {"Vaccinationer", "Mikrobiologiska odlingar", "Diagnoser"} <= names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[limits]\nidle_timeout_s = 0", "limits.idle_timeout_s is 0.0; it must be above 0 and finite"),
        ("[limits]\nstatement_timeout_s = inf", "limits.statement_timeout_s is inf; it must be above 0 and finite"),
        ("[limits]\nconnections_per_user = -1", "limits.connections_per_user is -1; it must be above 0 and finite"),
        ("[listener.tcp]\nkeepalive_idle_s = 0", "listener.tcp.keepalive_idle_s is 0; it must be above 0 and finite"),
        ("[upstream.tcp]\nkeepalive = 1", "unknown key 'upstream.tcp.keepalive'; did you mean 'keepalive_probes'?"),
        ("[admin]\nport = 1\nsocket = 'x'", "admin.port and admin.socket are both set; keep one"),
        ("[admin]\nport = 99999", "admin.port is 99999; a port is 0 to 65535"),
    ],
)
def test_mistakes_in_limits_and_operations(tmp_path, text, message):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(tmp_path, GOOD + text))
    assert message in str(caught.value)


def test_plugins_have_sections_of_their_own(tmp_path):
    path = tmp_path / "guard.toml"
    base = '[upstream]\nhost = "h"\n[journal]\npath = "j"\n'
    path.write_text(base + '[plugins]\nload = ["x"]\n[plugin.x]\nanything = [1, "two"]\n')
    settings = load_settings(path)
    assert settings.plugin == {"x": {"anything": [1, "two"]}}
    assert settings.folder == str(tmp_path)

    path.write_text(base + "[plugin.x]\na = 1\n")
    with pytest.raises(ConfigurationError, match=r"\[plugin.x\] is there, but plugins.load does not name 'x'"):
        load_settings(path)
    path.write_text(f'folder = "x"\n{base}')
    with pytest.raises(ConfigurationError, match="unknown key 'folder'"):
        load_settings(path)
