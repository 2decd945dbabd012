"""Approving: do the votes fill what is needed, whose are they, when are people reminded. Pure.

Used by `engine.approving`, by the gathering tick and by the card.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.facts import Diff
from bot.domain.policies import Approvals
from bot.domain.releases import Approval, Release
from bot.domain.value import Value

REMIND_BEFORE = timedelta(minutes=15)
"""How long before the end the last reminder comes."""


class Missing(Value):
    """Places that nobody fills: how many, and which roles would. No role: whoever may approve."""

    roles: tuple[str, ...]
    count: int


class Tally(Value):
    """How far the votes go. `have` of `need` places are filled."""

    have: int
    need: int
    missing: tuple[Missing, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nobody more is needed."""
        return self.have >= self.need


def counting(votes: Iterable[Approval], digest: str) -> tuple[Approval, ...]:
    """Pick the votes that count for a plan: one a person, and one for each right that was used."""
    found: list[Approval] = []
    for vote in votes:
        ones = {person for other in found for person in (other.user, other.holder)}
        if vote.counts and vote.digest == digest and not {vote.user, vote.holder} & ones:
            found.append(vote)
    return tuple(found)


def tally(votes: Iterable[Approval], digest: str, rules: Approvals) -> Tally:
    """Count. One person fills one place, whatever roles they have."""
    voters = [frozenset(vote.roles) for vote in counting(votes, digest)]
    places = [role for role, count in rules.needs.items() for _ in range(count)]
    filled = matched(places, voters)
    free = rules.total - len(places)
    taken = min(free, len(voters) - len(filled))
    return Tally(
        have=len(filled) + taken,
        need=rules.total,
        missing=_missing(places, voters, filled, free - taken),
    )


def matched(places: Sequence[str], voters: Sequence[frozenset[str]]) -> dict[int, int]:
    """Fill as many places as can be filled: from the place's number to the voter's.

    Each voter in turn takes a place of a role that they have; where it is taken, its voter moves
    on if there is somewhere to go (augmenting paths).
    """
    filled: dict[int, int] = {}

    def seat(voter: int, tried: set[int]) -> bool:
        for place, role in enumerate(places):
            if role not in voters[voter] or place in tried:
                continue
            tried.add(place)
            if place not in filled or seat(filled[place], tried):
                filled[place] = voter
                return True
        return False

    for voter in range(len(voters)):
        seat(voter, set())
    return filled


def _missing(
    places: Sequence[str], voters: Sequence[frozenset[str]], filled: Mapping[int, int], free: int
) -> tuple[Missing, ...]:
    open_ones = [role for place, role in enumerate(places) if place not in filled]
    counts = Counter(_who_would_do(role, places, voters, filled) for role in open_ones)
    found = [Missing(roles=roles, count=count) for roles, count in counts.items()]
    return (*found, Missing(roles=(), count=free)) if free > 0 else tuple(found)


def _who_would_do(
    role: str, places: Sequence[str], voters: Sequence[frozenset[str]], filled: Mapping[int, int]
) -> tuple[str, ...]:
    """Name the roles that would fill a place: its own, and those whose voter could move to it."""
    roles = [role]
    for wanted in roles:
        for place, voter in filled.items():
            if wanted in voters[voter] and places[place] not in roles:
                roles.append(places[place])
    return tuple(roles)


Authorship = Literal["other", "author", "no_login", "unknown", "unlisted", "unlinked"]
"""What is known of a person and the commits: only `other` lets them approve."""


def authorship(diff: Diff | None, login: str | None) -> Authorship:
    """Say whether somebody's commits are in a diff. `login`: theirs on GitHub, where it is known.

    What can't be told is told apart, and is never taken for a no.
    """
    if diff is None:
        return "unknown"
    if login is None:
        return "no_login"
    if login.lower() in {author.lower() for author in diff.authors}:
        return "author"
    if diff.unlisted:
        return "unlisted"
    return "unlinked" if diff.unlinked else "other"


def reminders(release: Release) -> tuple[datetime, ...]:
    """List when people are reminded: at half of the time, and shortly before its end."""
    if release.expires_at is None:
        return ()
    half = release.created_at + (release.expires_at - release.created_at) / 2
    return tuple(sorted({half, max(half, release.expires_at - REMIND_BEFORE)}))


def reminder_due(release: Release, now: datetime) -> datetime | None:
    """Give the newest moment that has come and was not reminded of; None: there is none."""
    last = release.reminded or release.created_at
    return max((one for one in reminders(release) if last < one <= now), default=None)


def next_look(release: Release, now: datetime) -> datetime | None:
    """When a release that waits for approval has its next turn: a reminder, or the end."""
    ahead = [one for one in reminders(release) if one > now]
    return min([*ahead, *([release.expires_at] if release.expires_at else [])], default=None)
