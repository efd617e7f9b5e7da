"""`readonly-guard audit keygen|repair|retain`: what a person does for the log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from readonly_guard.audit import Journal, SigningKey, carry_out, plan_retention
from readonly_guard.errors import ConfigurationError
from readonly_guard_cli.output import console, speaking_plainly, visible

__all__ = ["keygen", "repair", "retain"]

_PERIOD: Final = re.compile(r"([1-9][0-9]{0,4})([yd])")
_YEAR_DAYS: Final = 366  # leap days included: a year is never cut short


def keygen(
    path: Annotated[Path, typer.Argument(help="The file for the private key; it must not be there yet.")],
) -> None:
    """Make a key that signs the log's heads; name it in guard.toml as `journal.signing_key`.

    The private key stays on the guard's host, readable by its owner only. The public key is printed, and written beside
    the private one with the ending `.pub`: keep it elsewhere, for `audit verify --public-key`.

    Exit status: 0 made, 2 the file is there already or cannot be written.
    """
    with speaking_plainly():
        key = SigningKey.generate(path)
        public = key.publish(path.parent)
    console.print(f"private key: {path} (journal.signing_key)", soft_wrap=True)
    console.print(f"public key: {public}", soft_wrap=True)
    console.print(key.public_text().decode().rstrip(), soft_wrap=True)


def repair(
    path: Annotated[Path, typer.Argument(help="The directory of one chain, which no guard has open.")],
    signing_key: Annotated[Path | None, typer.Option(help="The journal's signing key, to sign the repair.")] = None,
) -> None:
    """Set aside whatever follows the last whole record, so that the guard can start again.

    For a journal that the guard refuses to open because more than its last line is torn. Find out first what
    happened, with `audit verify`: nobody can tell a disk that lost a page from somebody who wrote over it. Nothing is
    deleted: the bytes are moved to a file beside the segment, and the chain gets a record that says how many, with
    their SHA-256. Only the end of the last segment can be repaired.

    Exit status: 0 repaired or nothing to repair, 2 it cannot be.
    """
    with speaking_plainly():
        key = None if signing_key is None else SigningKey.load(signing_key)
        with Journal.open(path, is_asked_to_repair=True, signing_key=key, must_exist=True) as journal:
            found = journal.recovery
    if found.torn_file is None:
        console.print(f"nothing to repair: whole up to record {found.head.seq:,}")
        return
    console.print(f"found: {found.found}", soft_wrap=True)
    what = f"{found.torn_bytes:,} bytes with {found.torn_lines:,} whole lines"
    console.print(f"set aside: {what}, in {found.torn_file}", soft_wrap=True)
    console.print(f"the chain goes on behind record {found.head.seq:,}, with a record of this repair")


def retain(
    path: Annotated[Path, typer.Argument(help="The journal's directory; a guard may be writing it.")],
    keep: Annotated[str, typer.Option(help="The period, in years or days: 10y, 4000d.")] = "10y",
    less_than_five_years: Annotated[
        str, typer.Option(help="Why less than five years are kept; recorded. Without it that is refused.")
    ] = "",
    signing_key: Annotated[
        Path | None, typer.Option(help="The journal's signing key: what is removed is recorded and signed.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only what would go is told.")] = False,
) -> None:
    """Remove segments whose newest record is older than a period, and record that, signed, in the chain `custody`.

    The rest still verifies: the signed record says behind which record the chain begins. The last two segments of a
    chain stay, and so does what a sink has not had, what is not right, and the chain `custody` itself.

    Exit status: 0 removed, or told what would be; 2 it is not possible, and nothing was removed.
    """
    with speaking_plainly():
        days = _days(keep)
        removals = plan_retention(path, keep_days=days, reason=less_than_five_years)
        for removal in removals:
            what = f"{len(removal.segments)} segments, {removal.bytes:,} bytes"
            last = f"record {removal.heads[-1].seq:,} of {removal.newest}"
            console.print(f"chain {visible(removal.chain.name)}: {what}, up to {last}", soft_wrap=True)
        if not removals:
            console.print(f"nothing is older than {keep}")
        elif not yes:
            console.print("nothing was removed: say --yes")
        elif signing_key is None:
            raise ConfigurationError("what is removed is signed: name --signing-key (readonly-guard audit keygen FILE)")
        else:
            key = SigningKey.load(signing_key)
            carry_out(path, removals, keep_days=days, reason=less_than_five_years, signing_key=key)
            console.print("removed, and recorded in the chain custody")


def _days(period: str) -> int:
    match = _PERIOD.fullmatch(period)
    if match is None:
        raise ConfigurationError(f"--keep: {period!r} is no period; write 10y or 4000d")
    return int(match[1]) * (_YEAR_DAYS if match[2] == "y" else 1)
