"""guard.toml, typed: every key with its meaning, unit and default, and a loader whose errors name the fix.

Paths in the file are relative to the file. Nothing is read from the environment but a variable that the file names
itself (``upstream.login.password_env``).

``network``, ``database`` and ``file`` are its sections, ``loading`` reads it.
"""

from readonly_guard.settings.certificates import CertificateRules
from readonly_guard.settings.database import (
    AllowedObjectSettings,
    CatalogSettings,
    InformationSetSettings,
    KnownExtensionSettings,
    ReadingSettings,
)
from readonly_guard.settings.file import (
    JournalSettings,
    Mode,
    OpaSettings,
    PluginSettings,
    PolicySettings,
    Settings,
    SigningSettings,
)
from readonly_guard.settings.loading import (
    load_settings,
    read_section,
)
from readonly_guard.settings.network import (
    AdminSettings,
    AuthenticationSettings,
    CertificateRule,
    IdentityRuleSettings,
    IdentitySettings,
    LimitSettings,
    ListenerSettings,
    ListenerTlsSettings,
    LoggingSettings,
    TcpSettings,
    UpstreamLoginSettings,
    UpstreamSettings,
    UpstreamTlsSettings,
    WorkerSettings,
    is_this_machine,
)

__all__ = [
    "AdminSettings",
    "AllowedObjectSettings",
    "AuthenticationSettings",
    "CatalogSettings",
    "CertificateRule",
    "CertificateRules",
    "IdentityRuleSettings",
    "IdentitySettings",
    "InformationSetSettings",
    "JournalSettings",
    "KnownExtensionSettings",
    "LimitSettings",
    "ListenerSettings",
    "ListenerTlsSettings",
    "LoggingSettings",
    "Mode",
    "OpaSettings",
    "PluginSettings",
    "PolicySettings",
    "ReadingSettings",
    "Settings",
    "SigningSettings",
    "TcpSettings",
    "UpstreamLoginSettings",
    "UpstreamSettings",
    "UpstreamTlsSettings",
    "WorkerSettings",
    "is_this_machine",
    "load_settings",
    "read_section",
]
