"""The plugin `identity_certificate`: whose certificate it is."""

from __future__ import annotations

import pytest

from readonly_guard.domain import Certificate, Login, Reason, Session, Subject
from readonly_guard.errors import ConfigurationError
from readonly_guard.hooks import Hooks
from readonly_guard.settings import (
    IdentityRuleSettings,
    IdentitySettings,
    JournalSettings,
    Settings,
    UpstreamSettings,
)

HSA_ID = "SE2321000016-P000000000001"
SITHS = (("countryName", "SE"), ("commonName", "SITHS e-id Person HSA-id 3 CA v1"))


def settings(*rules: IdentityRuleSettings, **users: tuple[str, ...]) -> Settings:
    return Settings(
        upstream=UpstreamSettings(host="x"),
        journal=JournalSettings(path="x"),
        identity=IdentitySettings(certificates=rules, users=users),
    )


def certificate(*subject: tuple[str, str], issuer=SITHS) -> Certificate:
    return Certificate(subject=subject or (("serialNumber", HSA_ID),), issuer=issuer, fingerprint="00")


@pytest.fixture
def identify():
    def ask(user: str, shown: Certificate | None, *rules: IdentityRuleSettings, **users):
        hooks = Hooks()
        hooks.load(["identity_certificate"])  # by its name in the installed package
        hooks.startup(settings(*(rules or (IdentityRuleSettings(assurance_level=3),)), **users))
        return hooks.identify(Login(user=user, session=Session(), certificate=shown))

    return ask


def test_the_hsa_id_of_a_siths_certificate_is_the_user(identify) -> None:
    assert identify(HSA_ID, certificate()) == Subject(
        id=HSA_ID, properties={"authentication": "certificate", "hsa_id": HSA_ID, "assurance_level": 3}
    )


def test_or_is_mapped_to_one_or_several(identify) -> None:
    for user in ("alind", "report"):
        subject = identify(user, certificate(), **{HSA_ID: ("alind", "report")})
        assert (subject.id, subject.properties["hsa_id"]) == (user, HSA_ID)


@pytest.mark.parametrize("user", ["bberg", "ALIND", "alind ", HSA_ID.lower(), ""])
def test_nobody_logs_in_as_somebody_else(identify, user) -> None:
    refused = identify(user, certificate(), **{HSA_ID: ("alind",)})
    assert isinstance(refused, Reason)
    assert (refused.code, refused.what) == ("RG-A04", "its serialNumber belongs to another user")
    assert HSA_ID not in str(refused)


@pytest.mark.parametrize(
    "subject",
    [
        [("commonName", HSA_ID)],
        [("serialNumber", f"x{HSA_ID}")],
        [("serialNumber", f"{HSA_ID}\n")],
        [("serialNumber", f"{HSA_ID}\0")],
        [("serialNumber", f"{HSA_ID}, x")],
        [("serialNumber", HSA_ID), ("serialNumber", "SE2321000016-P000000000002")],
        [("serialNumber", HSA_ID), ("serialNumber", HSA_ID)],
    ],
)
def test_a_subject_that_no_rule_fits_is_refused(identify, subject) -> None:
    assert identify(HSA_ID, certificate(*subject)).code == "RG-A04"


def test_rules_are_tried_in_order_and_may_ask_for_an_issuer(identify) -> None:
    rules = (
        IdentityRuleSettings(issuer="SITHS e-id Person HSA-id 3 CA v1", assurance_level=3),
        IdentityRuleSettings(issuer="SITHS e-id Person HSA-id 2 CA v1", assurance_level=2),
    )
    two = (("commonName", "SITHS e-id Person HSA-id 2 CA v1"),)
    assert identify(HSA_ID, certificate(), *rules).properties["assurance_level"] == 3
    assert identify(HSA_ID, certificate(issuer=two), *rules).properties["assurance_level"] == 2
    assert identify(HSA_ID, certificate(issuer=(("commonName", "other"),)), *rules).code == "RG-A04"


def test_a_group_and_another_field_and_property(identify) -> None:
    rule = IdentityRuleSettings(field="commonName", pattern="(?:cn=)?(.+)@region\\.example", property="login")
    subject = identify("alind", certificate(("commonName", "alind@region.example")), rule)
    assert subject == Subject(id="alind", properties={"authentication": "certificate", "login": "alind"})


def test_without_a_certificate_it_has_nothing_to_say(identify) -> None:
    assert identify("alind", None) is None


def test_what_is_wrong_in_the_settings_is_named() -> None:
    for rules, said in (
        ((), r"there is no rule; write \[\[identity.certificates\]\]"),
        ((IdentityRuleSettings(), IdentityRuleSettings(pattern="(")), r"certificates\[1\].pattern: is not a regular"),
    ):
        hooks = Hooks()
        hooks.load(["identity_certificate"])
        with pytest.raises(ConfigurationError, match=said):
            hooks.startup(settings(*rules))
