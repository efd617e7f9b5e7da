"""What one object runs when it is read, by itself: its faults, and its edges to other objects.

A function whose body was not resolved when it was made means something else on another search path: a node is an
object in a context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from readonly_guard.catalog.bodies import Body, read_expressions, read_query, read_statements
from readonly_guard.catalog.extensions import KnownExtensions
from readonly_guard.catalog.meaning import Fault, meanings
from readonly_guard.catalog.names import Context, Names
from readonly_guard.catalog.objects import RELATION_WORDS, Objects
from readonly_guard.catalog.plpgsql import read_plpgsql
from readonly_guard.catalog.snapshot import Cast, Expression, Function, Operator, OperatorClass, Ref, Relation, Type
from readonly_guard.domain import DECLARED_PREFIX, Name, SettingChange, split_identifiers
from readonly_guard.settings import CatalogSettings, ReadingSettings
from readonly_guard.sql.functions import is_support_function, judge_function
from readonly_guard.sql.session_settings import judge_setting

__all__ = ["Node", "Outcome", "Outcomes"]

_RUNS_OTHER_TYPES: Final = frozenset(
    "domain_in domain_recv record_in record_recv array_in array_recv range_in range_recv multirange_in"
    " multirange_recv".split()
)
"""Input functions that run what a type given by its oid has: a domain's CHECK."""

_SYSTEM: Final = Context(("pg_catalog",), "")

_MOST_CONTEXTS: Final = 512


class Node(NamedTuple):
    """An object in a context."""

    ref: Ref
    context: Context


class Edge(NamedTuple):
    """What a node runs, and through what of it."""

    via: str
    target: Node


class Outcome:
    """A node by itself: its faults, what it runs, and whether it opens or closes cursors for all that is known."""

    __slots__ = ("edges", "faults", "moves_cursors")

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.edges: list[Edge] = []
        self.moves_cursors = False


