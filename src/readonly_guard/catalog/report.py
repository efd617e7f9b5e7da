"""What a person asks of a catalog: everything through which a read could write, and why one object is what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from readonly_guard.catalog.closure import Chain, Closure, Node
from readonly_guard.catalog.resolver import CatalogResolver
from readonly_guard.catalog.snapshot import Ref
from readonly_guard.domain import SearchPath

__all__ = ["Finding", "Outline", "outline", "report"]


class Finding(NamedTuple):
    """An object that the guard denies, and why."""

    kind: str
    title: str
    chain: Chain


class Outline(NamedTuple):
    """An object with what it runs, as a tree.

    ``via``: through what of the object above. ``faults``: why it is not a read by itself. ``reads``: how many further
    objects it runs that only read. ``is_repeated``: it stands elsewhere in the tree with what is below it.
    """

    title: str
    via: str = ""
    faults: tuple[str, ...] = ()
    children: tuple[Outline, ...] = ()
    reads: int = 0
    is_repeated: bool = False


def _no_progress(_done: int, _all: int) -> None:
    pass


def report(resolver: CatalogResolver, *, progress: Callable[[int, int], None] = _no_progress) -> list[Finding]:
    """Every object of the database through which a read could write, or of which that cannot be told.

    Args:
        resolver: knows the catalog; names are looked up where a session without settings of its own looks.
        progress: told how many of how many objects are done.
    """
    closure = resolver.closure
    context = next(resolver.contexts(SearchPath()))
    refs = list(closure.objects.by_ref)
    findings = []
    for done, ref in enumerate(refs):
        progress(done, len(refs))
        if not _is_row_type(closure, ref) and (chain := closure.find(Node(ref, context))) is not None:
            findings.append(Finding(ref.kind, closure.objects.title(ref), chain))
    findings += [
        Finding("event trigger", f"event trigger {name}", Chain((f"event trigger {name}",), "RG-F03", _AT_LOGIN))
        for name in resolver.snapshot.login_triggers
    ]
    progress(len(refs), len(refs))
    return findings


_AT_LOGIN = "it runs when a session begins, before the guard sees anything; look at it yourself"


def _is_row_type(closure: Closure, ref: Ref) -> bool:
    """A table's row type and the arrays of types say nothing that the table and the types do not."""
    one = closure.objects.by_ref[ref]
    if ref.kind != "type":
        return False
    key = (getattr(one, "schema", ""), getattr(one, "name", ""))
    return key in closure.objects.relations or key[1].startswith("_")


def outline(closure: Closure, node: Node) -> Outline:
    """An object and everything unsafe below it; what only reads is counted."""
    return _outline(closure, node, "", set())


def _outline(closure: Closure, node: Node, via: str, seen: set[Node]) -> Outline:
    title, look = closure.objects.title(node.ref), closure.look(node)
    if node in seen:
        return Outline(title, via, is_repeated=True)
    seen.add(node)
    targets = {edge.target: edge.via for edge in look.edges}
    unsafe = {target: through for target, through in targets.items() if closure.find(target) is not None}
    return Outline(
        title,
        via,
        faults=tuple(dict.fromkeys(f"{fault.why} ({fault.code})" for fault in look.faults)),
        children=tuple(_outline(closure, target, through, seen) for target, through in unsafe.items()),
        reads=len(targets) - len(unsafe),
    )
