"""Holds a journal open until its standard input ends. Argument: the directory."""

import sys
from pathlib import Path

from readonly_guard.audit import Journal

with Journal.open(Path(sys.argv[1])):
    sys.stdout.write("open\n")
    sys.stdout.flush()
    sys.stdin.read()
