"""A baseline in the catalogue: refused where nothing could be compared, in one sentence each."""

import pytest

from bot.domain.targets import target_of
from integrations.catalog_file import CatalogError, parse_catalog

GOOD = """
organization: o
tiers: [t]
environments: {prod: {namespace: p, rights: {approve: [owners]}}}
roles: {r: {users: [U1]}}
services:
  orders:
    tier: t
    owners: {users: [U1]}
    repository: o/r
    image: "o/orders:{version}"
    deploy: {kubernetes: set-image}
    strategy: {kind: blue-green, traffic: gateway, weights: [10, 100]}
    kubernetes: {slot_service: "{service}-{slot}", route: "{service}", baseline: "{service}-baseline"}
    metrics:
      indicators:
        errors: {requests: 'r{pod=~"{service}-{slot}-.+"}', failed: 'f{pod=~"{service}-{slot}-.+"}', objective: 99}
"""  # noqa: E501 - selectors
METRICS = GOOD[GOOD.index("    metrics:") :]
GATEWAY = "kind: blue-green, traffic: gateway, weights: [10, 100]"


def problems(text: str) -> list[str]:
    """What is wrong, be it an error or a warning."""
    try:
        return [str(one) for one in parse_catalog(text, "c.yaml").warnings]
    except CatalogError as error:
        return str(error).splitlines()


def test_a_good_one_names_it_in_its_target() -> None:
    assert problems(GOOD) == []
    assert target_of(parse_catalog(GOOD).catalog, "orders", "prod").baseline == "orders-baseline"
    plain = GOOD.replace(', baseline: "{service}-baseline"', "")
    target = target_of(parse_catalog(plain).catalog, "orders", "prod")
    assert target.baseline is None
    assert "baseline" not in target.model_dump_json()


REFUSED = {
    "traffic: service": (
        GOOD.replace(GATEWAY, "kind: blue-green, traffic: service"),
        "needs traffic: gateway or istio, not service",
    ),
    "argo": (
        GOOD.replace(GATEWAY, "kind: canary, traffic: argo-rollouts, weights: [10, 100]")
        .replace('route: "{service}"', 'rollout: "{service}"')
        .replace("{slot}-.+", "{role}-.+"),
        "needs traffic: gateway or istio, not argo-rollouts",
    ),
    "rolling": (
        GOOD.replace(GATEWAY, "kind: rolling, traffic: gateway, weights: [10, 100]"),
        "needs two slots: what is replaced in place has nothing to be compared with",
    ),
    "one Deployment": (
        GOOD.replace(GATEWAY, "kind: rolling").replace(
            "kubernetes: {slot", 'kubernetes: {deployment: "{service}", slot'
        ),
        "needs two slots: what is replaced in place has nothing to be compared with",
    ),
    "no weights": (
        GOOD.replace("weights: [10, 100]", "weights: [100]"),
        "needs a weight below 100, at which it is compared: weights: [10, 50, 100]",
    ),
    "no indicators": (
        GOOD.replace(METRICS, ""),
        "needs metrics.indicators: without them nothing is compared",
    ),
    "containers by slot": (
        GOOD.replace("kubernetes: {slot", 'kubernetes: {container: "{service}-{slot}", slot'),
        "needs one name for the container of all copies: no {slot} in kubernetes.container",
    ),
    "a slot's own name": (
        GOOD.replace("{service}-baseline", "{service}-blue"),
        "is orders-blue, and can't be told from orders-blue: say {service}-baseline",
    ),
    "the beginning of a slot's": (
        GOOD.replace("{service}-baseline", "{service}"),
        "is orders, and can't be told from orders-blue: say {service}-baseline",
    ),
    "a slot's name at its beginning": (
        GOOD.replace("{service}-baseline", "{service}-green-baseline"),
        "is orders-green-baseline, and can't be told from orders-green: say {service}-baseline",
    ),
    "the other slot's own name": (
        GOOD.replace("{service}-baseline", "{service}-green"),
        "is orders-green, and can't be told from orders-green: say {service}-baseline",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_where_nothing_could_be_compared_it_is_refused(case: str) -> None:
    text, why = REFUSED[case]
    told = [line for line in problems(text) if "baseline" in line]
    assert len(told) == 1, problems(text)
    assert told[0].startswith("c.yaml:14:")
    assert told[0].endswith(f"services.orders.kubernetes.baseline: kubernetes.baseline {why}")


def test_what_only_looks_like_a_slots_name_is_none() -> None:
    """Pods are told apart by whole parts of their names: no dash, no beginning."""
    assert problems(GOOD.replace("{service}-baseline", "{service}-bluebase")) == []


def test_a_hole_for_the_slot_is_refused() -> None:
    found = problems(GOOD.replace("{service}-baseline", "{service}-{slot}-baseline"))
    assert any("{slot} can't stand here" in line for line in found)


def test_selectors_by_the_slots_label_would_never_find_it() -> None:
    by_label = GOOD.replace('pod=~"{service}-{slot}-.+"', 'slot="{slot}"')
    [line] = problems(by_label)
    assert "metrics.indicators.errors" in line
    assert 'slot="{slot}" finds no baseline' in line
    assert problems(by_label.replace(', baseline: "{service}-baseline"', "")) == []
