"""Lets a few ticks work at a time, so that a click never waits behind a hundred of them.

Used by the reconciler for work that goes forward. What goes back takes no place here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PLACES = 8
"""Ticks that work at a time: enough to fill one processor while some wait for an answer."""

HELD_SECONDS = 0.5
"""A tick that takes longer waits for something outside; others need not wait with it."""


class Places:
    """A few places; one that is held for long is given on while its holder goes on working."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(PLACES)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a place and hold it, half a second at the most."""
        await self._places.acquire()
        place = _Place(self._places)
        timer = asyncio.get_running_loop().call_later(HELD_SECONDS, place.give_on)
        try:
            yield
        finally:
            timer.cancel()
            place.give_on()


class _Place:
    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = True

    def give_on(self) -> None:
        if self._held:
            self._held = False
            self._places.release()
