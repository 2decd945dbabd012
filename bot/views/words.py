"""The smallest pieces of what people read: times, people, counts, escapes (voice.md)."""

import re
from datetime import UTC, datetime, timedelta
from html import escape

from bot.domain.erasure import ERASED, GONE
from bot.domain.versions import bare

NEAR = timedelta(hours=12)
"""Within this of now a time needs no day (DESIGN §5)."""


_MENTION = re.compile(r"&lt;@([A-Z0-9]+)&gt;")


def safe(text: str) -> str:
    """Escape text that somebody else wrote, so that it can't call people or forge links."""
    return escape(text, quote=False)


def told(sentence: str) -> str:
    """Escape a sentence of our own making: whom it names by Slack id stays a mention."""
    return _MENTION.sub(r"<@\1>", safe(sentence))


def moment(at: datetime, now: datetime) -> str:
    """Write a time as Slack's date token, in the reader's zone; the fallback is UTC and says so."""
    near = abs(at - now) <= NEAR
    form = "{time}" if near else "{date_short_pretty} {time}"
    utc = at.astimezone(UTC)
    fallback = utc.strftime("%H:%M UTC" if near else "%-d %b %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{form}|{fallback}>"


def plain_moment(at: datetime, now: datetime) -> str:
    """Write a time for the plain text of a message: UTC, and it says so."""
    near = abs(at - now) <= NEAR
    return at.astimezone(UTC).strftime("%H:%M UTC" if near else "%-d %b %H:%M UTC")


def person(user: str) -> str:
    """Name a person by Slack id; whoever was erased has no name."""
    return GONE if user.startswith(ERASED) else f"<@{user}>"


def people(users: list[str] | tuple[str, ...], *, most: int = 5) -> str:
    """Name people, the first few of many."""
    named = [person(user) for user in users[:most]]
    more = len(users) - most
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def took(duration: timedelta) -> str:
    """Write how long something took: `0.4 s`, `48 s`, `11 min 52 s`, `2 h 5 min`."""
    seconds = max(0.0, duration.total_seconds())
    if seconds < 10:  # noqa: PLR2004 - tenths matter below ten seconds
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: int) -> str:
    """Write an estimate: `about 12 min`, `about 40 s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"about {max(5, round(seconds / 5) * 5)} s"
    return f"about {round(seconds / 60)} min"


def from_to(previous: str | None, version: str) -> str:
    """Write the step that a release takes: `2.0.5 → 2.1.0`."""
    return f"{bare(previous) if previous else 'unknown'} → {bare(version)}"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: `1 pod`, `4 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def opened(text: str) -> str:
    """Begin a sentence with a capital letter."""
    return text[:1].upper() + text[1:]
