"""The demo's copy of the catalogue: the same story on each day and at each hour."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.demo_catalog import short
from bot.demo_evidence import HandedIn, at_the_beginning, the_last_one
from bot.demo_world import NEXT
from bot.domain.catalog_checks import check
from bot.domain.gates import freeze, window
from bot.domain.gates.result import GateResult
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import rules_for
from integrations.catalog_file import parse_catalog
from tests.domain.facts import facts
from tests.test_command_line import EXAMPLE

CATALOG = parse_catalog(EXAMPLE.read_text()).catalog
YEARS = st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside them


def stops(service: str, now: datetime, after: timedelta) -> tuple[GateResult, GateResult]:
    """What freeze and window say of production, some time after the demo was started."""
    rules = rules_for(short(CATALOG, now), service, "production")
    request = ReleaseRequest(service=service, version="v9.0.0", environment="production")
    then = facts(at=now + after)
    frozen, opened = (gate.evaluate(request, then, rules) for gate in (freeze, window))
    assert frozen is not None
    assert opened is not None
    return frozen, opened


@given(YEARS, st.integers(0, 12 * 60))
def test_whenever_it_is_started_the_market_is_closed_and_the_year_s_end_is_near(
    now: datetime, minutes: int
) -> None:
    frozen, opened = stops("trading-decision", now, timedelta(minutes=minutes))
    assert (frozen.status, opened.status) == ("passed", "passed")
    assert frozen.sentence.startswith("no freeze now; year end at ")
    assert opened.sentence.startswith("market closed is open until ")


@given(YEARS)
def test_the_copy_is_a_good_catalogue_whose_exceptions_hold(now: datetime) -> None:
    copy = short(CATALOG, now)
    assert check(copy) == []
    waivers = [w for policy in copy.policies.values() for w in policy.waivers or ()]
    assert [w.id for w in waivers] == ["SEC-12"]
    assert all(w.until > now.date() for w in waivers)


def kinds(reports: tuple[HandedIn, ...], service: str) -> set[str]:
    return {
        one.kind for one in reports if (one.service, one.version) == (service, NEXT[service][1])
    }


def test_all_that_can_be_released_has_what_production_asks_for_but_one() -> None:
    asked = {kind.value for kind in rules_for(CATALOG, "web-ui", "production").evidence.required}
    lacking = {service: asked - kinds(at_the_beginning(), service) for service in NEXT}
    assert {service: less for service, less in lacking.items() if less} == {
        "reporting": {"compliance"}
    }
    last = the_last_one()
    assert (last.service, last.kind, last.workflow) == ("reporting", "compliance", "compliance.yml")
