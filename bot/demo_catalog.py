"""The demo's copy of QuantiVista's catalogue: bakes of seconds, and a calendar without surprises.

What the catalogue says of days and hours is moved, so that the demo is the same on each day and at
each hour: the market has closed, the year's end is near, exceptions still hold. Used by `demo`.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.catalog import Catalog, Environment, Service
from bot.domain.environments import Reports
from bot.domain.indicators import Doubt
from bot.domain.policies import Policy
from bot.domain.stops import Freeze

JUDGED = "order-management"
"""The service whose bakes are long enough for its metrics to tell something."""

QUICK = {
    "every": timedelta(seconds=1),
    "scrape": timedelta(seconds=1),
    "late": timedelta(seconds=0.3),
    "warm_up": timedelta(seconds=0.5),
}
"""How often metrics are scraped and looked at here."""

SINCE, OPEN = timedelta(hours=2), timedelta(hours=16)
"""The first window opened so long ago, and is open for so long."""

AHEAD, LASTS, APART = timedelta(days=9), timedelta(days=14), timedelta(days=60)
"""The first freeze begins so far ahead and lasts so long; the others follow at this distance."""

EXCEPTIONS = timedelta(days=30)
"""Allowed exceptions hold for so long yet."""


def short(catalog: Catalog, now: datetime) -> Catalog:
    """Copy the catalogue with bakes of seconds, so that a demo is not a working day."""
    zone = catalog.calendars.zone
    services = {name: _quick(name, entry) for name, entry in catalog.services.items()}
    policies = {name: _moved(entry, zone, now) for name, entry in catalog.policies.items()}
    places = {name: _thawed(entry, zone, now) for name, entry in catalog.environments.items()}
    # What appears by the clock would come between a person and the card they look at.
    changes = {"services": services, "policies": policies, "environments": places}
    return catalog.model_copy(update={**changes, "reports": Reports()})


def _quick(name: str, service: Service) -> Service:
    bake = timedelta(seconds=12 if name == JUDGED else 1.2)
    times = {"bake": bake, "watch": timedelta(seconds=2)}
    return service.model_copy(
        update={
            "strategy": service.strategy.model_copy(update=times),
            "metrics": service.metrics.model_copy(update=QUICK),
        }
    )


def _moved(policy: Policy, zone: str, now: datetime) -> Policy:
    # In a second nothing can be told: what asks at the end of a bake goes on here instead.
    changes: dict[str, object] = {"analysis": Doubt(undecided="go-on")}
    if policy.waivers:
        until = (now + EXCEPTIONS).date()
        changes["waivers"] = tuple(w.model_copy(update={"until": until}) for w in policy.waivers)
    if policy.windows:
        opened = (now - SINCE).astimezone(ZoneInfo(zone))
        when = f"Mon-Sun {opened:%H:00}-{opened + OPEN:%H:00} {zone}"
        changes["windows"] = (policy.windows[0].model_copy(update={"when": when}),)
    return policy.model_copy(update=changes)


def _thawed(environment: Environment, zone: str, now: datetime) -> Environment:
    here = now.astimezone(ZoneInfo(zone))
    freezes = tuple(
        _later(freeze, here + AHEAD + number * APART)
        for number, freeze in enumerate(environment.freezes)
    )
    return environment.model_copy(update={"freezes": freezes})


def _later(freeze: Freeze, start: datetime) -> Freeze:
    when = f"{start:%Y-%m-%d} .. {start + LASTS:%Y-%m-%d}"
    return freeze.model_copy(update={"when": when})
