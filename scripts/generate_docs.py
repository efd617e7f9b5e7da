"""Write the generated tables of README.md and docs/; `--check` only says whether they are up to date.

A generated table stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from readonly_guard.codes import CORE_CODES
from readonly_guard.hooks import HookSpecs
from readonly_guard.sql.functions import DENIED_THOUGH_STABLE, READ_THOUGH_VOLATILE
from readonly_guard.sql.scan import Bounds
from readonly_guard.sql.session_settings import ALLOWED_SETTINGS, PINNED_SETTINGS, SAFE_ENCODINGS
from readonly_guard_proxy.metrics.exposition import metrics as shown_metrics
from readonly_guard_proxy.metrics.figures import Figures

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
DRIVERS = ROOT / "tests" / "drivers" / "results.json"
SHOWN = {
    "reads": "reads",
    "denial": "a denial, and transactions after it",
    "large": "20 MB of rows",
    "prepared": "prepared statements",
    "cancel": "cancel",
    "tls": "TLS, `verify-full`",
}


def _by_reason(names: dict[str, str]) -> str:
    reasons: dict[str, list[str]] = {}
    for name, reason in names.items():
        reasons.setdefault(reason, []).append(f"`{name}`")
    return "\n".join(f"| {reason} | {' '.join(sorted(found))} |" for reason, found in reasons.items())


def functions_denied() -> str:
    """Stable built-ins that are denied."""
    return "| why denied | functions |\n|---|---|\n" + _by_reason(DENIED_THOUGH_STABLE)


def functions_allowed() -> str:
    """Volatile built-ins that are reads."""
    return "| why a read | functions |\n|---|---|\n" + _by_reason(READ_THOUGH_VOLATILE)


def settings() -> str:
    """What a session may change."""
    pinned = "\n".join(
        f"| pinned: only {' '.join(f'`{value}`' for value in sorted(values)) or 'RESET'} | `{name}` |"
        for name, values in PINNED_SETTINGS.items()
    )
    encodings = " ".join(f"`{name}`" for name in SAFE_ENCODINGS)
    return (
        f"| why | settings |\n|---|---|\n{_by_reason(ALLOWED_SETTINGS)}\n{pinned}\n| {encodings} | `client_encoding` |"
    )


def bounds() -> str:
    """The bounds and their defaults."""
    rows = "\n".join(f"| `{name}` | {value:,} |" for name, value in Bounds()._asdict().items())
    return f"| bound | default |\n|---|---|\n{rows}"


def metrics() -> str:
    """What /metrics shows; one of each label is needed to see its name."""
    one = {"x": 1}
    figures = Figures(
        decisions={"allow": one},
        session_events=one,
        statements=one,
        upstream_errors=one,
        cancels=one,
        limits=one,
        deadlines=one,
        reloads=one,
        policy_revisions=one,
    )
    rows = []
    for family in shown_metrics(figures, version="x", is_ready=True, log_free_bytes=0):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        told = ", ".join(f"`{label}`" for label in sorted(labels, reverse=True))
        rows.append(f"| `{name}` | {family.type} | {told} | {family.documentation} |")
    return "\n".join(("| metric | type | labels | |", "|---|---|---|---|", *rows))


def codes() -> str:
    """The core's reason codes."""
    rows = "\n".join(f"| `{row.code}` | {row.sqlstate} | {row.en} | {row.sv} |" for row in CORE_CODES.values())
    return f"| code | SQLSTATE | English | svenska |\n|---|---|---|---|\n{rows}"


def hooks() -> str:
    """Every hook: its signature as a plugin writes it, and what its docstring says."""
    parts = []
    for name, hook in inspect.getmembers(HookSpecs, inspect.isfunction):
        signature = str(inspect.signature(hook)).replace("'", "")  # annotations are kept as text
        told = " ".join((inspect.getdoc(hook) or "").split())
        parts.append(f"```python\ndef {name}{signature}\n```\n\n{told}")
    return "\n\n".join(parts)


def drivers() -> str:
    """What the tests of the drivers found out."""
    notes: list[str] = []

    def shown(cell: str) -> str:
        if cell in {"yes", "no", ""}:
            return {"": "–"}.get(cell, cell)
        if cell not in notes:
            notes.append(cell)
        return f"partly [{notes.index(cell) + 1}]"

    rows = [
        f"| {client} {told['version']} | {' | '.join(shown(told['cells'].get(name, '')) for name in SHOWN)} |"
        for client, told in json.loads(DRIVERS.read_text(encoding="utf-8")).items()
    ]
    table = [f"| client | {' | '.join(SHOWN.values())} |", "|---" * (len(SHOWN) + 1) + "|", *rows]
    return "\n".join((*table, *(f"\n[{number}] {note}" for number, note in enumerate(notes, 1))))


TABLES: dict[str, Callable[[], str]] = {
    table.__name__.replace("_", "-"): table
    for table in (functions_denied, functions_allowed, settings, bounds, codes, metrics, hooks, drivers)
}
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(*, check: bool) -> int:
    """Rewrite every page; 1 when ``check`` finds one that is not up to date."""
    stale = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fresh = BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", text)
        if fresh != text:
            stale = 1
            print(f"{page.relative_to(ROOT)} is {'not up to date' if check else 'rewritten'}")
            if not check:
                page.write_text(fresh, encoding="utf-8")
    return stale if check else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
