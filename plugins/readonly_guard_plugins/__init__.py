"""Plugins that ship with readonly-guard. Each is loaded only when guard.toml names it."""