class Outcomes:
    """Looks at objects one by one; what was found is remembered.

    Args:
        objects: the catalog's.
        rules: of the readings.
        settings: extensions known to the owner, and objects that are allowed by name.
    """

    def __init__(self, objects: Objects, rules: ReadingSettings, settings: CatalogSettings) -> None:
        self.objects = objects
        self.extensions = KnownExtensions(objects.versions, settings.extensions)
        self._rules = rules
        self._allowed = frozenset(one.object for one in settings.allow)
        self._names: dict[Context, Names] = {}
        self._known: dict[Node, Outcome] = {}
        self._bodies: dict[tuple[object, str], Body] = {}

    def __len__(self) -> int:
        """Of how many nodes it is remembered what was found."""
        return len(self._known)

    def forget(self) -> None:
        """Remember of no node what was found; what bodies were read as stays."""
        self._known.clear()

    def names(self, context: Context) -> Names:
        """Resolves names in a context."""
        known = self._names.get(context)
        if known is None:
            if len(self._names) >= _MOST_CONTEXTS:
                self._names.clear()
            known = self._names[context] = Names(self.objects, context)
        return known

    def of(self, node: Node) -> Outcome:
        """A node's faults, and what it runs; nothing of either where an owner allows it by name."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = Outcome()
            if not self._is_allowed(node.ref):
                self._look(node, known)
        return known

    def beneath(self, node: Node) -> Outcome:
        """As :meth:`of`, whether or not an owner allows it."""
        if not self._is_allowed(node.ref):
            return self.of(node)
        self._look(node, found := Outcome())
        return found

    def _is_allowed(self, ref: Ref) -> bool:
        one = self.objects.by_ref.get(ref)
        if isinstance(one, Relation):
            return f"relation {one.schema}.{one.name}" in self._allowed
        if isinstance(one, Function):
            name = f"function {one.schema}.{one.name}"
            return name in self._allowed or f"{name}({one.signature})" in self._allowed
        return False

    def _look(self, node: Node, found: Outcome) -> None:
        context = node.context
        match self.objects.by_ref.get(node.ref):
            case Relation() as one:
                self._relation(one, context, found)
            case Function() as one:
                self._function(one, context, found)
            case Operator() | Cast() as one:
                self._calls(one.calls, found)
                self._uses("", one.uses, context, found)
            case Type() as one:
                self._type(one, context, found)
            case OperatorClass() as one:
                self._calls((name for name in one.calls if not is_support_function(name)), found)
                self._uses("", one.uses, context, found)
            case _:
                found.faults.append(Fault("RG-F04", "it is not in the catalog that the guard knows"))

    def _relation(self, one: Relation, context: Context, found: Outcome) -> None:
        if one.kind not in RELATION_WORDS:
            found.faults.append(Fault("RG-F03", f"a relation of the kind {one.kind}"))
        if one.kind == "f":
            found.faults.append(Fault("RG-F03", "a foreign table: reading it makes another server or program act"))
        self._uses("partition", [Ref("relation", child) for child in one.children], context, found)
        for name, oid in one.columns:
            self._type_of(f"column {name}", oid, context, found)
        if (row := self.objects.types.get((one.schema, one.name))) is not None:
            self._type_of("row", row.oid, context, found)
        for expression in one.runs:
            self._expression(expression, context, found)

    def _type(self, one: Type, context: Context, found: Outcome) -> None:
        for part in (*one.parts, *self.objects.made_of.get(one.oid, ())):
            self._type_of("", part, context, found)
        for expression in one.runs:
            self._expression(expression, context, found)
        self._uses("", one.uses, context, found)
        self._uses("", [Ref("cast", cast.oid) for cast in self.objects.casts_of.get(one.oid, ())], context, found)
        classes = self.objects.classes_of.get(one.oid, ())
        self._uses("", [Ref("operator class", a_class.oid) for a_class in classes], context, found)

    def _function(self, one: Function, context: Context, found: Outcome) -> None:
        faults = found.faults
        if one.kind == "p":
            faults.append(Fault("RG-F02", "a procedure"))
        is_known = self.extensions.knows(one)
        if one.volatility == "v" and not is_known:
            faults.append(Fault("RG-F02", "it is volatile; declare it STABLE if it only reads"))
        if one.extension and (why := self.extensions.fault(one)):
            faults.append(Fault("RG-F02", why))
        path = context.path
        for setting in one.settings:
            name, _, value = setting.partition("=")
            if name == "search_path":
                path = tuple(split_identifiers(value) or ())
            elif name.startswith(DECLARED_PREFIX) or judge_setting(SettingChange(name=name, value=value), self._rules):
                faults.append(Fault("RG-F02", f"it runs with {name} changed"))
        inside = Context(path, one.owner if one.is_definer else context.user)
        if one.kind != "a":
            self._body(one, inside, found, is_known=is_known)
        if one.default_values:
            self._qualified(self._read(read_expressions, one.default_values), "default of an argument", inside, found)
        self._calls(one.calls, found)
        self._uses("", one.uses, inside, found)
        for oid in (*one.argument_types, one.returns):
            self._type_of("", oid, inside, found)

    def _body(self, one: Function, inside: Context, found: Outcome, *, is_known: bool) -> None:
        match one.language:
            case "sql" if one.is_qualified:
                self._qualified(self._read(read_statements, one.body), "", inside, found)
            case "sql":
                self._resolved(self._read(read_statements, one.body), inside, found)
            case "plpgsql":
                body = self._bodies.get((one.oid, ""))
                if body is None:
                    body = self._bodies[one.oid, ""] = read_plpgsql(one, self.objects.types, self._rules)
                self._resolved(body, inside, found)
            case "internal":
                names = self.objects.snapshot.internals.get(one.body, ())
                if not names or not _RUNS_OTHER_TYPES.isdisjoint(names):
                    found.faults.append(Fault("RG-F02", f"it stands for the internal function {one.body}"))
                # those of types (textin, btint4cmp …) are in no list, because nobody calls them by name
                self._calls((name for name in names if not is_support_function(name)), found)
            case _ if not is_known:
                found.moves_cursors = True  # where an owner allows it all the same
                of = f"extension {one.extension}" if one.extension else "no known extension"
                found.faults.append(Fault("RG-F01", f"its code cannot be read (language {one.language}, of {of})"))
            case _:
                pass

    def _read(self, read: Callable[[str, ReadingSettings], Body], text: str) -> Body:
        """A text as it was read: in every context it is the same."""
        known = self._bodies.get((read, text))
        if known is None:
            known = self._bodies[read, text] = read(text, self._rules)
        return known

    # --- what stands in an object -----------------------------------------------------------------------------------

    def _expression(self, expression: Expression, context: Context, found: Outcome) -> None:
        if expression.text:
            read = read_query if expression.is_query else read_expressions
            self._qualified(self._read(read, expression.text), expression.what, context, found)
        self._uses(expression.what, expression.uses, context, found)

    def _qualified(self, body: Body, via: str, context: Context, found: Outcome) -> None:
        """A text that the server wrote out: names without a schema are pg_catalog's, the others are its ``uses``."""
        found.moves_cursors |= bool(body.faults)
        prefix = f"{via}: " if via else ""
        found.faults.extend(Fault(code, prefix + why) for code, why in body.faults)
        for reading in body.readings:
            for meant in meanings(reading, self.names(_SYSTEM), is_deparsed=True):
                self._note(meant.what, via, context, found)

    def _resolved(self, body: Body, context: Context, found: Outcome) -> None:
        """A text whose names are resolved when it runs."""
        found.moves_cursors |= body.moves_cursors or bool(body.faults)  # what is allowed though it is no read
        found.faults.extend(Fault(code, why) for code, why in body.faults)
        for reading in body.readings:
            for meant in meanings(reading, self.names(context)):
                self._note(meant.what, "", context, found)
        for word in sorted(body.words, key=str):
            for one in self.names(context).types(word):
                if one is not None:
                    self._type_of(f"the word {word}", one.oid, context, found)

    def _note(self, what: Ref | Fault, via: str, context: Context, found: Outcome) -> None:
        if isinstance(what, Fault):
            found.faults.append(what)
        else:
            found.edges.append(Edge(via, Node(what, context)))

    def _uses(self, via: str, uses: Iterable[Ref], context: Context, found: Outcome) -> None:
        found.edges.extend(Edge(via, Node(ref, context)) for ref in uses)

    def _type_of(self, via: str, oid: int, context: Context, found: Outcome) -> None:
        ref = Ref("type", oid)
        if ref in self.objects.by_ref:  # what is not there is built in
            found.edges.append(Edge(via, Node(ref, context)))

    @staticmethod
    def _calls(names: Iterable[str], found: Outcome) -> None:
        for name in names:
            if (verdict := judge_function(Name(name=name, schema="pg_catalog"))) is not None:
                found.faults.append(Fault(*verdict))
