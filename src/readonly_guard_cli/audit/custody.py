"""`readonly-guard audit keygen|repair`: what a person does for the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from readonly_guard.audit import Journal, SigningKey
from readonly_guard_cli.output import console, speaking_plainly

__all__ = ["keygen", "repair"]


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
