# METADATA
# title: Read mode
# description: >-
#   Searching, reading and printing exist, with what it takes to connect and to look up the database's own catalog.
#   Everything else is the write lock's to refuse, in Python and in every mode, with a code for each of the five things
#   that the routine forbids (RG-W01 to RG-W05): no rule here can let a write through, whatever else it says.
# schemas:
#   - input: schema.input.schema
# custom:
#   statement: S03, S04, S05, S21, S25
#   source:
#     verbatim: Ingen dokumentation, ändring, signering, tillägg eller borttag av information är tillåten.
package readonly_guard.readmode

# METADATA
# title: Whether the action exists in read mode
is_action if input.action.name in {"read", "search", "print", "catalog", "session"}
