"""`python -m readonly_guard_cli` is `readonly-guard`."""

from readonly_guard_cli.app import main

if __name__ == "__main__":
    main()
