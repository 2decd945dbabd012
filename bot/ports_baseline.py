"""The port to a target's baseline, the Deployment for fresh copies of what is live.

A part of `ports.Cluster`; errors come translated by meaning, and no vendor is named.
"""

from typing import Protocol

from bot.domain.catalog import Slot
from bot.domain.facts import BaselineFact
from bot.domain.targets import Target
from bot.domain.value import Value


class BaselinePatch(Value):
    """A change to the baseline's Deployment; None leaves a field as it is.

    `version` is written only where the pods carry `app.kubernetes.io/version` already. `slot` is
    the label of the slot beside whose pods its own are to serve.
    """

    image: str | None = None
    version: str | None = None
    replicas: int | None = None
    slot: Slot | None = None


class Baselines(Protocol):
    """The baselines of targets that have one. Every write carries its precondition (DESIGN §4.4).

    A write tests what was seen before and raises ConflictError, and has changed nothing, where
    the object is no longer so. It sets the annotations as every write of the cluster does.
    """

    async def look_at_baseline(self, target: Target) -> BaselineFact:
        """Read the baseline; one that is gone is a fact, not an error."""

    async def change_baseline(
        self,
        target: Target,
        seen: BaselineFact,
        patch: BaselinePatch,
        *,
        fence: int,
        release: str,
    ) -> None:
        """Change image, size and the slot beside which it serves, in one patch."""
