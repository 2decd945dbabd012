"""What is under way beside a loop: tasks, each about one row that this process has claimed.

Used by `events` and `host_view`, which wait outside for as long as others need.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

LAST_SECONDS = 2.0
"""How long what is under way has when the process ends."""


Key = TypeVar("Key")
Row = TypeVar("Row")


class AtWork(Generic[Key, Row]):
    """Rows under way by their key. `ended` is called whenever one is done with."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._tasks: dict[Key, tuple[Row, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._tasks)

    def __iter__(self) -> Iterator[Key]:
        """Go through the keys."""
        return iter(self._tasks)

    def begin(self, key: Key, row: Row, work: Coroutine[Any, Any, None]) -> None:
        """Let it run."""
        task = asyncio.create_task(work)
        self._tasks[key] = (row, task)
        task.add_done_callback(partial(self._over, key))

    def _over(self, key: Key, _: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)
        self._ended()

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            tasks = [task for _, task in self._tasks.values()]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def end(self, seconds: float = LAST_SECONDS) -> list[Row]:
        """Let them end soon, cut the others short, and say which those were."""
        if not self._tasks:
            return []
        await asyncio.wait([task for _, task in self._tasks.values()], timeout=seconds)
        left = list(self._tasks.values())
        for _, task in left:
            task.cancel()
        await asyncio.gather(*(task for _, task in left), return_exceptions=True)
        return [row for row, _ in left]
