"""Signs of life on a socket."""

from __future__ import annotations

import asyncio
import socket

from readonly_guard_proxy.lifecycle.life import show_life


async def test_they_go_on_until_nobody_reads_them() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setblocking(False)
        async with asyncio.timeout(10):
            showing = asyncio.create_task(show_life(theirs.fileno(), every_s=0.01))
            loop = asyncio.get_running_loop()
            for _ in range(3):
                assert set(await loop.sock_recv(ours, 1)) == set(b".")
            ours.close()
            await showing
