"""The command: `python -m benchmarks.wire`."""

from __future__ import annotations

import sys
from typing import Final

from benchmarks.wire.faults import BenchmarkError
from benchmarks.wire.options import parse
from benchmarks.wire.report import as_json, as_markdown
from benchmarks.wire.run import run

_USAGE_ERROR: Final = 2


def main() -> int:
    """Measure, print the tables, and write them where it was asked for."""
    options = parse()
    try:
        report = run(options)
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return _USAGE_ERROR
    text = as_markdown(report)
    print(text)
    if options.markdown:
        options.markdown.write_text(f"{text}\n", encoding="utf-8")
    if options.json:
        options.json.write_bytes(as_json(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
