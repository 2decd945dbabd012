"""One line about one environment or one service that falls behind. Used by `reports`."""

import re
from datetime import datetime, timedelta
from typing import assert_never

from bot.domain.behind import Lag, Late
from bot.domain.namespaces import Passing
from bot.domain.stale import Cause, Judged, Reason
from bot.domain.versions import bare
from bot.views.blocks import cut
from bot.views.words import count, moment, person, safe

_USER = re.compile(r"[UW](?=[A-Z]*[0-9])[A-Z0-9]{8,}")
"""A Slack user id that the catalogue doesn't name: its length and its digits tell it from a team
called UNKNOWN or WEB2."""

LONGEST_PART = 200
"""Characters of an image's name in a line."""


def owner_words(one: Passing) -> str:
    """Name an environment's owner, or say that there is none."""
    if one.owner is None:
        return "No owner"
    known = one.owner_known or _USER.fullmatch(one.owner)
    return person(one.owner) if known else safe(one.owner)


def row(one: Judged, now: datetime) -> str:
    """Write one stale environment below its owner: name, age, the one reason that matters."""
    found = one.environment
    lived = age(now - found.created_at)
    return f"*{safe(found.handle)}* · {lived} · {cause_words(one.causes[0], now)}"


def cause_words(cause: Cause, now: datetime) -> str:
    """Say why an environment is stale, or why that isn't known."""
    since = moment(cause.since, now) if cause.since else ""
    match cause.reason:
        case Reason.EXPIRED:
            return f"expired {since}"
        case Reason.BRANCH_MERGED:
            return f"{safe(cause.what or '')} was merged {since}"
        case Reason.BRANCH_GONE:
            return f"its branch {safe(cause.what or '')} is gone"
        case Reason.NOT_DEPLOYED:
            return f"not deployed since {since}"
        case Reason.UNKNOWN:
            return f"not known: {safe(cause.what or '')}"
        case _:
            assert_never(cause.reason)


def age(lived: timedelta) -> str:
    """Write an age: `41 days`, `5 h`, `under an hour`."""
    if lived >= timedelta(days=1):
        return count(lived.days, "day")
    hours = int(lived.total_seconds()) // 3600
    return f"{hours} h" if hours else "under an hour"


def late_row(one: Late, now: datetime) -> str:
    """Write how one service falls behind."""
    name = f"*{safe(one.service)}*"
    newer, runs = bare(one.newer or ""), one.runs or ""
    since = moment(one.since, now) if one.since else ""
    match one.lag:
        case Lag.IMAGE_UNTAGGED:
            return (
                f"{name} · {one.environment} runs {safe(cut(runs, LONGEST_PART))}, which no tag has"
            )
        case Lag.NEVER_PROMOTED:
            there = f"{one.before} has had it since {since}, and runs {newer}"
            return f"{name} · never promoted to {one.environment}: {there}"
        case Lag.VERSIONS_BEHIND | Lag.DAYS_BEHIND:
            ahead = f"{one.before} {newer} is ahead of {one.environment} {bare(runs)}"
            by = f" by {count(one.versions, 'version')}" if one.versions else ""
            return f"{name} · {ahead}{by}, since {since}"
        case _:
            assert_never(one.lag)


def list_row(one: Judged, now: datetime) -> str:
    """Write one environment, stale or not: name, owner, age, how it stands."""
    found = one.environment
    if one.stale:
        state = f"stale: {cause_words(one.causes[0], now)}"
    elif one.kept_until is not None:
        state = f"called not stale until {moment(one.kept_until, now)}"
    elif one.unsure:
        state = cause_words(one.causes[-1], now)
    elif one.until is not None:
        state = f"until {moment(one.until, now)}"
    else:
        state = "in use"
    lived = age(now - found.created_at)
    return f"• *{safe(found.handle)}* · {owner_words(found)} · {lived} · {state}"
