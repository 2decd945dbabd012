"""What people read of approvals: who said yes, what is missing, what became void. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.approving import Missing, Tally
from bot.domain.lending import Delegation
from bot.domain.plans import short_digest
from bot.domain.policies import Approvals
from bot.domain.releases import Approval, Release
from bot.views.blocks import cut
from bot.views.words import count, moment, people, person, safe

LOST = "they don't have the role any more"
"""Why a vote is void: as it is stored, and as people read it."""

SHOWN = 300
"""Characters of a comment that the thread shows; Details have all of it."""


def needed(found: Tally, rules: Approvals) -> str:
    """Say whom it waits for: `security and an owner`, `a release manager`."""
    if not rules.needs:
        roles = " or ".join(_bare(role).removesuffix("s") for role in rules.roles)
        return f"a {roles or 'person'}"
    others = bool(found.missing[:-1]) or found.have > 0
    words = [_place(one, others=others) for one in found.missing]
    return _listed(words) or "nobody more"


def _place(missing: Missing, *, others: bool) -> str:
    if not missing.roles:
        noun = "person" if missing.count == 1 else "people"
        return f"{missing.count} {noun}{' more' if others else ''}"
    return " or ".join(_holder(role, missing.count) for role in missing.roles)


def _holder(role: str, number: int) -> str:
    name = _bare(role)
    if not name.endswith("s"):
        return name if number == 1 else f"{number} people of {name}"
    if number > 1:
        return f"{number} {name}"
    one = name.removesuffix("s")
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _bare(role: str) -> str:
    return role.replace("-", " ")


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def voter(vote: Approval) -> str:
    """Name who voted, and with whose right."""
    lent = f" for {person(vote.for_user)}" if vote.for_user else ""
    return f"{person(vote.user)}{lent}"


def approved(vote: Approval, found: Tally) -> str:
    """Somebody said yes."""
    rest = "" if found.complete else f" {found.have} of {found.need}."
    return f"✓ {voter(vote)} approved plan {short_digest(vote.digest)}.{rest}{comment(vote)}"


def rejected(vote: Approval) -> str:
    """Somebody said no."""
    return f"✗ {voter(vote)} rejected this. Nothing was changed.{comment(vote)}"


def comment(vote: Approval) -> str:
    """Write what somebody added to their vote."""
    if not vote.comment:
        return ""
    return f" They say: {cut(safe(' '.join(vote.comment.split())), SHOWN)}"


def void(vote: Approval) -> str:
    """An answer does not count any more."""
    whose = person(vote.holder)
    lent = f" (its right was {whose}'s)" if vote.for_user else ""
    return f"! The approval of {person(vote.user)}{lent} is void: {vote.void}. Another is needed."


def used_again(release_id: str, users: Sequence[str]) -> str:
    """An earlier approval covers this."""
    return (
        f"✓ Approval of {release_id} by {people(tuple(users))} used again: "
        "the same commits, plan, policy and reports."
    )


def reminder(release: Release, found: Tally, could: Sequence[str], now: datetime) -> str:
    """Remind, before the time is over, and say who could approve."""
    rules = release.rules.approvals
    ends = f" It expires at {moment(release.expires_at, now)}." if release.expires_at else ""
    who = (
        f" {people(tuple(could))} can."
        if could
        else " Nobody else has that role: the catalogue says who."
    )
    what = needed(found, rules)
    return f"◷ Still waiting for {what} ({found.have} of {found.need}).{ends}{who}"


def ticked(user: str, items: Sequence[str], left: int) -> str:
    """Somebody ticked boxes of the checklist."""
    rest = f" {count(left, 'item')} to go." if left else " The checklist is done."
    return f"✓ {person(user)} ticked {_quoted(items)}.{rest}"


def unticked(user: str, items: Sequence[str]) -> str:
    """Somebody took a tick away."""
    return f"◷ {person(user)} took the tick from {_quoted(items)}."


def _quoted(items: Sequence[str]) -> str:
    return ", ".join(f'"{safe(item)}"' for item in items)


def lent(one: Delegation, now: datetime) -> str:
    """A right was lent; for the channel."""
    why = f" {safe(one.reason)}" if one.reason else ""
    return (
        f"{person(one.lender)} lends {person(one.to)} the right to approve in {one.environment} "
        f"until {moment(one.until, now)}.{why}"
    )


def taken_back(lender: str, to: str, environment: str) -> str:
    """A lent right has ended before its time."""
    return (
        f"{person(to)} can't approve in {environment} for {person(lender)} any more. "
        "What they approved stays approved."
    )


def delegations(found: Sequence[Delegation], now: datetime) -> str:
    """List the rights that are lent now."""
    if not found:
        return "Nobody has lent the right to approve. `/release help delegate` says how."
    return "\n".join(lent(one, now) for one in found)
