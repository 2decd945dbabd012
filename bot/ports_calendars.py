"""What freezes need of the outside, as a Protocol: iCalendars by address or beside the catalogue.

Used by `engine.calendars` and implemented in `integrations`, like everything in `bot.ports`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from bot.domain.calendar import Span


class CalendarSource(Protocol):
    """iCalendars. Who may be asked stands in the catalogue."""

    async def read(self, source: str, hosts: Collection[str]) -> str:
        """Read a calendar's text, from its address or from the file of that name.

        No redirect is followed. Raises PermanentError where the host may not be asked or what
        came can't be a calendar, TemporaryError where no answer came.
        """

    async def spread(
        self, text: str, zone: str, since: datetime, until: datetime
    ) -> tuple[Span, ...]:
        """Work out when its events are, from `since` on, before `until`.

        `zone` is what floating times mean. Raises PermanentError where it can't be understood.
        """
