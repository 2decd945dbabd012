"""Until when a right is lent, as people say it; whose right can be used."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.checklists import Tick, marks, numbers, open_items, written
from bot.domain.lending import Delegation, read_until, usable
from tests.tester import ANA, BEN, CY

NOW = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "moment", "rest"),
    [
        ("until 18:00", at(4, 18), ""),
        ("until 16:30", at(5, 16, 30), ""),
        ("until 9:05 UTC away today", at(5, 9, 5), "away today"),
        ("UNTIL tomorrow 09:00 dentist", at(5, 9), "dentist"),
        ("until today 18:00", at(4, 18), ""),
        ("until 2026-03-07 12:00 UTC", at(7, 12), ""),
        ("until 3h", at(4, 19, 30), ""),
        ("for 3d on leave", at(7, 16, 30), "on leave"),
        ("until 18:00 dentist till seven", at(4, 18), "dentist till seven"),
        ("until 18:00 Europe/London", at(4, 18), ""),
        ("until tomorrow 09:00 Europe/Berlin holiday", at(5, 8), "holiday"),
    ],
)
def test_when_it_ends(words: str, moment: datetime, rest: str) -> None:
    assert read_until(words.split(), NOW, "UTC") == (moment, tuple(rest.split()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *((words, "Say how long: until 18:00") for words in ("", "until", "for", "for ever")),
        *((words, "Say how long: until 18:00") for words in ("until 2026-02-30 12:00", "18:00")),
        ("until 2026-03-01 12:00 away", "is over already"),
        ("until 18:00 Europe/Lodnon", "there is no time zone Europe/Lodnon"),
        ("for 99999w", "more than a year away"),
    ],
)
def test_what_is_no_time(words: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_until(words.split(), NOW, "UTC")


@given(st.lists(st.text(min_size=1), max_size=4))
def test_whatever_is_said_a_time_or_a_sentence_comes_of_it(words: list[str]) -> None:
    try:
        moment, rest = read_until(["until", *words], NOW, "UTC")
    except ValueError as error:
        moment, rest = NOW, ()
        said = str(error)
    else:
        said = "nothing is amiss"
    assert said
    assert moment.tzinfo is not None
    assert rest == tuple(words[len(words) - len(rest) :])


def lent(**changes: object) -> Delegation:
    made = Delegation(
        key="k", lender=ANA, to=BEN, environment="production", since=NOW, until=at(5, 9)
    )
    return made.model_copy(update=changes)


@pytest.mark.parametrize(
    "other",
    [
        lent(to=CY),
        lent(environment="staging"),
        lent(until=NOW),
        lent(since=NOW + timedelta(seconds=1)),
        lent(ended_at=NOW),
        lent(lender=CY),
    ],
)
def test_what_can_be_used(other: Delegation) -> None:
    mine = lent()
    found = usable([other, mine], BEN, "production", NOW, not_of=frozenset({CY}))
    assert found == (mine,)


ITEMS = ("a", "b", "c")


def tick(item: str, user: str = ANA) -> Tick:
    return Tick(release_id="rel-7k3f", digest="d", item=item, user=user, at=NOW)


def test_what_somebody_else_ticked_meanwhile_is_left_alone() -> None:
    found = marks(ITEMS, [tick("a")], shown=frozenset(), chosen=frozenset({1}), user=BEN)
    assert (found.on, found.off) == ((1,), ())


def test_who_is_quicker_than_the_card_can_take_back_their_own() -> None:
    found = marks(ITEMS, [tick("a", BEN)], shown=frozenset(), chosen=frozenset(), user=BEN)
    assert (found.on, found.off) == ((), (0,))


places = st.frozensets(st.integers(0, 5))


@given(shown=places, chosen=places, ticked=st.frozensets(st.sampled_from(ITEMS)))
def test_a_click_on_a_card_that_is_new_means_what_it_shows(
    shown: frozenset[int], chosen: frozenset[int], ticked: frozenset[str]
) -> None:
    ticks = [tick(item) for item in ticked]
    now = frozenset(ITEMS.index(item) for item in ticked)
    found = marks(ITEMS, ticks, shown=now, chosen=chosen, user=BEN)
    after = (now | set(found.on)) - set(found.off)
    assert after == {n for n in chosen if n < len(ITEMS)}
    assert len(open_items(ITEMS, ticks)) == len(ITEMS) - len(ticked)
    assert numbers(written(shown)) == shown
