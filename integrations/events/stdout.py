"""`StdoutSinks`: writes events to the standard output, for whoever collects a container's logs.

The bot's own log goes to the standard error, so the two don't mix.
"""

import asyncio
import sys

from bot.domain.events import PlatformEvent
from bot.errors import TemporaryError
from bot.ports import Finding
from integrations.events.envelope import line


class StdoutSinks:
    """Every sink of the kind stdout: there is one standard output."""

    async def send(self, event: PlatformEvent) -> None:
        """Write one event as a line; written and flushed it is delivered."""
        try:
            # In a thread: a pipe that nobody reads from would hold up the loop.
            await asyncio.to_thread(_write, line(event))
        except (OSError, ValueError) as error:
            what = type(error).__name__
            raise TemporaryError(f"the standard output takes nothing ({what})") from error

    def check(self, name: str) -> Finding:
        """Say that it needs nothing."""
        sentence = "Writes a line for each event to the standard output."
        return Finding(good=True, subject=f"Sink {name}", sentence=sentence)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
