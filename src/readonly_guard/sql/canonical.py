"""A text's tokens written again so plainly that any tokenizer reads them the same way.

Every exploit of sqlglot alone that a study of eighteen million cases found was lexical: nested comments, dollar tags,
odd white space. So the second key never sees the client's text. It sees this: PostgreSQL's tokens, one space between
them, no comments, every string a plain `'a'`, every odd identifier quoted, and what says nothing to it left out
(`readonly_guard.sql.shortening`). For analysis only; what is forwarded is the client's own text.

Beside it, the statement as the log keeps it: no literals, no comments, otherwise as typed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlglot.dialects.postgres import Postgres

from readonly_guard.sql.libpg_query import KEYWORDS, Tokens
from readonly_guard.sql.respelling import respell
from readonly_guard.sql.scan import Scanned
from readonly_guard.sql.shortening import (
    CONDITION_STARTS,
    OPERANDS,
    behind_cast,
    behind_columns,
    behind_comparison,
    end_of_constants,
)

__all__ = ["canonical_text", "log_text"]


_UNRESERVED: Final = 1
_COLUMN_NAME: Final = 2
_RESERVED: Final = 4

_NUMBER: Final = "1"
_STRING: Final = "'a'"  # a word, so that it is also a JSON path, which sqlglot reads
_PREFIX_OPERATOR: Final = "~"
_INFIX_OPERATOR: Final = "||"

# Operators that sqlglot's PostgreSQL dialect reads; any other stands as || (same precedence) or, in front, as ~.
_KNOWN_OPERATORS: Final = frozenset(
    """
    ~ ~* !~ !~* ~~ ~~* !~~ !~~* || -> ->> #> #>> @> <@ && ? ?| ?& & | # << >>
    """.split()
)
# After these an operator is infix; after anything else it stands in front of its operand. Words that are not reserved
# can be columns, and so operands, too.
_OPERAND_ENDS: Final = frozenset(
    """
    IDENT UIDENT SCONST USCONST ICONST FCONST BCONST XCONST PARAM ASCII_41 ASCII_93 NULL_P TRUE_P FALSE_P END_P
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP CURRENT_USER CURRENT_ROLE SESSION_USER
    USER CURRENT_CATALOG CURRENT_SCHEMA
    """.split()
) | {word for word, keyword in KEYWORDS.items() if keyword in {_UNRESERVED, _COLUMN_NAME}}
_NUMBERS: Final = frozenset({"ICONST", "FCONST"})
_LITERALS: Final = _NUMBERS | {"SCONST", "USCONST", "BCONST", "XCONST"}
_COMPARISONS: Final = frozenset({"Op", "ASCII_60", "ASCII_62"})
_STARTING: Final = frozenset({"ALTER", "DROP", "INSERT", "REVOKE", "ROLLBACK"})  # and names anywhere else
_ODD_KEYWORDS: Final = _STARTING | {"OPERATOR", "TABLE", "USING"}
# signs that no rule below is about: some half of all tokens
_SIGNS: Final = frozenset({"ASCII_40", "ASCII_41", "ASCII_44", "ASCII_46", "ASCII_61", "ASCII_59"})
_SIGNS_WITH_CASTS: Final = _SIGNS | {"TYPECAST"}
_LISTS: Final = {("IN_P", "ASCII_40"): "ASCII_41", ("ARRAY", "ASCII_91"): "ASCII_93"}
"""How a list begins, and what closes it."""
_OPENING: Final = frozenset({"ASCII_40", "ASCII_91"})
_SUBSCRIPTS: Final = frozenset({"ASCII_91", "ASCII_46"})
_NAMES: Final = frozenset(KEYWORDS) | {"IDENT", "UIDENT"}
_CONNECTIVES: Final = frozenset({"AND", "OR"})
_STATEMENT_STARTS: Final = frozenset({"", "ASCII_59"})
_SET_TO: Final = frozenset({"ASCII_61", "TO"})
_TYPE_FOLLOWS: Final = frozenset({"TYPECAST", "TABLESAMPLE"})
_QUERY_STARTS: Final = frozenset({"SELECT", "TABLE", "WITH"})
_LONGEST_REMEMBERED: Final = 128
"""Letters of an identifier; to PostgreSQL a longer one is another, of 63."""

_TYPES_OF_SQLGLOT: Final = {
    word
    for word, kind in Postgres.Tokenizer.KEYWORDS.items()
    if kind in Postgres.Parser.TYPE_TOKENS and kind not in Postgres.Parser.NESTED_TYPE_TOKENS
}
# Words that sqlglot takes for keywords and PostgreSQL does not, such as QUALIFY or PIVOT: quoted, they are names.
_KEYWORDS_OF_SQLGLOT: Final = frozenset(
    word.lower() for word in Postgres.Tokenizer.KEYWORDS if word.isidentifier() and word not in _TYPES_OF_SQLGLOT
)
# Unreserved PostgreSQL keywords that are syntax, not a name, when a parenthesis follows.
_SYNTAX_BEFORE_PAREN: Final = frozenset(
    """
    over filter rollup cube sets materialized system repeatable explain copy recursive within columns path passing
    keep omit conditional returning prepare lock table partition range rows groups by format search cycle
    """.split()
)  # fmt: skip


def canonical_text(scanned: Scanned, *, is_whole: bool = False) -> str:  # noqa: PLR0915  calls cost on this path
    """The tokens written again for the second key.

    Args:
        scanned: the text.
        is_whole: keep what stands before the last part of a name, and casts, constants, comparisons and columns that
            say nothing to the keys: they compare the last parts of relations' names, and without the rest sqlglot takes
            half the time for what clients send.
    """
    kinds = scanned.tokens.kinds
    plain = list(scanned.words)
    # a border on both sides spares every rule a question about the ends
    bordered = ["", *kinds, "", "", ""]
    respelled = respell(kinds)
    is_short = not (is_whole or respelled)
    behind_skipped = behind_condition = 0
    # half of all tokens are signs that stand as they are written
    signs = _SIGNS_WITH_CASTS if is_whole else _SIGNS
    looked_at = range(len(kinds)) if respelled else [at for at, kind in enumerate(kinds) if kind not in signs]
    for index in looked_at:
        if index < behind_skipped:
            continue
        kind, before, after = kinds[index], bordered[index], bordered[index + 2]
        skip = 0
        if index in respelled:
            plain[index] = respelled[index]
        elif (
            is_short
            and kind in OPERANDS
            and (before in CONDITION_STARTS or (before == "ASCII_40" and bordered[index - 1] in CONDITION_STARTS))
            and (end := behind_comparison(bordered, index + 1) - 1) > 0
        ):
            plain[index], skip = _NUMBER, end - index - 1
            if before in _CONNECTIVES and behind_condition == index - 1:
                plain[index - 1] = plain[index] = ""  # one that holds, or not, is as good as many
            behind_condition = end
        elif kind == "IDENT" and before == "SELECT" and is_short and (end := _behind_columns(bordered, index)):
            plain[index], skip = "", end - index - 1
        elif kind == "IDENT":
            word = plain[index]
            is_part = before == "ASCII_46" and not (is_whole or plain[index - 1])
            if after == "ASCII_46" and not is_whole and bordered[index + 3] in _NAMES:
                plain[index] = plain[index + 1] = ""
            elif after == "SCONST" and (before != "ASCII_46" or is_part):
                plain[index] = ""  # a typed constant, box '…': the type says nothing here
            elif word[0] != '"':
                is_call = after == "ASCII_40" and before not in _TYPE_FOLLOWS
                # a type in quotes is a user's to sqlglot, which then takes twice the time
                is_type = is_part and bordered[index - 2] == "TYPECAST"
                plain[index] = _identifier(word, is_call or (is_part and not is_type))
        elif keyword := KEYWORDS.get(kind, 0):
            if (
                after in _OPENING
                and not is_whole
                and (closing := _LISTS.get((kind, after)))
                and (end := end_of_constants(bordered, index + 3, closing))
            ):
                behind_skipped = end - 1
                plain[index + 2 : behind_skipped] = [_NUMBER, *[""] * (end - index - 4)]  # one is as good as many
                if kind == "ARRAY" and before == "ASCII_40" and bordered[end + 1] not in _SUBSCRIPTS:
                    plain[index] = plain[index + 1] = plain[behind_skipped] = ""  # = ANY (ARRAY[…])
            elif (
                after == "ASCII_40"
                or before == "ASCII_46"
                or kind in _ODD_KEYWORDS
                or (before == "AS" and keyword == _RESERVED)
            ):
                plain[index], skip = _keyword(scanned, index, before, after)
        elif kind in _LITERALS:
            if kind not in _NUMBERS:
                plain[index] = _STRING
            skip = 2 if after == "UESCAPE" else 0
        elif kind == "PARAM":
            # sqlglot reads no number behind ESCAPE, nor one alone in json_object(…)
            is_number = before != "ESCAPE" and bordered[index - 1] != "JSON_OBJECT" and after not in _SUBSCRIPTS
            if is_number and not is_whole:
                plain[index] = _NUMBER
        elif kind == "TYPECAST":
            if not is_whole and (end := behind_cast(bordered, index + 1)):
                plain[index], skip = "", end - 2 - index
        elif kind == "UIDENT":
            plain[index] = '"u"'
            skip = 2 if after == "UESCAPE" else 0
        elif kind == "Op":
            infix = before in _OPERAND_ENDS
            plain[index] = _operator(plain[index], infix=infix)
        elif kind == "ASCII_91" and after == "ASCII_93" and before != "ARRAY":
            plain[index], skip = "", 1  # int[]: an array type; that it is an array says nothing here
        if skip:
            behind_skipped = index + 1 + skip
            plain[index + 1 : behind_skipped] = [""] * skip
    return " ".join(filter(None, plain))


def _keyword(scanned: Scanned, index: int, before: str, after: str) -> tuple[str, int]:
    """A keyword that is odd or stands beside a parenthesis or dot, and how many tokens behind it are left out."""
    tokens, words = scanned.tokens, scanned.words
    kind, word = tokens.kinds[index], words[index]
    if before == "ASCII_46":
        return _identifier(word, True), 0  # after a dot even a reserved word is a name
    if before == "AS" and KEYWORDS[kind] == _RESERVED and _is_label(kind, after, tokens):
        return _identifier(word, True), 0
    if kind in _STARTING and before not in _STATEMENT_STARTS:
        return _identifier(word, True), 0
    if kind == "OPERATOR" and after == "ASCII_40" and (closing := _operator_end(tokens, index)):
        return _operator(words[closing - 1], infix=True), closing - index
    if kind == "TABLE" and before != "LOCK_P":
        return "SELECT * FROM", 0  # TABLE t is short for it, and sqlglot reads only the long form
    if kind == "USING" and after in _COMPARISONS:
        return "", 1  # ORDER BY … USING <
    if kind == "USING" and after == "OPERATOR":
        return "", max(0, _operator_end(tokens, index + 1) - index)  # … USING OPERATOR(s.<)
    if kind == "JSON" and after == "ASCII_40":
        return '"json"', 0  # as a type name sqlglot takes twice the time for each one inside another
    is_name = KEYWORDS[kind] == _UNRESERVED and word.lower() not in _SYNTAX_BEFORE_PAREN
    return (_identifier(word, True) if is_name and after == "ASCII_40" else word), 0


def _is_label(kind: str, after: str, tokens: Tokens) -> bool:
    """Whether a reserved word behind AS is a column's label, as any word may be."""
    if kind in _QUERY_STARTS and "PREPARE" in tokens.kinds:
        return False  # PREPARE p AS SELECT …
    return not (kind == "NOT" and after == "MATERIALIZED")


