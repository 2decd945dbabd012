"""What the health of a slot needs of the outside besides its pods, as Protocols.

Used by `engine` and implemented in `integrations`, like everything in `bot.ports`: errors come
translated by meaning, and no vendor is named.
"""

from typing import Protocol

from bot.domain.catalog import Slot
from bot.domain.pods import PodSeen
from bot.domain.surroundings import Autoscaler
from bot.domain.targets import Target
from bot.domain.value import Value


class Autoscalers(Protocol):
    """What sets a slot's size besides the bot."""

    async def autoscaler(self, target: Target, slot: Slot) -> Autoscaler | None:
        """Find it; None where there is none, or the bot may not look."""


class Tail(Value):
    """The end of a container's log, as it was written: not masked. Never stored, never logged."""

    text: str
    whole: bool
    """Whether it goes to the log's end: False where it was cut off by its size."""


class PodLogs(Protocol):
    """The last lines that a container wrote."""

    async def pods(self, target: Target, slot: Slot) -> tuple[PodSeen, ...]:
        """List the slot's pods. None where the Deployment is gone."""

    async def tail(self, target: Target, pod: PodSeen, lines: int) -> Tail:
        """Read so many last lines of the pod's container, of its run before where it crashed.

        Raises MissingError where the pod is gone, ForbiddenError without the right, and
        PermanentError where the container has written nothing yet.
        """
