"""What one event has led to so far: bytes for either side, gathered so that each side is written to once."""

from __future__ import annotations

from readonly_guard_proxy.session.commands import Command, ToClient, ToServer

__all__ = ["Outbox"]


class Outbox:
    """Collects while an event is handled; the parts share one."""

    def __init__(self) -> None:
        self.to_client: list[bytes] = []
        self.to_server: list[bytes] = []
        self._can_wait = True
        self.commands: list[Command] = []

    def send(self, data: bytes, *, can_wait: bool = False) -> None:
        """Send to the server; see `ToServer`."""
        self.to_server.append(data)
        self._can_wait = self._can_wait and can_wait

    def drain(self) -> list[Command]:
        """Everything collected, as commands: bytes first, so that a closing command closes behind them."""
        commands: list[Command] = []
        if self.to_server:
            commands.append(ToServer(_joined(self.to_server), can_wait=self._can_wait))
            self.to_server = []
            self._can_wait = True
        if self.to_client:
            commands.append(ToClient(_joined(self.to_client)))
            self.to_client = []
        if self.commands:
            commands += self.commands
            self.commands = []
        return commands


def _joined(parts: list[bytes]) -> bytes:
    return parts[0] if len(parts) == 1 else b"".join(parts)
