"""SQL that sqlglot does not read, in a spelling that it does: for the canonical text only.

PostgreSQL's grammar has read the client's own text; what is respelled or left out here can hide nothing from it. Every
rule keeps the expressions and drops words that only say how they are combined (`xmlparse(DOCUMENT x)`, `IS JSON`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["respell"]

_Words = dict[int, str]
_Rule = Callable[[list[str], int, _Words], None]


def respell(kinds: Sequence[str]) -> _Words:
    """Which tokens stand otherwise in the canonical text: by index, the new word, empty to leave it out."""
    words: _Words = {}
    if _RULES.keys().isdisjoint(kinds):
        return words
    bordered = [*kinds, "", "", ""]  # so that a rule may look ahead
    for index, kind in enumerate(kinds):
        rule = _RULES.get(kind)
        if rule is not None and index not in words:
            rule(bordered, index, words)
    return words


def _closing(kinds: list[str], at: int) -> int:
    depth = 0
    for index in range(at, len(kinds)):
        if kinds[index] == "ASCII_40":
            depth += 1
        elif kinds[index] == "ASCII_41":
            depth -= 1
            if depth == 0:
                return index
    return len(kinds) - 3


def _alias_of_using(kinds: list[str], at: int, words: _Words) -> None:
    """``JOIN … USING (i) AS x``: x names the merged columns."""
    if kinds[at + 1] == "ASCII_40" and kinds[(close := _closing(kinds, at + 1)) + 1] == "AS":
        words[close + 1] = words[close + 2] = ""


def _is_json(kinds: list[str], at: int, words: _Words) -> None:
    """``IS [NOT] JSON [OBJECT] [WITH UNIQUE KEYS]`` stands as ``IS [NOT] NULL``."""
    if not _follows_is(kinds, at):
        return
    words[at] = "NULL"
    at += 1
    if kinds[at] in {"VALUE_P", "ARRAY", "OBJECT_P", "SCALAR"}:
        words[at] = ""
        at += 1
    if kinds[at] in {"WITH", "WITHOUT"} and kinds[at + 1] == "UNIQUE":
        words[at] = words[at + 1] = ""
        if kinds[at + 2] == "KEYS":
            words[at + 2] = ""


def _is_normalized(kinds: list[str], at: int, words: _Words) -> None:
    """``IS [NOT] [NFC] NORMALIZED`` stands as ``IS [NOT] NULL``."""
    if _follows_is(kinds, at):
        words[at] = "NULL"
    elif kinds[at - 1] in {"NFC", "NFD", "NFKC", "NFKD"} and _follows_is(kinds, at - 1):
        words[at - 1], words[at] = "NULL", ""


def _follows_is(kinds: list[str], at: int) -> bool:
    return kinds[at - 1] == "IS" or (kinds[at - 1] == "NOT" and kinds[at - 2] == "IS")


def _similar(kinds: list[str], at: int, words: _Words) -> None:
    """``SUBSTRING(a SIMILAR b ESCAPE c)`` has three arguments; ``a SIMILAR TO b`` is an operator, and read."""
    if kinds[at + 1] == "TO":
        return
    words[at] = ","
    for index in range(at, len(kinds)):
        if kinds[index] == "ESCAPE":
            words[index] = ","
            return


def _xml(name: str) -> _Rule:
    replaced = {
        "DOCUMENT_P": "", "CONTENT_P": "", "NAME_P": "", "VERSION_P": "", "STANDALONE_P": "", "YES_P": "NULL",
        "INDENT": "", "BY": "", "REF_P": "", "PASSING": ",",
    }  # fmt: skip

    def rule(kinds: list[str], at: int, words: _Words) -> None:
        if kinds[at + 1] != "ASCII_40":
            return
        words[at] = f'"{name}"'
        depth = 0
        for index in range(at + 1, _closing(kinds, at + 1)):
            kind = kinds[index]
            depth += (kind == "ASCII_40") - (kind == "ASCII_41")
            if depth != 1 or index in words:
                continue
            if kind == "NO":  # NO VALUE is a value, NO INDENT is none
                words[index], words[index + 1] = ("NULL" if kinds[index + 1] != "INDENT" else ""), ""
            elif kind == "AS":
                words[index] = "::"
            elif kind in replaced:
                words[index] = replaced[kind]

    return rule


def _json_array(kinds: list[str], at: int, words: _Words) -> None:
    """``JSON_ARRAY(a, b NULL ON NULL RETURNING jsonb)`` is a call of its values."""
    if kinds[at + 1] != "ASCII_40":
        return
    words[at] = '"json_array"'
    depth = 0
    close = _closing(kinds, at + 1)
    for index in range(at + 1, close):
        kind = kinds[index]
        depth += (kind == "ASCII_40") - (kind == "ASCII_41")
        if depth == 1 and kind in {"NULL_P", "ABSENT"} and kinds[index + 1 : index + 3] == ["ON", "NULL_P"]:
            words[index] = words[index + 1] = words[index + 2] = ""
        elif depth == 1 and kind == "RETURNING":
            words.update(dict.fromkeys(range(index, close), ""))
            return


def _search(kinds: list[str], at: int, words: _Words) -> None:
    """``SEARCH DEPTH FIRST BY a SET b`` behind a recursive query."""
    if kinds[at - 1] == "ASCII_41" and kinds[at + 1] in {"DEPTH", "BREADTH"}:
        _leave_out(kinds, at, "SET", words)


def _cycle(kinds: list[str], at: int, words: _Words) -> None:
    """``CYCLE a SET b USING c`` behind a recursive query or its SEARCH."""
    if kinds[at - 1] == "ASCII_41" or at - 1 in words:
        _leave_out(kinds, at, "USING", words)


def _leave_out(kinds: list[str], at: int, last: str, words: _Words) -> None:
    """Leave out everything up to ``last`` and the name behind it."""
    if last in kinds[at:]:
        words.update(dict.fromkeys(range(at, kinds.index(last, at) + 2), ""))


_RULES: Final[dict[str, _Rule]] = {
    "USING": _alias_of_using,
    "JSON": _is_json,
    "JSON_ARRAY": _json_array,
    "NORMALIZED": _is_normalized,
    "SIMILAR": _similar,
    "XMLPARSE": _xml("xmlparse"),
    "XMLSERIALIZE": _xml("xmlserialize"),
    "XMLPI": _xml("xmlpi"),
    "XMLROOT": _xml("xmlroot"),
    "XMLEXISTS": _xml("xmlexists"),
    "SEARCH": _search,
    "CYCLE": _cycle,
}
