"""Which policy applies: the narrower wins, key by key, and it is known who says so."""

from datetime import timedelta

import pytest

from bot.domain.applying import applied, effective, layers
from bot.domain.catalog import Catalog
from bot.domain.evidence import Kind
from bot.domain.rules import rules_for
from integrations.catalog_file import parse_catalog
from tests.tester import CATALOG

LAYERED = (
    CATALOG.replace(
        "policies: {default: {scans: {critical: 0, high: 0}}}",
        """policies:
  default: {scans: {critical: 0, high: 0}, evidence: {required: [unit]}}
  careful: {evidence: {required: [e2e, sast], fresh: 7d}, soak: 2h}
  floor: {soak: 1d, approvals: {count: 2, from: [release-managers]}}
  own: {scans: {critical: 0, high: 3}}
tier_policies: {trading: floor}""",
    )
    .replace("    soak: 1h\n", "    soak: 1h\n    policy: careful\n")
    .replace("  payments:\n", "  payments:\n    policy: own\n")
)


def catalog() -> Catalog:
    return parse_catalog(LAYERED).catalog


def test_the_layers_go_from_wide_to_narrow() -> None:
    names = [(layer.policy, layer.where) for layer in layers(catalog(), "payments", "production")]
    assert names == [
        ("default", "everywhere"),
        ("careful", "environment production"),
        ("floor", "tier trading"),
        ("own", "service payments"),
    ]


def test_the_narrower_wins_key_by_key() -> None:
    said = effective(catalog(), "payments", "production")
    assert said.scans.high == 3
    assert said.evidence.required == (Kind.E2E, Kind.SAST)
    assert said.soak == timedelta(days=1)
    assert said.approvals.count == 2
    elsewhere = effective(catalog(), "config", "staging")
    assert (elsewhere.scans.high, elsewhere.evidence.required) == (0, (Kind.UNIT,))
    assert elsewhere.soak == timedelta(0)


def test_it_is_known_who_says_so() -> None:
    sources = {rule.key: rule.source for rule in applied(catalog(), "payments", "production")}
    assert sources["scans"] == "policies.own.scans (service payments)"
    assert sources["soak"] == "policies.floor.soak (tier trading)"
    assert sources["evidence"] == "policies.careful.evidence (environment production)"
    assert sources["analysis"] == "built in"
    staging = {rule.key: rule.source for rule in applied(catalog(), "config", "staging")}
    assert staging["approvals"] == "environments.staging.approvals"


def test_a_release_is_judged_by_it() -> None:
    rules = rules_for(catalog(), "payments", "production")
    assert (rules.scans.high, rules.soak, rules.approvals.count) == (3, timedelta(days=1), 2)


def test_what_nobody_uses_changes_no_fingerprint() -> None:
    plain = parse_catalog(CATALOG).catalog
    before = rules_for(plain, "payments", "production").fingerprint()
    with_layers = rules_for(catalog(), "payments", "production").fingerprint()
    assert before != with_layers
    unused = CATALOG + "tier_policies: {core: default}\n"
    after = rules_for(parse_catalog(unused).catalog, "payments", "production").fingerprint()
    assert before == after


@pytest.mark.parametrize("where", ["config", "orders"])
def test_a_policy_of_a_tier_reaches_its_services_only(where: str) -> None:
    soak = effective(catalog(), where, "production").soak
    assert soak == (timedelta(hours=2) if where == "config" else timedelta(days=1))
