"""Changes that went past the bot: what was seen, and whether it is one. Pure.

An admin may pass GitHub's gate, another workflow may have none, and `kubectl` asks nobody. None of
it is put right over a person's head: it is reported, once, and put on the record.
"""

from datetime import datetime, timedelta
from typing import Literal

from bot.domain.catalog import Catalog, Slot
from bot.domain.facts import LedgerFact, SlotFact, TrafficFact
from bot.domain.live import live_version
from bot.domain.protection import place_of, services_of
from bot.domain.targets import Target
from bot.domain.titles import words_of
from bot.domain.value import Value, canonical, digest

JUST_ENDED = timedelta(minutes=10)
"""How long after a release's end a Deployment of its run still counts as its own: webhooks are
late, and a run that is started anew is another matter."""

TOGETHER = timedelta(hours=1)
"""Within this of a Deployment that went past the bot a change in the cluster is taken for what it
brought, and not told twice."""


class Deployed(Value):
    """A Deployment that GitHub calls a success, as the signed webhook told of it."""

    repository: str
    environment: str
    deployment: int
    status: int
    commit: str
    ref: str
    actor: str
    run: int | None = None
    """The run whose job made it, where one did."""
    title: str = ""
    url: str = ""
    release: str | None = None
    """The release that its payload names; whoever may make Deployments may write one there."""


class Sight(Value):
    """What has the traffic, as the cluster or the ledger says it."""

    version: str | None = None
    image: str | None = None
    slot: Slot | None = None
    shares: str = ""
    """Where no slot has all of the traffic: who has how much."""

    def fingerprint(self) -> str:
        """Digest of what was seen: the same change is told once."""
        return digest(canonical([self.image, self.slot, self.shares]))


class Change(Value):
    """One change that went past the bot. `service` is empty where it can't be told."""

    key: str
    source: Literal["github", "cluster"]
    service: str
    environment: str
    before: Sight
    after: Sight
    seen_at: datetime
    since: datetime | None = None
    """Since when, where the source says."""
    deployed: Deployed | None = None
    bypassed: bool = False
    """The bot had not said yes to it at GitHub's gate."""
    found: str | None = None
    """Fingerprint of what the cluster showed of it."""


def before(entry: LedgerFact | None) -> Sight:
    """Say what should run, by the ledger."""
    if entry is None:
        return Sight()
    return Sight(version=entry.version, image=entry.image, slot=entry.slot)


def differs(
    entry: LedgerFact, traffic: TrafficFact, live: SlotFact | None, target: Target
) -> Sight | None:
    """Compare what has the traffic with the ledger; None where it is as it should be.

    What the ledger does not know is not compared.
    """
    if traffic.live is None or live is None:
        shares = ", ".join(f"{slot} {share} %" for slot, share in sorted(traffic.weights.items()))
        return Sight(shares=shares or "no slot is named")
    # What a Rollout calls its slots changes with each update; there the image tells.
    named = not (target.one_copy or target.is_rollout)
    moved = named and entry.slot is not None and entry.slot != live.slot
    other = entry.image is not None and live.image != entry.image
    if not (moved or other):
        return None
    version = live_version(live, target.image_pattern, [entry])
    return Sight(version=version, image=live.image, slot=live.slot)


def meant(catalog: Catalog, deployed: Deployed) -> tuple[str | None, tuple[str, ...]]:
    """Name the environment of the catalogue that it went to, and the services that it may be of."""
    environment = place_of(catalog, deployed.environment)
    if environment is None:
        return None, ()
    services = services_of(catalog, deployed.repository, environment)
    words = words_of(deployed.title)
    named = tuple(name for name in services if name in words)
    return environment, named if len(named) == 1 else services
