"""`readonly-guard audit export`: records for other systems."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from readonly_guard.audit import read_all
from readonly_guard.audit.export import FORMATS, Origin, StoreLogCodes, write_export
from readonly_guard.errors import ConfigurationError
from readonly_guard.moments import rfc3339, utc_now
from readonly_guard_cli.audit.options import Asked, reading
from readonly_guard_cli.output import console, speaking_plainly

__all__ = ["export"]

_Format = Literal["csv", "fhir", "jsonl", "ocsf", "opa", "storelog"]


@reading()
def export(
    asked: Asked,
    output: Annotated[Path, typer.Option(help="The file to write; its manifest is put beside it.")],
    into: Annotated[_Format, typer.Option("--format", help="How.")],
    system_id: Annotated[str | None, typer.Option(help="HSA-id of this system, for storelog.")] = None,
    care_provider_id: Annotated[str | None, typer.Option(help="HSA-id of the care provider, for storelog.")] = None,
    care_unit: Annotated[
        list[str] | None, typer.Option(help="NAME=HSA-ID of a care unit, for storelog; several times.")
    ] = None,
) -> None:
    """Write records into a file for another system: what is written is not checked, see `audit verify`.

    The formats: `csv` for Swedish Excel, `fhir` AuditEvents (R4), `jsonl` as the log has it, `ocsf` Datastore Activity,
    `opa` decision log events, `storelog` for Inera's Loggtjänst (version 2). Patients are named by their identifiers
    where the log knows whose a key is (not in `jsonl`, which is the log, and `opa`, which is the question). Beside the
    file stands `FILE.manifest.json` with its SHA-256, the number of records, and the first and last of each chain.

    Exit status: 0 written, 2 the journal cannot be read, the file is there already, or the reading cannot be recorded.
    """
    with speaking_plainly():
        program = version("readonly-guard")
        selection, identities = asked.known()
        chosen = FORMATS[into](
            Origin(
                version=program,
                storelog=_codes(system_id, care_provider_id, care_unit or []),
                identities=identities,
            )
        )
        asked.record("export", format=into, file=output.name)
        exported = write_export(
            selection.among(read_all(asked.path)),
            output,
            name=into,
            into=chosen,
            selection=asked.selection.told(),
            created=rfc3339(utc_now()),
            version=program,
        )
    console.print(f"{exported.records:,} records, {exported.bytes:,} bytes: {output}", soft_wrap=True)
    console.print(f"sha256: {exported.sha256}")


def _codes(system_id: str | None, care_provider_id: str | None, care_units: list[str]) -> StoreLogCodes | None:
    named = {}
    for item in care_units:
        name, is_pair, value = item.rpartition("=")
        if not is_pair or not name or not value:
            raise ConfigurationError(f"--care-unit: {item!r} is not written NAME=HSA-ID")
        named[name] = value
    if system_id is None or care_provider_id is None:
        return None
    return StoreLogCodes(system_id=system_id, care_provider_id=care_provider_id, care_units=named)
