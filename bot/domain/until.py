"""Until when, as people say it: `2h`, `18:00`, `Mon 09:00`, `2026-12-24 09:00 Europe/London`."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.calendar import DAY, reached
from bot.domain.durations import parse_duration
from bot.domain.environments import DAYS, a_zone

FURTHEST = timedelta(days=366)

EXAMPLES = "2h, 18:00, tomorrow 09:00, Mon 09:00 or 2026-12-24 09:00 Europe/London"

_TIME = re.compile(
    r"(?:(?P<day>today|tomorrow|[a-z]{3,9}|\d{4}-\d\d-\d\d)[ t])?"
    r"(?P<hour>\d\d?):(?P<minute>[0-5]\d)"
    r"(?: (?P<zone>\S+))?",
    re.IGNORECASE,
)


def read_moment(text: str, now: datetime, zone: str) -> datetime:
    """Read a moment to come. `zone`: where the words name none. Raises ValueError, one sentence."""
    found = _read(" ".join(text.split()), now, zone)
    if found <= now:
        raise ValueError(f"{text} is over already")
    if found - now > FURTHEST:
        raise ValueError(f"{text} is more than a year away")
    return found


def _read(text: str, now: datetime, zone: str) -> datetime:
    if re.fullmatch(r"(\d{1,6}\s*[smhdw]\s*)+", text):
        return now + min(parse_duration(text), 2 * FURTHEST)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no time such as {EXAMPLES}')
    place = ZoneInfo(a_zone(found["zone"] or zone))
    clock = timedelta(hours=int(found["hour"]), minutes=int(found["minute"]))
    try:
        days = _days((found["day"] or "").lower(), now, place)
    except ValueError:
        days = []
    if not days or clock > DAY:
        raise ValueError(f'"{text}" is no time such as {EXAMPLES}')
    moments = [reached(day + clock, place) for day in days]
    return next((moment for moment in moments if moment > now), moments[-1]).astimezone(UTC)


def _days(day: str, now: datetime, place: ZoneInfo) -> list[datetime]:
    """List the local midnights that a word may mean, the first that is not over counts."""
    today = now.astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    match day:
        case "":
            return [today, today + DAY]
        case "today":
            return [today]
        case "tomorrow":
            return [today + DAY]
    if day[:3] in DAYS:
        ahead = (DAYS.index(day[:3]) - today.weekday()) % 7
        return [today + ahead * DAY, today + (ahead + 7) * DAY]
    return [datetime.fromisoformat(day)]