def log_text(scanned: Scanned) -> str:
    """The statement as the log keeps it: as typed, but literals as ``?`` and no comments."""
    kinds, words = scanned.tokens.kinds, scanned.words
    if "SET" not in kinds:
        if _LITERALS.isdisjoint(kinds):
            return " ".join(words)
        return " ".join(["?" if kind in _LITERALS else word for kind, word in zip(kinds, words, strict=True)])
    kept: list[str] = []
    before = ""
    value_of_set: bool | None = None  # None: not a SET; True: behind its = or TO
    for kind, word in zip(kinds, words, strict=True):
        if before in _STATEMENT_STARTS:
            value_of_set = False if kind == "SET" else None
        elif value_of_set is False and kind in _SET_TO:
            value_of_set = True
        # SET work_mem = word: what stands there is a value, with quotes or without
        is_value = kind in _LITERALS or (value_of_set and kind == "IDENT")
        kept.append("?" if is_value else word)
        before = kind
    return " ".join(kept)


def _identifier(word: str, must_quote: bool) -> str:  # noqa: FBT001  a keyword argument costs on this path
    """An unquoted identifier, folded as PostgreSQL folds it (ASCII only) and quoted when anything is odd about it."""
    return _remembered(word, must_quote) if len(word) <= _LONGEST_REMEMBERED else _folded(word, must_quote)


def _folded(word: str, must_quote: bool) -> str:  # noqa: FBT001  as above
    folded = "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in word)
    if must_quote or not word.isascii() or "$" in word or folded in _KEYWORDS_OF_SQLGLOT:
        return f'"{folded}"'
    return folded


_remembered: Final = lru_cache(maxsize=8_192)(_folded)


def _behind_columns(bordered: list[str], index: int) -> int:
    """Where the first of a query's columns stands that has to; 0 where it is the one at ``index``."""
    if bordered[index - 1] == "ASCII_46":
        return 0  # t.select
    end = behind_columns(bordered, index + 1) - 1
    return end if end > index else 0


def _operator(word: str, *, infix: bool) -> str:
    if not infix:
        return word if word in {"~", "-", "+"} else _PREFIX_OPERATOR
    return word if word in _KNOWN_OPERATORS else _INFIX_OPERATOR


def _operator_end(tokens: Tokens, index: int) -> int:
    """Where ``OPERATOR ( schema . op )`` closes, or 0 when it is not that."""
    for offset in range(index + 2, min(index + 12, len(tokens.kinds))):
        if tokens.kinds[offset] == "ASCII_41":
            return offset
    return 0
