"""The shipped Rego policies and their data, installed as package data and read by `readonly_guard.policy`."""
