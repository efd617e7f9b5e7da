# METADATA
# title: Print
# description: Paper and copies leave the log behind, so print wants a reason of its own and leaves duties.
# schemas:
#   - input: schema.input.schema
package readonly_guard.print

# METADATA
# title: Print only for medical need or at the patient's request
# custom:
#   code: RG-X01
#   statement: S23
#   verbatim: Utskrifter är tillåtna endast vid medicinskt behov eller på patientens begäran.
deny contains {
	"code": "RG-X01",
	"rule": "print",
	"sv": "Utskrift endast vid medicinskt behov eller på patientens begäran",
	"en": "Print only for medical need or at the patient's request",
	"hint_sv": "Ange skälet: SET readonly_guard.print_reason = 'MEDICAL_NEED' eller 'PATIENT_REQUEST'.",
	"hint_en": "Declare the reason: SET readonly_guard.print_reason = 'MEDICAL_NEED' or 'PATIENT_REQUEST'.",
} if {
	_is_print
	not _is_reasoned
}

# METADATA
# title: What is printed is marked and registered
# custom:
#   statement: S24
#   verbatim: >-
#     Pappersutskrifter ska hanteras enligt riktlinjer för säker hantering och destruktions av känsliga dokument.
#   corrected: >-
#     Pappersutskrifter ska hanteras enligt riktlinjer för säker hantering och destruktion av känsliga dokument.
#   note: The source has "destruktions". The paper itself is out of this software's reach.
obligations contains obligation if {
	_is_print
	some obligation in ["watermark", "print_register"]
}

_is_print if input.action.name == "print"

_is_reasoned if input.context.print_reason in {"MEDICAL_NEED", "PATIENT_REQUEST"}
