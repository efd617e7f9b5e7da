"""What the review's own words are called in Swedish and English: states, grounds, verdicts, and reason codes."""

from __future__ import annotations

from typing import Final

from readonly_guard.codes import CORE_CODES

__all__ = ["WORDS", "explain_code", "word"]

WORDS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "state": {
        "new": ("ny", "new"),
        "assigned": ("tilldelad", "assigned"),
        "under_review": ("under granskning", "under review"),
        "without_remark": ("utan anmärkning", "without remark"),
        "explanation_asked": ("förklaring begärd", "explanation asked"),
        "justified": ("befogad", "justified"),
        "with_remark": ("med anmärkning", "with remark"),
        "escalated": ("eskalerad", "escalated"),
        "acted": ("åtgärdad", "acted on"),
        "closed": ("avslutad", "closed"),
    },
    "step": {
        "assign": ("tilldelades", "assigned"),
        "begin": ("öppnades för granskning", "opened for review"),
        "clear": ("utan anmärkning", "without remark"),
        "ask": ("förklaring begärdes", "explanation asked for"),
        "justify": ("befogad", "justified"),
        "remark": ("anmärkning", "remark"),
        "escalate": ("eskalerades", "escalated"),
        "act": ("åtgärdades", "acted on"),
        "reconsider": ("omprövas", "reconsidered"),
        "close": ("avslutades", "closed"),
    },
    "ground": {
        "emergency": ("nödöppning", "emergency access"),
        "print": ("utskrift", "print"),
        "write": ("nekat skrivförsök", "denied write"),
        "flag": ("flaggad", "flagged"),
        "sample": ("slumpurval", "random sample"),
    },
    "grounds": {
        "emergency": ("nödöppningar", "emergency accesses"),
        "print": ("utskrifter", "prints"),
        "write": ("nekade skrivförsök", "denied writes"),
        "flag": ("flaggade", "flagged"),
        "sample": ("i slumpurvalet", "in the random sample"),
    },
    "status": {
        "signed": ("undertecknat", "signed"),
        "overdue": ("förfallet", "overdue"),
        "ready": ("klart att underteckna", "ready to sign"),
        "open": ("pågår", "in progress"),
        "missing": ("inte utvalt", "not selected"),
    },
    "activity": {
        "Läsa": ("Läsa", "Read"),
        "Sök": ("Sök", "Search"),
        "Utskrift": ("Utskrift", "Print"),
        "Skrivning": ("Skrivning", "Write"),
        "Nödöppning": ("Nödöppning", "Emergency access"),
        "Nekad": ("Nekad", "Denied"),
        "Nekad läsning": ("Nekad läsning", "Denied read"),
        "Nekad sökning": ("Nekad sökning", "Denied search"),
        "Nekad utskrift": ("Nekad utskrift", "Denied print"),
        "Nekad skrivning": ("Nekad skrivning", "Denied write"),
        "Nekad: Nödöppning": ("Nekad: Nödöppning", "Denied: emergency access"),
    },
    "verdict": {"allow": ("Tillåten", "Allowed"), "deny": ("Nekad", "Denied")},
    "print_reason": {
        "MEDICAL_NEED": ("medicinskt behov", "medical need"),
        "PATIENT_REQUEST": ("patientens begäran", "patient's request"),
    },
}
"""By kind and word: Swedish, English."""

# the policy's codes; their rules in policies/readonly_guard hold the messages that users see
_POLICY_CODES: Final = {
    "RG-A01": ("Stark autentisering krävs", "Strong authentication required"),
    "RG-R01": ("Saknar behörighet till läsläge", "No authorisation for read mode"),
    "RG-R02": ("Nya medarbetare ges inte behörighet", "New staff are not admitted"),
    "RG-R90": ("Har inte bekräftat rutinen", "Has not acknowledged the routine"),
    "RG-U01": ("Enheten ingår inte i södra området", "Unit not in the southern area"),
    "RG-U02": ("Uppgifterna tillhör annan vårdgivare", "Data belong to another care provider"),
    "RG-P01": ("Ändamål saknas", "Purpose missing"),
    "RG-P02": ("Ändamålet är inte tillåtet i läsläge", "Purpose not allowed in read mode"),
    "RG-P03": ("Ändamålet stöds inte av uppdraget", "Not covered by the commission"),
    "RG-P04": ("Ärendenummer saknas", "Case reference missing"),
    "RG-L01": ("Vårdrelation saknas", "No care relationship"),
    "RG-L02": ("Egen journal", "Own record"),
    "RG-B01": ("Det finns spärrade uppgifter", "Blocked information exists"),
    "RG-S01": ("Utanför 12–20 november 2024", "Outside 12–20 November 2024"),
    "RG-S02": ("Tidpunkt för uppgiften saknas", "Creation time unknown"),
    "RG-Q01": ("Sökningen är för bred", "Search too broad"),
    "RG-X01": ("Utskrift utan giltig orsak", "Print without a valid reason"),
    "RG-X02": ("Utskriften avser flera patienter", "The print covers more than one patient"),
    "RG-N90": ("NPÖ är förstahandsval", "NPÖ is the first choice"),
    "RG-V01": ("Rutinen gäller ännu inte", "The routine is not yet in force"),
    "RG-V02": ("Rutinen har löpt ut", "The routine has expired"),
    "RG-V03": ("Informationen är arkiverad", "The information is archived"),
    "RG-V90": ("Rutinen löper snart ut", "The routine expires soon"),
    "RG-G01": ("Nödöppning utan motivering", "Emergency access without justification"),
}


def word(kind: str, name: str, language: str) -> str:
    """What a word is called; the word itself when it is not known."""
    return WORDS[kind].get(name, (name, name))[language != "sv"]


def explain_code(code: str, language: str) -> str:
    """What a reason code means, in a few words; empty for a code of another policy."""
    if code in CORE_CODES:
        return CORE_CODES[code].sv if language == "sv" else CORE_CODES[code].en
    return _POLICY_CODES.get(code, ("", ""))[language != "sv"]
