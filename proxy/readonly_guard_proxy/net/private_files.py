"""Files that hold secrets: read, or refused with the setting's name and the fix."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from readonly_guard.errors import ConfigurationError

__all__ = ["must_be_ours", "must_be_readable", "private_text"]

_OF_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OF_OTHERS_BUT_THE_GROUP: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def must_be_readable(setting: str, path: str) -> None:
    """See that a file is there and may be read.

    Raises:
        ConfigurationError: it is not, or may not.
    """
    try:
        with Path(path).open("rb"):
            return
    except OSError as error:
        raise ConfigurationError(f"{setting}: {path} cannot be read: {error.strerror}") from error


def must_be_ours(setting: str, path: str) -> None:
    """See that others may not read a file, as PostgreSQL has it: 0600 or less, or 0640 or less where root owns it.

    Raises:
        ConfigurationError: they may.
    """
    status = Path(path).stat()
    is_lent_by_root = status.st_uid == 0 and os.geteuid() != 0
    if status.st_mode & (_OF_OTHERS_BUT_THE_GROUP if is_lent_by_root else _OF_OTHERS):
        raise ConfigurationError(f"{setting}: others may read {path}; run `chmod 600 {path}`")


def private_text(setting: str, path: str) -> str:
    """The text of a file that only its owner may read.

    Raises:
        ConfigurationError: it cannot be read, others may read it, or it is no text.
    """
    must_be_readable(setting, path)
    must_be_ours(setting, path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{setting}: {path} is not UTF-8 text (byte {error.start})") from error
