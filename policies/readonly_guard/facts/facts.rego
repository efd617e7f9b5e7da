# METADATA
# title: Facts
# description: >-
#   What is known about the asker, the unit and the patients, wherever it comes from. An information point (a
#   gather_context plugin) puts what it looked up into context.facts, and that is then all there is on that subject;
#   without it the data documents are asked. What neither knows is undefined. Decides nothing.
# schemas:
#   - input: schema.input.schema
#   - data.roster: schema.roster.schema
#   - data.units: schema.units.schema
#   - data.patients: schema.patients.schema
#   - data.relations: schema.relations.schema
#   - data.blocks: schema.blocks.schema
package readonly_guard.facts

# METADATA
# title: The asker's entry in the roster
# description: Null from an information point is a person that it does not know.
user := input.context.facts.user if {
	is_object(input.context.facts.user)
} else := data.roster.users[input.subject.id] if {
	not _is_user_given
}

# METADATA
# title: The care unit of the asker's commission
unit := input.context.facts.unit if {
	is_object(input.context.facts.unit)
} else := data.units[user.care_unit] if {
	not _is_unit_given
}

# METADATA
# title: The care provider (vårdgivare) that the asker's unit belongs to
provider := unit.provider

# METADATA
# title: What is known of a patient key
# description: The person it stands for, the providers whose records are there, and to which of them consent is given.
patient(key) := data.patients[key] if {
	not input.context.facts.patients
} else := input.context.facts.patients[key]

# METADATA
# title: Who has a care relation to a patient, by user
# description: Undefined where nothing is known of the patient; an empty object where it is known that nobody has.
relations_of(key) := data.relations[key] if {
	not input.context.facts.relations
} else := input.context.facts.relations[key]

# METADATA
# title: What is blocked in a patient's records
blocks_of(key) := data.blocks[key] if {
	not input.context.facts.blocks
} else := input.context.facts.blocks[key]

# METADATA
# title: The persons that the statement names
# description: An encounter or an alias stands for a person; a key of which nothing is known stands for itself.
persons contains person if {
	some key in data.readonly_guard.question.patients
	person := patient(key).person
	is_string(person)
}

persons contains key if {
	some key in data.readonly_guard.question.patients
	not _stands_for(key)
}

_stands_for(key) if patient(key).person

_is_user_given if type_name(input.context.facts.user)

_is_unit_given if type_name(input.context.facts.unit)
