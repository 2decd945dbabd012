"""Ids for bugs: the user sees the id, the log has the id and the traceback."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()


def fault_id() -> str:
    """Make an id such as `err-2f81`."""
    return f"err-{secrets.token_hex(2)}"


async def kept_up(loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop to its end; a bug in it is logged with an id, and it goes on a second later."""
    while True:
        try:
            return await loop()
        except Exception:
            log.exception("loop_failed", loop=loop.__qualname__, error_id=fault_id())
            await asyncio.sleep(1.0)
