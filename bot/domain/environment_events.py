"""CDEvents of environments: what a newly loaded catalogue says of where services run.

Called by `engine.catalogs` in the transaction that takes a catalogue over. Pure. The catalogue is
all that the bot knows of an environment: who stands in it can be released to from then on, and who
left it can't. What namespaces come and go by other hands is not told.
"""

from datetime import UTC, datetime
from typing import Literal
from uuid import uuid5

from bot.domain.catalog import Catalog
from bot.domain.cdevents import written
from bot.domain.events import NAMESPACE, PlatformEvent

Fate = Literal["created", "modified", "deleted"]


def fates(old: Catalog, new: Catalog) -> dict[str, Fate]:
    """Tell which environments are new, are elsewhere than before, or are gone; by name, in order.

    What may be released there by whom is policy, and not the environment.
    """
    found: dict[str, Fate] = {}
    for name in sorted(old.environments.keys() | new.environments.keys()):
        if name not in old.environments:
            found[name] = "created"
        elif name not in new.environments:
            found[name] = "deleted"
        elif _where(old, name) != _where(new, name):
            found[name] = "modified"
    return found


def _where(catalog: Catalog, name: str) -> tuple[str | None, str | None]:
    environment = catalog.environments[name]
    return environment.cluster, environment.namespace


def environment_events(old: Catalog, new: Catalog, at: datetime) -> dict[str, PlatformEvent]:
    """Make an event for each environment that the change of the catalogue is about.

    One load is one chain. The catalogue may come back to what it was, so the moment is in the ids.
    """
    load = f"{new.organization}/catalogue/{new.fingerprint()}/{at.astimezone(UTC).isoformat()}"
    return {
        name: written(
            ("environment", fate),
            event_id=str(uuid5(NAMESPACE, f"{load}/{name}/{fate}")),
            chain=str(uuid5(NAMESPACE, f"{load}/chain")),
            subject=(name, {"name": name}),
            catalog=new,
            at=at,
        )
        for name, fate in fates(old, new).items()
    }
