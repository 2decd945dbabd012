"""Refusals of an emergency and of its review. Each has a reason code."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.emergency import LEAST_REASON, MOST_REASON, Review
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.errors import UserError
from bot.views.refusals import state_words
from bot.views.words import moment, people, person


def check_emergency(request: ReleaseRequest, rules: Rules) -> None:
    """Raise where policy allows no emergency, or nobody says why there is one."""
    why = " ".join((request.reason or "").split())
    say = 'Say why: `--emergency --reason "what is broken, and what this mends"`.'
    if not why:
        raise UserError(
            f"An emergency needs a reason. {say} Nothing was asked for.",
            Reason.EMERGENCY_UNEXPLAINED,
        )
    if len(why) < LEAST_REASON:
        raise UserError(
            f'"{why}" is too short for a reason; {LEAST_REASON} characters are the least. {say} '
            "Nothing was asked for.",
            Reason.EMERGENCY_UNEXPLAINED,
        )
    if len(why) > MOST_REASON:
        raise UserError(
            f"The reason has {len(why)} characters; {MOST_REASON} are the most. "
            "Nothing was asked for.",
            Reason.EMERGENCY_UNEXPLAINED,
        )
    if rules.emergency is None:
        raise UserError(
            f"The policy of {request.service} in {request.environment} allows no emergency. "
            "Ask without --emergency. Nothing was asked for.",
            Reason.EMERGENCY_NOT_ALLOWED,
        )


def no_emergency(release: Release) -> UserError:
    """There is nothing to review."""
    return UserError(
        f"{release.id} was no emergency: there is nothing to review.", Reason.NOTHING_TO_DO
    )


def own_emergency(others: Sequence[str]) -> UserError:
    """Nobody reviews the emergency that they asked for."""
    who = f" Any of {people(list(others))} can." if others else " Nobody else has that role yet."
    return UserError(f"You can't review this: you broke the glass.{who}", Reason.OWN_REQUEST)


def not_ended(release: Release) -> UserError:
    """What has not ended can't be judged."""
    return UserError(
        f"{release.id} {state_words(release)}. Review it when it has ended: more may be overridden "
        "until then.",
        Reason.NOT_ENDED,
    )


def reviewed_already(review: Review, now: datetime) -> UserError:
    """Somebody was quicker."""
    by = person(review.done_by) if review.done_by else "somebody"
    at = moment(review.done_at, now) if review.done_at else "an unknown time"
    return UserError(f"{by} reviewed {review.release_id} at {at}.", Reason.ALREADY_SAID)
