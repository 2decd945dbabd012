"""An approval is used again once, and only where it provably covers the same: a table of cases."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import State
from bot.domain.policies import Approvals
from bot.domain.releases import Progress, Release
from bot.domain.reusing import Earlier, candidate, judge, seen_of
from tests.domain.facts import facts
from tests.tester import BEN, CY
from tests.views.releases import release, yes
from tests.virtual import START

SEEN = "s" * 64
NOW = START + timedelta(hours=1)


def old(state: State = State.CANCELLED, **changes: Any) -> Release:
    return release(state, id="rel-old1", seen=None, ended_at=START).model_copy(
        update={"seen": SEEN, **changes}
    )


def new(**changes: Any) -> Release:
    made = release(State.GATHERING, created_at=START + timedelta(minutes=30))
    return made.model_copy(update={"seen": SEEN, **changes})


def earlier(of: Release | None = None, **changes: Any) -> Earlier:
    of = of or old()
    return Earlier(release=of, votes=(yes(of),)).model_copy(update=changes)


def test_the_same_is_covered() -> None:
    again = judge(earlier(), new(), NOW)
    assert again is not None
    assert (again.covers, again.release_id) == (True, "rel-old1")


def test_where_nobody_had_approved_there_is_nothing_to_say() -> None:
    assert judge(earlier(votes=()), new(), NOW) is None


def of(**changes: Any) -> Callable[[], tuple[Earlier, Release]]:
    return lambda: (earlier(old(**changes)), new())


def now(**changes: Any) -> Callable[[], tuple[Earlier, Release]]:
    return lambda: (earlier(), new(**changes))


def votes(*made: Any) -> Callable[[], tuple[Earlier, Release]]:
    first = yes(old())
    changed = tuple(first.model_copy(update=one) for one in made)
    return lambda: (earlier(votes=changed), new())


def asks(rules: dict[str, Any]) -> Callable[[], tuple[Earlier, Release]]:
    found = new()
    changed = found.rules.model_copy(update={"approvals": Approvals(**rules)})
    return lambda: (earlier(), found.model_copy(update={"rules": changed}))


OTHER_PLAN = (release(State.GATHERING).plan_text or "").replace("v2.0.5", "v2.0.4")
OVERRIDDEN = (GateResult(gate="scans", status="overridden", sentence="passed by hand"),)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (of(state=State.REJECTED), "it was rejected"),
        (lambda: (earlier(rejected_by="rel-b"), new()), "rel-b was rejected since"),
        (lambda: (earlier(used_by="rel-c"), new()), "rel-c used it again already"),
        (of(expires_at=NOW), "its time is over"),
        (now(plan_text=OTHER_PLAN), "the live version changed"),
        (now(plan_text=None), "there is no plan to compare"),
        (now(diff=None), "the commits can't be compared"),
        (of(diff=None), "the commits can't be compared"),
        (
            now(diff=release(State.GATHERING).diff.model_copy(update={"commits": 3})),  # type: ignore[union-attr]
            "the commits since the live version are others",
        ),
        (now(seen=None), "what was known of the commit can't be compared"),
        (now(seen="t" * 64), "reports or checks of the commit are others"),
        (now(gates=OVERRIDDEN), "a gate was overridden"),
        (of(gates=OVERRIDDEN), "a gate was overridden"),
        (votes({"reused_from": "rel-x"}), "it was used again there already"),
        (votes({"for_user": CY}), "it was given with a lent right"),
        (votes({}, {"user": CY, "yes": False}), "it was rejected"),
        (asks({"count": 2}), "not enough people had approved it"),
        (asks({"needs": {"security": 1}}), "not enough people had approved it"),
        (
            lambda: (
                earlier(),
                new(asker=release(State.GATHERING).asker.model_copy(update={"user": BEN})),
            ),
            "who approved it asks now",
        ),
    ],
)
def test_what_differs_is_said(made: Callable[[], tuple[Earlier, Release]], words: str) -> None:
    again = judge(*made(), NOW)
    assert again is not None
    assert not again.covers
    assert any(words in one for one in again.differs), again.differs


def test_what_moved_traffic_ends_the_search() -> None:
    first = old().model_copy(update={"id": "rel-1"})
    moved = old(State.ROLLED_BACK, progress=Progress(moved=True)).model_copy(update={"id": "rel-2"})
    last = old().model_copy(update={"id": "rel-3"})
    other = last.model_copy(update={"request": last.request.model_copy(update={"version": "v9"})})
    found = candidate(new(), [new(), last, other, moved, first])
    assert [one.id for one in found] == ["rel-3"]


def test_what_could_not_be_read_is_never_the_same() -> None:
    assert seen_of(facts()) == seen_of(facts())
    assert seen_of(facts()) != seen_of(facts(checks=()))
