"""The core's reason codes with their texts in both languages, and the SQLSTATE each carries.

A code is stable: never reused, never given another meaning. The core's codes are registered here, once; a policy's
codes (RG-R01, RG-P01 …) live in the Rego rule that decides them and carry their own texts. No text here or elsewhere
echoes a literal from SQL: it may be clinical content (ISO 27789).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["CORE_CODES", "CoreCode", "Sqlstate", "is_write_lock", "sqlstate_of"]


class Sqlstate:
    """The SQLSTATEs a denial carries (PostgreSQL documentation, appendix A)."""

    SYNTAX: Final = "42601"  # syntax_error: what PostgreSQL itself would have said
    READ_ONLY: Final = "25006"  # read_only_sql_transaction: a mutation
    NOT_IDENTIFIED: Final = "28000"  # invalid_authorization_specification
    NOT_PROVEN: Final = "28P01"  # invalid_password
    PRIVILEGE: Final = "42501"  # insufficient_privilege: a policy denial
    UNSUPPORTED: Final = "0A000"  # feature_not_supported: a protocol feature, setting or encoding
    PROTOCOL: Final = "08P01"  # protocol_violation
    TOO_COMPLEX: Final = "54001"  # statement_too_complex
    CANNOT_NOW: Final = "57P03"  # cannot_connect_now: no decision can be made now
    CANCELED: Final = "57014"  # query_canceled: no denial, but the end of what was allowed and then given up


class CoreCode(NamedTuple):
    """A reason code that the core decides, with its texts in both languages."""

    code: str
    rule: str
    sqlstate: str
    sv: str
    en: str
    hint_sv: str
    hint_en: str


_READ_SV: Final = "Läsläge tillåter att söka, läsa och skriva ut; ändra i det system som är i drift."
_READ_EN: Final = "Read mode permits searching, reading and printing; make the change in the system in operation."

CORE_CODES: Final[dict[str, CoreCode]] = {
    row.code: row
    for row in (
        CoreCode(
            "RG-W00",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Åtgärden är inte läsning",
            en="Not a read action",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-W01",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Dokumentation är inte tillåten i läsläge",
            en="Documenting is not allowed in read mode",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-W02",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Ändring är inte tillåten i läsläge",
            en="Changing is not allowed in read mode",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-W03",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Signering är inte tillåten i läsläge",
            en="Signing is not allowed in read mode",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-W04",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Tillägg är inte tillåtet i läsläge",
            en="Adding is not allowed in read mode",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-W05",
            "readmode",
            Sqlstate.READ_ONLY,
            sv="Borttag är inte tillåtet i läsläge",
            en="Removing is not allowed in read mode",
            hint_sv=_READ_SV,
            hint_en=_READ_EN,
        ),
        CoreCode(
            "RG-F01",
            "functions",
            Sqlstate.READ_ONLY,
            sv="Okänd funktion",
            en="Unknown function",
            hint_sv="Använd inbyggda funktioner, eller be den som äger vakten att granska funktionen.",
            hint_en="Use built-in functions, or ask the owner of the guard to review the function.",
        ),
        CoreCode(
            "RG-F02",
            "functions",
            Sqlstate.READ_ONLY,
            sv="Funktionen har sidoeffekter",
            en="The function has side effects",
            hint_sv="Ta bort anropet; det läser inte bara.",
            hint_en="Remove the call; it does more than read.",
        ),
        CoreCode(
            "RG-F03",
            "functions",
            Sqlstate.READ_ONLY,
            sv="Läsningen kör något med sidoeffekter",
            en="This read would run something with side effects",
            hint_sv="Läs de underliggande tabellerna i stället.",
            hint_en="Read the underlying tables instead.",
        ),
        CoreCode(
            "RG-F04",
            "functions",
            Sqlstate.READ_ONLY,
            sv="Okänd tabell, vy, typ eller operator",
            en="Unknown table, view, type or operator",
            hint_sv="Kontrollera namnet och schemat; det som är nytt i databasen blir känt inom kort.",
            hint_en="Check the name and its schema; what is new in the database is known after a moment.",
        ),
        CoreCode(
            "RG-T01",
            "readings",
            Sqlstate.UNSUPPORTED,
            sv="Satsen kan inte läsas av den andra nyckeln (sqlglot)",
            en="The statement cannot be read by the second key (sqlglot)",
            hint_sv="Skriv om satsen enklare, eller rapportera den som en felaktig nekning.",
            hint_en="Write the statement more plainly, or report it as a false denial.",
        ),
        CoreCode(
            "RG-T02",
            "readings",
            Sqlstate.SYNTAX,
            sv="Satsen kan inte läsas av PostgreSQL:s grammatik",
            en="The statement cannot be read by PostgreSQL's grammar",
            hint_sv="Rätta satsen vid den angivna positionen.",
            hint_en="Correct the statement at the position shown.",
        ),
        CoreCode(
            "RG-T03",
            "readings",
            Sqlstate.UNSUPPORTED,
            sv="De två läsningarna är oense",
            en="The two readings disagree",
            hint_sv="Skriv om satsen enklare, eller rapportera den som en felaktig nekning.",
            hint_en="Write the statement more plainly, or report it as a false denial.",
        ),
        CoreCode(
            "RG-T04",
            "readings",
            Sqlstate.TOO_COMPLEX,
            sv="Satsen är för stor eller för djup",
            en="The statement is too large or too deep",
            hint_sv="Dela upp satsen.",
            hint_en="Split the statement.",
        ),
        CoreCode(
            "RG-T05",
            "protocol",
            Sqlstate.UNSUPPORTED,
            sv="Protokollfunktionen stöds inte i läsläge",
            en="The protocol feature is not supported in read mode",
            hint_sv="Använd vanliga frågor eller förberedda satser.",
            hint_en="Use ordinary queries or prepared statements.",
        ),
        CoreCode(
            "RG-T06",
            "settings",
            Sqlstate.UNSUPPORTED,
            sv="Inställningen får inte ändras",
            en="The setting may not be changed",
            hint_sv="Ta bort inställningen ur satsen eller anslutningen.",
            hint_en="Remove the setting from the statement or the connection.",
        ),
        CoreCode(
            "RG-T07",
            "encoding",
            Sqlstate.UNSUPPORTED,
            sv="Teckenkodningen är inte säker",
            en="The encoding is not safe",
            hint_sv="Anslut med client_encoding=UTF8.",
            hint_en="Connect with client_encoding=UTF8.",
        ),
        CoreCode(
            "RG-A03",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="Anslutningen måste vara krypterad",
            en="The connection must be encrypted",
            hint_sv="Anslut med sslmode=require eller starkare.",
            hint_en="Connect with sslmode=require or stronger.",
        ),
        CoreCode(
            "RG-A02",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="Kanalbindning kan inte gå genom vakten",
            en="Channel binding cannot pass the guard",
            hint_sv="Anslut med channel_binding=disable.",
            hint_en="Connect with channel_binding=disable.",
        ),
        CoreCode(
            "RG-A04",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="Certifikatet hör inte till användaren",
            en="The certificate does not belong to the user",
            hint_sv="Logga in som den användare som certifikatet gäller, eller be den som äger vakten om en regel.",
            hint_en="Log in as the user the certificate was issued to, or ask the owner of the guard for a rule.",
        ),
        CoreCode(
            "RG-A05",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="Lösenordet skickas inte vidare i klartext",
            en="The password is not passed on in clear text",
            hint_sv="Anslut med sslmode=require eller starkare, och be driften kryptera vägen till servern.",
            hint_en="Connect with sslmode=require or stronger, and ask operations to encrypt the way to the server.",
        ),
        CoreCode(
            "RG-A06",
            "authentication",
            Sqlstate.NOT_PROVEN,
            sv="Inloggningen misslyckades",
            en="The login failed",
            hint_sv="Kontrollera användarnamn och lösenord.",
            hint_en="Check the user name and password.",
        ),
        CoreCode(
            "RG-A07",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="För många misslyckade inloggningar",
            en="Too many failed logins",
            hint_sv="Vänta och försök igen.",
            hint_en="Wait and try again.",
        ),
        CoreCode(
            "RG-A08",
            "authentication",
            Sqlstate.NOT_IDENTIFIED,
            sv="Ett klientcertifikat krävs",
            en="A client certificate is required",
            hint_sv="Anslut med ditt kort: sslcert och sslkey.",
            hint_en="Connect with your card: sslcert and sslkey.",
        ),
        CoreCode(
            "RG-SYS-001",
            "system",
            Sqlstate.CANNOT_NOW,
            sv="Policymotorn svarade inte",
            en="The policy engine gave no answer",
            hint_sv="Försök igen; kvarstår felet, ring driften.",
            hint_en="Try again; if it persists, call operations.",
        ),
        CoreCode(
            "RG-SYS-002",
            "system",
            Sqlstate.CANNOT_NOW,
            sv="Loggen kan inte skrivas, därför nekas allt",
            en="The log cannot be written, so everything is denied",
            hint_sv="Ring driften: loggens disk eller rättigheter.",
            hint_en="Call operations: the log's disk or permissions.",
        ),
        CoreCode(
            "RG-SYS-003",
            "system",
            Sqlstate.CANNOT_NOW,
            sv="Ett insticksprogram fallerade",
            en="A plugin failed",
            hint_sv="Ring driften; loggen namnger insticksprogrammet.",
            hint_en="Call operations; the log names the plugin.",
        ),
        CoreCode(
            "RG-SYS-004",
            "system",
            Sqlstate.CANNOT_NOW,
            sv="Vakten har för mycket att läsa just nu",
            en="The guard has too much to read just now",
            hint_sv="Försök igen om en stund.",
            hint_en="Try again in a moment.",
        ),
        CoreCode(
            "RG-SYS-005",
            "system",
            Sqlstate.CANNOT_NOW,
            sv="Policyn ställer ett villkor som inte kan uppfyllas",
            en="The policy sets a condition that cannot be met",
            hint_sv="Ring driften; policyn ska rättas.",
            hint_en="Call operations; the policy is to be corrected.",
        ),
    )
}


def is_write_lock(code: str) -> bool:
    """Whether the code is the core's own and so enforced in every mode (``enforce``, ``warn``, ``dry_run``)."""
    return code in CORE_CODES


def sqlstate_of(code: str) -> str:
    """The SQLSTATE a denial with this code carries: the core's own, or 42501 for a policy's."""
    known = CORE_CODES.get(code)
    return known.sqlstate if known is not None else Sqlstate.PRIVILEGE
