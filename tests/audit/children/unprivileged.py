"""Opens a journal as a user without rights to its directory; writes the error, or nothing.

Argument: a directory that only its owner may write. Root becomes the last of all users first.
"""

import os
import sys
from pathlib import Path

from readonly_guard.audit import Journal
from readonly_guard.errors import ConfigurationError

if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Journal.open(Path(sys.argv[1]))
except ConfigurationError as error:
    sys.stdout.write(str(error))
