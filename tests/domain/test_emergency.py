"""Emergencies: what they pass, what they change of the rules, and when people are reminded."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.applying import applied
from bot.domain.emergency import NEVER, Review, may_pass, next_nag, override, passed_over
from bot.domain.gates import GATES
from bot.domain.gates.result import failed, passed, waiting
from bot.domain.permissions import permissions
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules, rules_for, rules_of
from integrations.catalog_file import parse_catalog
from tests.scenarios.test_emergency import GLASS
from tests.tester import CATALOG, DAN

REQUEST = ReleaseRequest(service="payments", version="v2.1.0", environment="production")
BROKEN = REQUEST.model_copy(update={"emergency": True, "reason": "Checkout is down"})
START = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)


def glass() -> Rules:
    return rules_of(parse_catalog(GLASS).catalog, BROKEN)


def test_only_what_stops_it_and_may_be_passed_is_overridden() -> None:
    gates = (
        passed("scans", "clean"),
        failed("checks", Reason.CHECKS_FAILED, "e2e is red.", "Mend it."),
        waiting("promoted", Reason.SOAKING, "Soaks.", next_step="", until=START),
        failed("version", Reason.VERSION_UNKNOWN, "No tag.", "Tag it."),
        failed("evidence", Reason.EVIDENCE_MISSING, "None.", "Submit it."),
    )
    found = {gate.gate: gate for gate in override(gates, glass(), DAN, "Checkout is down")}
    assert {name: gate.status for name, gate in found.items()} == {
        "scans": "passed",
        "checks": "overridden",
        "promoted": "overridden",
        "version": "failed",
        "evidence": "failed",
        "approvals": "overridden",
    }
    assert found["checks"].reason is Reason.CHECKS_FAILED
    assert found["checks"].next_step is None
    assert found["promoted"].until is None
    assert passed_over(found.values())["checks"] == "e2e is red."


def test_no_policy_lets_pass_what_says_what_can_be_done() -> None:
    names = {name for name, _ in GATES}
    assert set(NEVER) < names
    allowed = glass().emergency
    assert allowed is not None
    every = allowed.model_copy(update={"passes": tuple(names)})
    rules = glass().model_copy(update={"emergency": every})
    assert {name for name in names if not may_pass(name, rules)} == set(NEVER)


def test_without_a_policy_an_emergency_passes_nothing() -> None:
    rules = rules_of(parse_catalog(CATALOG).catalog, BROKEN)
    gates = (failed("checks", Reason.CHECKS_FAILED, "e2e is red.", "Mend it."),)
    assert override(gates, rules, DAN, "Checkout is down") == gates
    assert rules.approvals.count == 1


def test_it_changes_the_rules_of_emergencies_only() -> None:
    before = rules_for(parse_catalog(CATALOG).catalog, "payments", "production")
    catalog = parse_catalog(GLASS).catalog
    assert rules_of(catalog, REQUEST).fingerprint() == before.fingerprint()
    assert glass().fingerprint() != before.fingerprint()
    assert (glass().approvals.count, glass().usual_approvals) == (0, 1)


def test_policy_explains_it_and_the_table_has_who_may() -> None:
    catalog = parse_catalog(GLASS).catalog
    [said] = [one for one in applied(catalog, "payments", "production") if one.key == "emergency"]
    assert said.source == "policies.default.emergency (everywhere)"
    rights = {
        one.verb: one.roles for one in permissions(catalog) if one.environment == "production"
    }
    assert rights["emergency"] == ("responders",)
    assert rights["review"] == rights["reviewed"] == ("release-managers",)
    plain = {one.verb: one.roles for one in permissions(parse_catalog(CATALOG).catalog)}
    assert plain["emergency"] == plain["review"] == ()


@given(st.timedeltas(timedelta(0), timedelta(days=9)), st.integers(1, 72))
def test_there_is_always_a_next_reminder_and_they_become_rarer(
    after: timedelta, within: int
) -> None:
    due = START + timedelta(hours=within)
    review = Review(release_id="rel-7k3f", channel="C", roles=(), asked_at=START, due_at=due)
    now = START + after
    found = next_nag(review, now)
    assert found > now
    if now < due:
        assert found in (START + (due - START) / 2, due)
    elif now < due + timedelta(days=3):
        assert found - now <= timedelta(hours=4)
        assert (found - due) % timedelta(hours=4) == timedelta(0)
    else:
        assert found - now <= timedelta(days=1)
        assert (found - due) % timedelta(days=1) == timedelta(0)
