# METADATA
# title: Print
# description: Paper and copies leave the log behind, so print wants a reason of its own and leaves duties.
# schemas:
#   - input: schema.input.schema
#   - data.demands: schema.demands.schema
package readonly_guard.print

# METADATA
# title: Print only for medical need or at the patient's request
# custom:
#   code: RG-X01
#   statement: S23
#   source:
#     verbatim: Utskrifter är tillåtna endast vid medicinskt behov eller på patientens begäran.
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
# title: One patient per print
# description: >-
#   More than one person is named, or what is read is not limited to those named. The purposes that cover many patients
#   by nature (is_bulk, the archive's) are excepted.
# custom:
#   code: RG-X02
#   statement: S23
#   law: HSLF-FS 2016:40 4 kap. 9 §
deny contains {
	"code": "RG-X02",
	"rule": "print",
	"sv": "Utskriften får bara avse en patient",
	"en": "One patient per print",
	"hint_sv": "Namnge en patient i varje läst tabell och skriv ut en i taget.",
	"hint_en": "Name one patient in every table that is read, and print one at a time.",
} if {
	_is_print
	not data.demands.print == "never"
	not data.readonly_guard.standing.answer.is_bulk == true
	_is_of_many
}

# METADATA
# title: What is printed is marked and registered
# custom:
#   statement: S24
#   source:
#     verbatim: >-
#       Pappersutskrifter ska hanteras enligt riktlinjer för säker hantering och destruktions av känsliga dokument.
#     corrected: >-
#       Pappersutskrifter ska hanteras enligt riktlinjer för säker hantering och destruktion av känsliga dokument.
#     note: The source has "destruktions". The paper itself is out of this software's reach.
obligations contains obligation if {
	_is_print
	some obligation in ["watermark", "print_register"]
}

_is_of_many if {
	count(data.readonly_guard.facts.persons) > 1
}

_is_of_many if data.readonly_guard.question.is_unpinned

_is_of_many if {
	not data.demands.print in {"never", "known"}
	not data.readonly_guard.question.is_pinned
}

_is_print if input.action.name == "print"

_is_reasoned if input.context.print_reason in {"MEDICAL_NEED", "PATIENT_REQUEST"}
