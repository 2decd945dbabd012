"""Asks a source of facts, so long and no longer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bot.domain.facts import Known, Unknown
from bot.errors import PermanentError, TemporaryError

T = TypeVar("T")


async def asked(source: str, call: Awaitable[T], seconds: float) -> Known[T] | Unknown:
    """Wait for a source, so long and no longer; one that fails comes back as Unknown."""
    try:
        async with asyncio.timeout(seconds):
            return Known(value=await call)
    except TimeoutError:
        return Unknown(why=f"{source} didn't answer for {seconds:g} s")
    except TemporaryError as error:
        return Unknown(why=str(error))
    except PermanentError as error:
        return Unknown(why=str(error), for_good=True)
