"""A certificate for everything that speaks TLS in a run, by an authority that lives as long as it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import trustme

__all__ = ["Certificate", "issue"]


class Certificate(NamedTuple):
    """Files in PEM: the certificate, its key, and the authority that clients trust."""

    chain: Path
    key: Path
    root: Path

    def owned_by(self, user: str, folder: Path) -> Certificate:
        """A copy whose key another user's program may read, and nobody else."""
        copy = Certificate(*(folder / path.name for path in self))
        for source, target in zip(self, copy, strict=True):
            target.touch(0o600)
            target.write_bytes(source.read_bytes())
            shutil.chown(target, user)
        return copy


def issue(folder: Path) -> Certificate:
    """Make an authority and a certificate of its for loopback."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    made = Certificate(folder / "server.pem", folder / "server.key", folder / "root.pem")
    issued.cert_chain_pems[0].write_to_path(made.chain)
    made.key.touch(0o600)
    made.key.write_bytes(issued.private_key_pem.bytes())
    authority.cert_pem.write_to_path(made.root)
    return made
