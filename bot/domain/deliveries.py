"""Deliveries: one event on its way to one sink, as the engine works on it and as people see it."""

from datetime import datetime
from typing import Literal

from bot.domain.events import PlatformEvent
from bot.domain.value import Value

Which = Literal["all", "waiting", "dead"]
"""Which deliveries a person asks for."""

Standing = Literal["delivered", "waiting", "dead", "no sink"]


class Delivery(Value):
    """One event, claimed for one sink. `attempts` counts this try and is its fence."""

    event: PlatformEvent
    sink: str
    service: str
    attempts: int
    refusals: int
    """Tries in a row before this one that the sink refused for good."""


class Listed(Value):
    """One delivery as an operator sees it. `sink` None: the event was for no sink."""

    event: PlatformEvent
    release_id: str
    service: str
    sink: str | None = None
    attempts: int = 0
    due_at: datetime | None = None
    """When it is tried (again); None: it is delivered or dead."""
    delivered_at: datetime | None = None
    dead_at: datetime | None = None
    error: str | None = None

    @property
    def standing(self) -> Standing:
        """What became of it."""
        if self.sink is None:
            return "no sink"
        if self.dead_at is not None:
            return "dead"
        return "delivered" if self.delivered_at is not None else "waiting"
