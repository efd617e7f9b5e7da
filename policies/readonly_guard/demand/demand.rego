# METADATA
# title: What the owner demands
# description: >-
#   Some rules rest on facts that a question may lack: whose record it is, which unit, when the row was made. How strict
#   such a rule is then is the owner's decision, in data.demands, one word a rule. never: the rule rests. known: it
#   denies where what is known speaks against the reading. always: it denies also where that cannot be known. A word
#   that is missing or another one counts as always.
# schemas:
#   - data.demands: schema.demands.schema
package readonly_guard.demand

# METADATA
# title: Whether a rule is to be asked
is_made(rule) if not _is_never(rule)

# METADATA
# title: Whether a rule denies also where it cannot know
is_strict(rule) if not _is_lenient(rule)

_is_never(rule) if data.demands[rule] == "never"

_is_lenient(rule) if data.demands[rule] in {"never", "known"}
