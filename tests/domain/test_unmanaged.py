"""What counts as a change that went past the bot."""

from typing import Any

from bot.domain.facts import LedgerFact, TrafficFact
from bot.domain.targets import ARGO, WHOLE, Target, target_of
from bot.domain.unmanaged import Deployed, Sight, before, differs, meant
from tests.domain.facts import catalog, slot
from tests.tester import REPO
from tests.virtual import START

TARGET = target_of(catalog(), "payments", "production")
ENTRY = LedgerFact(
    version="v2.0.5",
    commit=None,
    slot="blue",
    since=START,
    source="released",
    image="quantivista/payments:v2.0.5",
)
OTHER = "quantivista/payments:v6.6.6"


def traffic(blue: int) -> TrafficFact:
    return TrafficFact(weights={"blue": blue, "green": 100 - blue}, serving={})


def compared(
    entry: LedgerFact = ENTRY, blue: int = 100, target: Target = TARGET, **live: Any
) -> Sight | None:
    shares = traffic(blue)
    return differs(entry, shares, slot(shares.live, **live) if shares.live else None, target)


def test_the_same_image_on_the_same_slot_is_none() -> None:
    assert compared() is None


def test_another_image_is_one_with_its_version() -> None:
    assert compared(image=OTHER) == Sight(version="v6.6.6", image=OTHER, slot="blue")


def test_another_slot_is_one_though_the_image_be_the_same() -> None:
    assert compared(blue=0) == Sight(version="v2.0.5", image=ENTRY.image, slot="green")


def test_where_slots_are_only_names_the_image_tells() -> None:
    for traffic_ in (WHOLE, ARGO):
        target = TARGET.model_copy(update={"traffic": traffic_})
        assert compared(blue=0, target=target) is None
        assert compared(blue=0, target=target, image=OTHER) is not None


def test_split_traffic_is_one() -> None:
    assert compared(blue=30) == Sight(shares="blue 30 %, green 70 %")


def test_what_the_ledger_does_not_know_is_not_compared() -> None:
    blank = ENTRY.model_copy(update={"image": None, "slot": None})
    assert compared(blank, image=OTHER) is None
    assert compared(blank, blue=0) is None


def test_the_same_sight_has_the_same_mark_and_another_another() -> None:
    first, same, second = compared(image=OTHER), compared(image=OTHER), compared(blue=0)
    assert first
    assert same
    assert second
    assert first.fingerprint() == same.fingerprint() != second.fingerprint()


def deployed(environment: str = "production", title: str = "", repo: str = REPO) -> Deployed:
    return Deployed(
        repository=repo,
        environment=environment,
        deployment=1,
        status=2,
        commit="a" * 40,
        ref="main",
        actor="ana",
        title=title,
    )


def test_whose_deployment_it_may_be() -> None:
    everybody = ("config", "orders", "payments")
    assert meant(catalog(), deployed()) == ("production", everybody)
    assert meant(catalog(), deployed("PROD", "deploy payments v1")) == ("production", ("payments",))
    assert meant(catalog(), deployed(title="payments orders")) == ("production", everybody)
    assert meant(catalog(), deployed("preview-7")) == (None, ())
    assert meant(catalog(), deployed(repo="quantivista/other")) == ("production", ())


def test_before_is_the_ledgers_word() -> None:
    assert before(None) == Sight()
    assert before(ENTRY) == Sight(version="v2.0.5", image=ENTRY.image, slot="blue")
