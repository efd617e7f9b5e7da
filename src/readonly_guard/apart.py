"""Work in a process of its own: a module of ours that is asked once, answers on its standard output, and ends."""

from __future__ import annotations

import asyncio
import sys

__all__ = ["ask_apart"]


async def ask_apart(command: tuple[str, ...], question: bytes, *, deadline_s: float | None = None) -> bytes:
    """What a Python process says to a question on its standard input; nothing where it failed on the way.

    Args:
        command: the interpreter's arguments. ``-P`` first, so that nothing is imported from the directory that the
            guard happens to be started in.
        question: as the process reads it.
        deadline_s: how long it may take; it is killed then. None waits for as long as it takes.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it did not answer in time.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # the terminal's Ctrl-C is for the guard
    )
    try:
        async with asyncio.timeout(deadline_s):
            said, _ = await process.communicate(question)
    except TimeoutError:
        raise
    except (OSError, RuntimeError):  # it ended before it had heard everything; of uvloop that is a RuntimeError
        return b""
    finally:
        if process.returncode is None:  # cancelled, or late
            process.kill()
            await process.wait()
    return said
