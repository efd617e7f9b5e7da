"""The command line: `readonly-guard`. Presentation and composition only; what it shows is decided by the library."""
