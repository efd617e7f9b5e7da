"""Plugins for readonly-guard, to copy: `relations` makes decisions stricter, `spool` carries the log elsewhere."""
