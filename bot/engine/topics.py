"""Shows in the channels' topics what stops releases, where the catalogue wants that.

Called each minute by `schedule`: whatever happened in that minute is one change. What people wrote
stays; the bot's own part stands at the end, in brackets, and goes when nothing stops releases.
"""

import structlog

from bot.engine.duties import Duty
from bot.engine.whereabouts import look
from bot.engine.world import World
from bot.errors import PermanentError, TemporaryError
from bot.views import topics

log = structlog.get_logger()


class Topics:
    """What this process has shown; one of all replicas shows at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._duty = Duty(world, "topics")
        self._shown: dict[str, str] = {}

    async def show(self) -> None:
        """Bring every channel's topic up to date, where it says something else now."""
        slack = self._world.catalog().slack
        if not (slack.topic or self._shown):
            return
        try:
            if not await self._duty.held():
                # Whoever has the duty may change them: what was seen here is old then.
                self._shown.clear()
                return
            wanted = await self._wanted() if slack.topic else ""
        except TemporaryError as error:
            log.warning("job_skipped", job="topics", error=str(error))
            return
        for channel in slack.channels:
            if self._shown.get(channel) != wanted:
                await self._show(channel, wanted)
        if not slack.topic:
            self._shown.clear()

    async def _wanted(self) -> str:
        places = [await look(self._world, name) for name in self._world.catalog().environments]
        return topics.stops(places)

    async def _show(self, channel: str, wanted: str) -> None:
        chat = self._world.chat
        try:
            theirs = await chat.topic(channel)
            text = topics.merged(theirs, wanted)
            if text != theirs:
                await chat.set_topic(channel, text)
        except TemporaryError as error:
            log.warning("topic_waits", channel=channel, error=str(error))
            return
        except PermanentError as error:
            # A right that is missing is missing in a minute too: the next change asks again.
            log.warning("topic_not_shown", channel=channel, error=str(error))
        self._shown[channel] = wanted
