"""Counting votes, authors, reminders: pure. The matching is held against brute force."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.approving import (
    Missing,
    authorship,
    counting,
    matched,
    next_look,
    reminder_due,
    reminders,
    tally,
)
from bot.domain.facts import Diff
from bot.domain.lifecycle import State
from bot.domain.policies import Approvals
from bot.domain.releases import Approval
from tests.tester import ANA, BEN, CY, DAN
from tests.views.releases import release
from tests.virtual import START

ROLES = ("managers", "security", "owners")


def vote(user: str, *roles: str, for_user: str | None = None, **changes: object) -> Approval:
    made = Approval(
        release_id="rel-7k3f", digest="d", user=user, yes=True, at=START, roles=roles
    ).model_copy(update=changes)
    return made.model_copy(update={"for_user": for_user})


def rules(count: int = 1, **needs: int) -> Approvals:
    return Approvals(count=count, needs=needs)


def test_one_person_with_two_roles_fills_one_place() -> None:
    found = tally([vote(BEN, "managers", "security")], "d", rules(managers=1, security=1))
    assert (found.have, found.need) == (1, 2)
    assert found.missing == (Missing(roles=("security", "managers"), count=1),)


def test_who_came_first_moves_on_where_that_helps() -> None:
    votes = [vote(BEN, "managers", "security"), vote(CY, "managers")]
    assert tally(votes, "d", rules(managers=1, security=1)).complete


def test_the_count_asks_for_more_than_the_roles() -> None:
    asked = rules(3, security=1)
    found = tally([vote(BEN, "security"), vote(CY, "security")], "d", asked)
    assert (found.have, found.need) == (2, 3)
    assert found.missing == (Missing(roles=(), count=1),)
    found = tally([vote(BEN, "managers"), vote(CY, "managers"), vote(DAN)], "d", asked)
    assert (found.have, found.complete) == (2, False)
    assert found.missing == (Missing(roles=("security",), count=1),)


def test_what_does_not_count() -> None:
    votes = [
        vote(BEN, "managers", void="removed"),
        vote(CY, "managers", yes=False),
        vote(DAN, "managers", digest="another"),
    ]
    assert counting(votes, "d") == ()


@pytest.mark.parametrize(
    "second", [vote(ANA, "managers"), vote(CY, "managers", for_user=ANA), vote(BEN, "managers")]
)
def test_a_right_counts_once_whoever_used_it(second: Approval) -> None:
    votes = [vote(BEN, "managers", for_user=ANA), second]
    assert len(counting(votes, "d")) == 1


people = st.lists(st.frozensets(st.sampled_from(ROLES)), max_size=5)
needed = st.lists(st.sampled_from(ROLES), max_size=5)


def brute(places: list[str], voters: list[frozenset[str]]) -> int:
    """Most places that any seating fills: each order of the voters, each seat in turn."""
    seats = [*voters, *([frozenset[str]()] * len(places))]
    return max(
        sum(role in who for role, who in zip(places, order, strict=False))
        for order in permutations(seats, len(places))
    )


@given(places=needed, voters=people)
def test_the_matching_is_the_best_there_is(places: list[str], voters: list[frozenset[str]]) -> None:
    filled = matched(places, voters)
    assert len(set(filled.values())) == len(filled)
    assert all(places[place] in voters[voter] for place, voter in filled.items())
    assert len(filled) == brute(places, voters)


@given(
    needs=st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), max_size=3),
    count=st.integers(0, 5),
    voters=people,
)
def test_whoever_is_said_to_be_missing_helps(
    needs: dict[str, int], count: int, voters: list[frozenset[str]]
) -> None:
    asked = Approvals(count=count, needs=needs)
    votes = [vote(f"U{n}", *roles) for n, roles in enumerate(voters)]
    found = tally(votes, "d", asked)
    assert found.complete == (found.have == found.need) == (not found.missing)
    assert sum(one.count for one in found.missing) == found.need - found.have
    for missing in found.missing:
        for role in missing.roles or ("none at all",):
            more = tally([*votes, vote("UNEW", role)], "d", asked)
            assert more.have == found.have + 1


DIFF = Diff(commits=2, authors=("Ana", "dan"), url="")


@pytest.mark.parametrize(
    ("diff", "login", "wanted"),
    [
        (DIFF, "ben", "other"),
        (DIFF, "ana", "author"),
        (DIFF, None, "no_login"),
        (None, "ben", "unknown"),
        (DIFF.model_copy(update={"unlisted": 3}), "ben", "unlisted"),
        (DIFF.model_copy(update={"unlinked": 1}), "ben", "unlinked"),
        (DIFF.model_copy(update={"unlisted": 3}), "dan", "author"),
    ],
)
def test_whose_commits_they_are(diff: Diff | None, login: str | None, wanted: str) -> None:
    assert authorship(diff, login) == wanted


def test_reminders_come_at_half_of_the_time_and_before_its_end() -> None:
    open_one = release(State.AWAITING_APPROVAL)
    half, last = reminders(open_one)
    assert half == START + timedelta(hours=4)
    assert last == START + timedelta(hours=7, minutes=45)
    assert reminder_due(open_one, half - timedelta(seconds=1)) is None
    assert reminder_due(open_one, half) == half
    told = open_one.model_copy(update={"reminded": half})
    assert reminder_due(told, half) is None
    assert reminder_due(told, last) == last
    assert next_look(open_one, half) == last
    assert next_look(open_one, last) == open_one.expires_at


def test_a_short_time_has_one_reminder() -> None:
    brief = release(State.AWAITING_APPROVAL, expires_at=START + timedelta(minutes=20))
    assert reminders(brief) == (START + timedelta(minutes=10),)
