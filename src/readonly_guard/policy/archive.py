"""An OPA bundle as `opa build` writes it, a .tar.gz, read into memory within bounds.

Nothing is unpacked to disk. A member that is no plain file, a name that leads out of the bundle or comes twice, and a
bundle that is larger unpacked than it should be are errors: the file may come from elsewhere.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from readonly_guard.errors import PolicyError

__all__ = ["Member", "read_archive"]

_MAX_BYTES: Final = 512 * 1024 * 1024  # unpacked; a million care relations are some 60 MB
_MAX_MEMBERS: Final = 10_000


class Member:
    """A file of a bundle, with as much of a path's manners as loading needs."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def is_file(self) -> bool:
        """Always: nothing else is kept."""
        return True

    def read_bytes(self) -> bytes:
        """Its content."""
        return self._content


def read_archive(path: Path) -> dict[str, Member]:
    """The files of a bundle by their path in it, without a leading slash.

    Raises:
        PolicyError: it cannot be read, is no .tar.gz, or holds what a bundle does not.
    """
    files: dict[str, Member] = {}
    left = _MAX_BYTES
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isdir():
                    continue
                name = _name(path, member)
                if name in files:
                    raise PolicyError(f"{path}: {name} is in the bundle twice")
                left -= member.size
                if left < 0 or len(files) >= _MAX_MEMBERS:
                    raise PolicyError(f"{path}: is larger than {_MAX_BYTES >> 20} MB or {_MAX_MEMBERS} files unpacked")
                file = archive.extractfile(member)
                files[name] = Member(b"" if file is None else file.read())
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror or 'is no .tar.gz'}") from None
    except (tarfile.TarError, zlib.error, EOFError):
        raise PolicyError(f"{path}: is no .tar.gz that `opa build` would write") from None
    return dict(sorted(files.items()))


def _name(path: Path, member: tarfile.TarInfo) -> str:
    name = PurePosixPath("/", member.name)
    if not member.isreg() or ".." in name.parts:
        raise PolicyError(f"{path}: {member.name!r} is no plain file inside the bundle")
    return str(name.relative_to("/"))
