"""Refusals of what people ask of environments: what, with which value, what to do next."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.durations import write_duration
from bot.domain.namespaces import Said
from bot.domain.reasons import Reason
from bot.errors import UserError
from bot.views.words import moment, people, person

MOST_NAMES = 4
"""Names that a question lists."""


def not_set_up() -> UserError:
    """The catalogue knows of no environments that come and go."""
    return UserError(
        "The catalogue has no part `ephemeral`, so there are no environments to speak of. "
        "docs/environments.md says how to add it.",
        Reason.NOT_SET_UP,
    )


def no_such_environment(name: str, guess: str | None) -> UserError:
    """No cluster has it."""
    mean = f" Did you mean {guess}?" if guess else " `/env list` lists them."
    return UserError(f'There is no environment "{name}".{mean}', Reason.UNKNOWN_NAME)


def ambiguous(name: str, handles: Sequence[str]) -> UserError:
    """The words may mean several."""
    shown = " or ".join(handles[:MOST_NAMES])
    more = f" or one of {len(handles) - MOST_NAMES} more" if len(handles) > MOST_NAMES else ""
    return UserError(f"{name} may be {shown}{more}. Say which.", Reason.UNKNOWN_NAME)


def too_long(handle: str, end: datetime, longest: timedelta, now: datetime) -> UserError:
    """The extension reaches too far."""
    has = f" It has until {moment(end, now)} already." if end > now else ""
    return UserError(
        f"That is too long: {handle} may run until {moment(now + longest, now)} at the most, "
        f"{write_duration(longest)} from now.{has} Say a shorter time.",
        Reason.TOO_LONG,
    )


def said_already(handle: str, said: Said, now: datetime) -> UserError:
    """Somebody was quicker: say who, when and what."""
    who = person(said.by) if said.by else "somebody"
    at = moment(said.at, now) if said.at else ""
    ends = [moment_ for moment_ in (said.expires_at, said.kept_until) if moment_ is not None]
    until = f" until {moment(max(ends), now)}" if ends else ""
    return UserError(
        f"That button is old: {who} said at {at} that {handle} stays{until}. "
        f"`/env extend {handle} 3d` adds more.",
        Reason.BUTTON_OLD,
    )


def outsider(what: str, who: Sequence[str]) -> UserError:
    """The person is a guest or of another workspace, whatever a mark says; say who may."""
    named = f" {people(list(who))} can." if who else " Nobody else has that role yet."
    return UserError(
        f"You can't {what}: guests and people from other workspaces have no rights here.{named}",
        Reason.NO_RIGHT,
    )


def gone(handle: str) -> UserError:
    """The environment that a button was for is there no more."""
    return UserError(f"That button is old: {handle} is gone.", Reason.BUTTON_OLD)


def made_anew(handle: str, at: datetime, now: datetime) -> UserError:
    """Another one has the name that the button was for."""
    return UserError(
        f"That button is old: {handle} was made anew at {moment(at, now)}. "
        f"`/env extend {handle} 3d` is about the new one.",
        Reason.BUTTON_OLD,
    )
