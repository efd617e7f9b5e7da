"""Signs of life: a worker shows its supervisor that its event loop turns, as a guard of one process shows systemd."""

from __future__ import annotations

import asyncio
import os
from typing import Final

__all__ = ["SIGN_EVERY_S", "show_life"]

SIGN_EVERY_S: Final = 5.0
_SIGN: Final = b"."


async def show_life(descriptor: int, every_s: float = SIGN_EVERY_S) -> None:
    """Write a byte now and then, until there is nobody to read it.

    Args:
        descriptor: of a socket to the supervisor.
        every_s: how often.
    """
    while True:
        try:
            os.write(descriptor, _SIGN)
        except OSError:
            return
        await asyncio.sleep(every_s)
