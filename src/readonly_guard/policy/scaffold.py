"""The files of a new rule: Rego, test and METADATA, in order from the first moment, for its author to fill in."""

from __future__ import annotations

import re
from typing import Final

from readonly_guard.errors import ConfigurationError
from readonly_guard.policy.annotations import annotations_of
from readonly_guard.policy.bundle import PolicySet
from readonly_guard.policy.port import STAGES

__all__ = ["new_rule"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,40}")
_CODE: Final = re.compile(r"RG-[A-Z][0-9]{2}")
_STATEMENT: Final = re.compile(r"S[0-9]{2}")
_STANDING: Final = STAGES[0].removeprefix("data.").rpartition(".")[0].replace(".", "/")
"""The package that asks a new rule: right for every rule. One about patients is faster where records asks it."""
_LAST_DENY: Final = re.compile(r"(?P<indent>[ \t]*)data\.readonly_guard\.\w+\.deny,\n(?=\}\))")

_RULE: Final = """\
# METADATA
# title: {title}
# description: What the rule is for, in a sentence or two.
# schemas:
#   - input: schema.input.schema
package readonly_guard.{name}

# METADATA
# title: What is demanded, as a person would say it
# custom:
#   code: {code}
#   statement: {statement}
deny contains {{
	"code": "{code}",
	"rule": "{name}",
	"sv": "Vad som är fel",
	"en": "What is wrong",
	"hint_sv": "Vad man kan göra.",
	"hint_en": "What one can do.",
}} if {{
	data.readonly_guard.question.opens_records
	_is_wrong
}}

# An example, to be replaced. This way an input that lacks the listener passes; where what is missing should deny,
# write instead what must hold, and deny where it does not: not _is_in_order.
_is_wrong if input.context.listener == "{name}"
"""

_TEST: Final = """\
package readonly_guard.{name}_test

import data.readonly_guard.testing

_denied(action, context) := codes if {{
	codes := testing.codes(data.readonly_guard.{name}.deny) with input as testing.question(action, context)
}}

test_what_is_in_order_is_not_denied if _denied("read", {{"listener": "default"}}) == set()

test_what_is_wrong_is_denied if _denied("read", {{"listener": "{name}"}}) == {{"{code}"}}

test_what_is_not_known_passes if _denied("read", {{}}) == set()

test_one_can_connect if {{
	every action in ["session", "catalog", "write"] {{
		_denied(action, {{"listener": "{name}"}}) == set()
	}}
}}
"""


def new_rule(policies: PolicySet, name: str, *, code: str, statement: str) -> dict[str, str]:
    """The files to write, by path below the policies: rule, test, and standing asking for it.

    Args:
        policies: those that the rule is added to.
        name: of folder, package and rule: small letters, digits, underscores.
        code: not used by another rule.
        statement: of the routine, ``S22``.

    Raises:
        ConfigurationError: the name, the code or the statement cannot be used, or standing has no place for the rule.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"the rule's name is {name!r}; write small letters, digits and underscores")
    if not _CODE.fullmatch(code):
        raise ConfigurationError(f"the code is {code!r}; write RG-, a capital letter and two digits: RG-K01")
    if not _STATEMENT.fullmatch(statement):
        raise ConfigurationError(f"the statement is {statement!r}; write S and two digits, as in docs/routine.md")
    modules = dict(policies.modules)
    taken = {note.code: path for path, text in modules.items() for note in annotations_of(path, text) if note.code}
    if code in taken:
        raise ConfigurationError(f"{code} is decided in {taken[code]} already; a code is never given another meaning")
    rule = f"readonly_guard/{name}/{name}.rego"
    if rule in modules:
        raise ConfigurationError(f"{rule} is there already; take another name")
    standing = f"{_STANDING}/standing.rego"
    line = rf"\g<0>\g<indent>data.readonly_guard.{name}.deny,\n"
    asking, found = _LAST_DENY.subn(line, modules.get(standing, ""), 1)
    if not found:
        raise ConfigurationError(
            f"{standing}: has no list of denials that ends in `…deny,` and `}})`; name a copy of the shipped policies"
        )
    words = {"name": name, "code": code, "statement": statement, "title": name.replace("_", " ").capitalize()}
    return {
        rule: _RULE.format_map(words),
        rule.replace(".rego", "_test.rego"): _TEST.format_map(words),
        standing: asking,
    }
