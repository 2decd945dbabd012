"""What applies to one service in one environment, and which policy of the catalogue says so. Pure.

Used by `rules_for`, and printed by `release-bot policy explain`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

from bot.domain.catalog import Catalog
from bot.domain.indicators import Doubt
from bot.domain.policies import (
    Approvals,
    Emergency,
    EvidenceRules,
    Policy,
    ScanThresholds,
    Waiver,
)
from bot.domain.policies import StrategyKind as Kind
from bot.domain.stops import Window
from bot.domain.value import Value

DEFAULT = "default"
"""The policy that stands under all others, where the catalogue has one of that name."""


class Layer(Value):
    """One policy of the catalogue, and where it is named."""

    policy: str
    where: str
    """`everywhere`, `environment production`, `tier trading` or `service orders`."""


class Applied(Value):
    """One rule: its key, what it says, and who says so."""

    key: str
    value: Any
    source: str


class Effective(Value):
    """All that applies, whoever said it."""

    scans: ScanThresholds
    analysis: Doubt
    strategies: tuple[Kind, ...] | None
    smoke_hosts: tuple[str, ...]
    evidence: EvidenceRules
    waivers: tuple[Waiver, ...]
    windows: tuple[Window, ...]
    soak: timedelta
    approvals: Approvals
    logs: Literal["off", "allowed"]
    emergency: Emergency | None


def layers(catalog: Catalog, service: str | None, environment: str) -> tuple[Layer, ...]:
    """List the policies that apply, the widest first; without a service those of all of them."""
    entry = catalog.services[service] if service else None
    env = catalog.environments[environment]
    named = [
        (DEFAULT if DEFAULT in catalog.policies else None, "everywhere"),
        (env.policy if env.policy != DEFAULT else None, f"environment {environment}"),
        (catalog.tier_policies.get(entry.tier), f"tier {entry.tier}") if entry else (None, ""),
        (entry.policy, f"service {service}") if entry else (None, ""),
    ]
    return tuple(Layer(policy=policy, where=where) for policy, where in named if policy)


def emergency_of(catalog: Catalog, service: str | None, environment: str) -> Emergency | None:
    """Give what the narrowest policy says of emergencies; without a service, the environment's."""
    named = [catalog.policies[one.policy] for one in layers(catalog, service, environment)]
    return next((one.emergency for one in reversed(named) if one.emergency is not None), None)


def applied(catalog: Catalog, service: str, environment: str) -> tuple[Applied, ...]:
    """Say for each key what applies and who says so; the narrowest policy that speaks of it."""
    env = catalog.environments[environment]
    own = f"environments.{environment}"
    wide: dict[str, tuple[Any, str]] = {
        "scans": (ScanThresholds(), "built in"),
        "analysis": (Doubt(), "built in"),
        "strategies": (None, "built in"),
        "smoke_hosts": ((), "built in"),
        "evidence": (EvidenceRules(), "built in"),
        "waivers": ((), "built in"),
        "windows": ((), "built in"),
        "soak": (env.soak, f"{own}.soak" if env.soak else "built in"),
        "approvals": (env.approvals, f"{own}.approvals"),
        "logs": ("off", "built in"),
        "emergency": (None, "built in"),
    }
    said = wide | dict(_said(catalog, service, environment))
    return tuple(Applied(key=key, value=value, source=by) for key, (value, by) in said.items())


def _said(
    catalog: Catalog, service: str, environment: str
) -> Iterator[tuple[str, tuple[Any, str]]]:
    for layer in layers(catalog, service, environment):
        policy: Policy = catalog.policies[layer.policy]
        for key in Policy.model_fields:
            value = getattr(policy, key)
            if value is not None:
                yield key, (value, f"policies.{layer.policy}.{key} ({layer.where})")


def effective(catalog: Catalog, service: str, environment: str) -> Effective:
    """Collect what applies to a service in an environment; both must be in the catalogue."""
    found = {one.key: one.value for one in applied(catalog, service, environment)}
    return Effective(**found)


def shows_logs(catalog: Catalog, service: str, environment: str) -> bool:
    """Whether people may ask for lines of a service's pods; not where it is in no catalogue."""
    if service not in catalog.services or environment not in catalog.environments:
        return False
    return effective(catalog, service, environment).logs == "allowed"
