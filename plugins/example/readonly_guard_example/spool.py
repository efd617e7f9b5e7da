"""`example_spool`: every record as a file of its own, for another program to pick up.

```toml
[plugins]
load = ["example_spool"]

[plugin.example_spool]
directory = "spool"
```

`readonly-guard audit forward --config guard.toml` feeds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from readonly_guard.domain import Entry
from readonly_guard.hooks import hookimpl

__all__ = ["Spool"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    directory: Path
    """A value of the type Path is relative to guard.toml."""


class Spool:
    """Writes files named by chain and number: a record that comes twice is the same file."""

    Settings = _Settings

    def __init__(self, settings: _Settings) -> None:
        self._directory = settings.directory

    @hookimpl
    def record_sink(self) -> Spool:
        """Itself: any object with `deliver` and `close`."""
        return self

    async def deliver(self, entries: Sequence[Entry]) -> None:
        """Write the records. Whatever is raised here is told by name, and the same records come again later."""
        self._directory.mkdir(exist_ok=True)
        for entry in entries:
            path = self._directory / f"{entry.chain}-{entry.seq:020d}.json"
            part = path.with_suffix(".part")
            part.write_bytes(msgspec.json.encode(entry))
            part.replace(path)

    async def close(self) -> None:
        """Nothing is kept open."""
