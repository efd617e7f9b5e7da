"""`example_relations`: some relations are read for some purposes only, whatever the policy says.

```toml
[plugins]
load = ["example_relations"]

[plugin.example_relations]
relations = ["diagnosis"]
purposes = ["TREAT", "ETREAT"]
```
"""

from __future__ import annotations

import msgspec

from readonly_guard.domain import AccessRequest, Analysis, Reason
from readonly_guard.hooks import hookimpl

__all__ = ["SealedRelations"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    relations: tuple[str, ...]
    """Names as the log writes them, with a schema where the statement gives one."""
    purposes: tuple[str, ...] = ("TREAT",)


class SealedRelations:
    """Denies what reads a sealed relation for another purpose."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        self._relations = frozenset(settings.relations)
        self._purposes = frozenset(settings.purposes)

    @hookimpl
    def review_statement(self, analysis: Analysis, request: AccessRequest) -> list[Reason] | None:
        """A reason for each sealed relation. A plugin can add reasons to deny; it cannot take one away."""
        del analysis  # what the parsers found is there as well: kinds, functions, patients
        if request.context["purpose"] in self._purposes:
            return None
        sealed = sorted(self._relations & {resource.id for resource in request.resources})
        return [
            Reason(
                code="EX-001",  # a code of one's own; those that begin with RG- are the guard's
                rule="example_relations",
                sv="Uppgifterna är inte öppna för detta ändamål",
                en="Not open for this purpose",
                what=f"relation {relation}",
            )
            for relation in sealed
        ]
