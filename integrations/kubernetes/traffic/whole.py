"""A service with one copy: all requests go to its only Deployment, and nothing is ever moved.

In the table of `traffic`, for services whose Deployment's name has no `{slot}`.
"""

from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from bot.errors import PermanentError
from integrations.kubernetes import objects
from integrations.kubernetes.kinds import DEPLOYMENTS
from integrations.kubernetes.objects import Object
from integrations.kubernetes.patches import Operation
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.traffic.way import Move, Way


class Whole(Way):
    """All traffic on the one Deployment, which is read as the blue slot."""

    kind = DEPLOYMENTS

    def name(self, target: Target) -> str:
        """Name the Deployment."""
        return target.deployment("blue")

    def read(self, item: Object, target: Target) -> TrafficFact:  # noqa: ARG002 - by the port
        """Say that it has all of it."""
        shares = {"blue": 100, "green": 0}
        return TrafficFact(weights=shares, serving={}, fence=objects.fence_of(item))

    async def look(self, reader: Reader, target: Target) -> TrafficFact:
        """Read the Deployment."""
        return self.read(await reader.item(target, self.kind, self.name(target)), target)

    async def patch(self, reader: Reader, target: Target, move: Move) -> list[Operation]:  # noqa: ARG002 - by the port
        """Refuse: there is no second copy to move traffic to."""
        raise PermanentError(f"{target.service} has one Deployment: no traffic can be moved")
