"""`Way`: what each way of moving traffic can do, and what those by weights have in common.

Implemented by the other files here. A way knows one kind of object; it reads by the `Reader` that
it is given and writes nothing: it only says what the one patch is.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.catalog import Slot
from bot.domain.facts import TrafficFact
from bot.domain.targets import Target
from bot.errors import ConflictError
from integrations.kubernetes import objects, patches
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.objects import Object
from integrations.kubernetes.patches import Operation
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.space import Parent, Said, Space

Shares = dict[Slot, int]
"""Per cent by slot. Empty: it can't be said."""


@dataclass(frozen=True)
class Move:
    """Traffic from what was seen to new shares, under that fence, for that release."""

    seen: TrafficFact
    weights: Mapping[Slot, int]
    fence: int
    release: str
    to_end: bool = False
    """All traffic is where it stays; a Rollout is to end its update."""


class Way(ABC):
    """One way of moving traffic: how to read it, and the patch that moves it."""

    kind: Kind
    """What holds the shares. It is read and watched, and the bot needs the right to patch it."""

    @abstractmethod
    def name(self, target: Target) -> str:
        """Name the object that holds the target's shares."""

    @abstractmethod
    def read(self, item: Object, target: Target) -> TrafficFact:
        """Read from the object alone where requests go; who serves them is not in it."""

    @abstractmethod
    async def look(self, reader: Reader, target: Target) -> TrafficFact:
        """Read where requests go and who serves them. Raises MissingError without the object."""

    @abstractmethod
    async def patch(self, reader: Reader, target: Target, move: Move) -> list[Operation]:
        """Write the patch that moves traffic, with its preconditions.

        Raises ConflictError where the object is known not to be as seen any more, PermanentError
        where this way can't give such shares.
        """

    def follow_up(self, _item: Object, _target: Target, _move: Move) -> list[Operation]:
        """Write what is patched in the object's status once `patch` is done; mostly nothing.

        The object is as that patch left it. Raises ConflictError where it is not as seen.
        """
        return []

    def parents(self, _item: Object, _namespace: str) -> Iterator[Parent]:
        """List what else the doctor has to read: the gateways that the object is bound to."""
        yield from ()

    def judged(self, _space: Space, _target: Target) -> Iterator[Said]:
        """Say for the doctor what is wrong with the object, where it is there."""
        yield from ()


class Weighted(Way):
    """A way whose object has a weight for each slot. Who serves is told by the slots' Services."""

    @abstractmethod
    def change(
        self, item: Object, target: Target, weights: Mapping[Slot, int]
    ) -> Iterable[Operation]:
        """Set all weights of a step in an object that was read just now, each one tested."""

    async def look(self, reader: Reader, target: Target) -> TrafficFact:
        """Read the object and both slots' endpoints side by side."""
        item, blue, green = await asyncio.gather(
            reader.item(target, self.kind, self.name(target)),
            reader.endpoints(target, target.slot_service("blue") or ""),
            reader.endpoints(target, target.slot_service("green") or ""),
        )
        serving = {"blue": len(blue), "green": len(green)}
        return self.read(item, target).model_copy(update={"serving": serving})

    async def patch(self, reader: Reader, target: Target, move: Move) -> list[Operation]:
        """Read the object anew, since places of weights are known from it only."""
        item = await reader.item(target, self.kind, self.name(target))
        same = dict(self.read(item, target).weights) == dict(move.seen.weights)
        if not same or objects.fence_of(item) != move.seen.fence:
            raise ConflictError(f"{self.kind.word} {self.name(target)} changed in between")
        marks = patches.marks(item, move.fence, move.release)
        if dict(move.weights) == dict(move.seen.weights):
            # Only marked: weights in other words for the same shares stay as somebody wrote them.
            return marks
        return [*marks, *self.change(item, target, move.weights)]


def agreed(said: Iterable[Shares]) -> Shares:
    """Give the shares that all routes have in common; empty where they differ or there is none."""
    found = list(said)
    return found[0] if found and all(shares == found[0] for shares in found) else {}


def per_cent(weights: Mapping[Slot, int]) -> Shares:
    """Turn the weights of two slots into per cent; empty where neither has any."""
    total = sum(weights.values())
    if not total:
        return {}
    green = round(100 * weights["green"] / total)
    return {"blue": 100 - green, "green": green}
