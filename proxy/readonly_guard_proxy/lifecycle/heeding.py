"""Reloads of a guard of one process, or of a worker: told to the service manager, and what is taken over.

What has to be read and compiled is awaited, so that no session waits for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from readonly_guard.errors import ConfigurationError
from readonly_guard.settings import Settings
from readonly_guard_proxy.lifecycle.hangups import hangups_heeded
from readonly_guard_proxy.lifecycle.notify import Notifier
from readonly_guard_proxy.lifecycle.reload import adopt, changed, is_adopted
from readonly_guard_proxy.net.listener import Listener

__all__ = ["Reload", "reloads_heeded"]

_log = structlog.get_logger(__name__)

Reload = Callable[[], Awaitable[Settings]]
"""Loads everything again, puts policies and certificates in force, and gives the settings; or changes nothing.

Raises:
    ConfigurationError: something does not load.
"""


@contextlib.asynccontextmanager
async def reloads_heeded(
    listener: Listener, reload: Reload | None, notifier: Notifier, serving: str
) -> AsyncIterator[None]:
    """Heed SIGHUP while the context lasts."""
    if reload is None:
        yield
        return

    async def heed() -> None:
        notifier.reloading()
        await _reload(listener, reload)
        notifier.ready(serving)

    async with hangups_heeded(heed):
        yield


async def _reload(listener: Listener, reload: Reload) -> None:
    try:
        fresh = await reload()
    except ConfigurationError as error:
        listener.meters.reloads.add("refused")
        _log.error("reload refused", reason=str(error))
    except Exception as error:  # noqa: BLE001  a defect of ours may not end the heeding of all reloads to come
        listener.meters.reloads.add("refused")
        _log.error("reload refused", reason=f"it failed: {type(error).__name__}")
    else:
        listener.meters.reloads.add("done")
        _adopt(listener, fresh)


def _adopt(listener: Listener, fresh: Settings) -> None:
    keys = changed(listener.settings, fresh)
    listener.adopt(adopt(listener.settings, fresh))
    _log.info("reloaded", changed=[key for key in keys if is_adopted(key)])
    later = [key for key in keys if not is_adopted(key)]
    if later:
        _log.warning("settings changed that take effect at the next start", settings=later)
