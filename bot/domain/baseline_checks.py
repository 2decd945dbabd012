"""What is wrong with a service's baseline in the catalogue. Part of `catalog_checks`."""

from collections.abc import Iterator
from typing import Literal

from bot.domain.catalog import IN_PLACE, Service

Found = tuple[tuple[str, ...], str, Literal["error", "warning"]]
"""Where below the service it is, what is wrong, and how bad that is."""

WEIGHTED = ("gateway", "istio")
"""Ways of moving traffic by which a service can be compared while both slots serve."""


def wrong_baseline(name: str, service: Service) -> Iterator[Found]:
    """Say why the service can't have the baseline that it names, or won't see it in its metrics."""
    pattern = service.kubernetes.baseline
    if pattern is None:
        return
    refused = _refused(name, pattern.format(service=name), service)
    if refused:
        yield ("kubernetes", "baseline"), f"kubernetes.baseline {refused}", "error"
    else:
        yield from _not_told_apart(service)


def _refused(name: str, baseline: str, service: Service) -> str | None:
    strategy, names = service.strategy, service.kubernetes
    slots = [names.deployment.format(service=name, slot=slot) for slot in ("blue", "green")]
    if strategy.kind in IN_PLACE or slots[0] == slots[1]:
        return "needs two slots: what is replaced in place has nothing to be compared with"
    if strategy.traffic not in WEIGHTED:
        return f"needs traffic: gateway or istio, not {strategy.traffic}"
    if len(strategy.weights) == 1:
        return "needs a weight below 100, at which it is compared: weights: [10, 50, 100]"
    if not service.metrics.indicators:
        return "needs metrics.indicators: without them nothing is compared"
    if "{slot}" in names.container:
        return "needs one name for the container of all copies: no {slot} in kubernetes.container"
    taken = next((slot for slot in slots if _one_begins(slot, baseline)), None)
    if taken is not None:
        return f"is {baseline}, and can't be told from {taken}: say {{service}}-baseline"
    return None


def _one_begins(one: str, other: str) -> bool:
    """Whether pods of one pass for the other's: they are told apart by how their names begin."""
    return f"{one}-".startswith(f"{other}-") or f"{other}-".startswith(f"{one}-")


def _not_told_apart(service: Service) -> Iterator[Found]:
    """Warn of selectors by the slot's label: the baseline's pods bear that of the live slot."""
    by_label = f'{service.kubernetes.slot_label}="{{slot}}"'
    for name, one in service.metrics.indicators.items():
        if any(by_label in text for text in (one.requests, one.failed or one.good or "")):
            message = (
                f"{by_label} finds no baseline, whose pods bear the live slot's label: go by their "
                'names, such as pod=~"{service}-{slot}-.+"'
            )
            yield ("metrics", "indicators", name), message, "warning"
