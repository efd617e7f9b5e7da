"""What goes wrong with a benchmark, said so that its user can do something about it."""

from __future__ import annotations

__all__ = ["BenchmarkError"]


class BenchmarkError(Exception):
    """It cannot be measured, or what was measured is not what it says; the text names the way out."""
