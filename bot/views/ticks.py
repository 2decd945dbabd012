"""Marks of a chart's axes and the figures beside them: round steps, few of them. Pure.

Used by `chart` and `charting`.
"""

from datetime import UTC, datetime, timedelta
from math import ceil, floor, isfinite, log10

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between two marks of time that people find round."""

DAY = 86400
MINUTE = 60
SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
LARGEST = 1e15
"""From here on no suffix helps, and a power of ten is written."""


def figure(value: float, digits: int = 3) -> str:
    """Write a number with so many digits at most, and large ones with k, M, G or T."""
    size = abs(value)
    if not isfinite(value) or size >= LARGEST:
        return f"{value:.2g}"
    for least, suffix in SUFFIXES:
        # What would be rounded to the next suffix is written with it.
        if size >= least * 0.9995:
            return f"{_short(value / least, digits)}{suffix}"
    return _short(value, digits)


def _short(value: float, digits: int) -> str:
    # The other way of writing would make 1e+02 of a hundred.
    return f"{value:.0f}" if abs(value) >= 10.0 ** (digits - 1) else f"{value:.{digits}g}"


def marks(low: float, high: float, most: int = 5) -> list[float]:
    """Give round values between two, a handful of them."""
    step = round_step(high / most - low / most)
    first = ceil(low / step - 1e-9)
    last = floor(high / step + 1e-9)
    return [step * n for n in range(first, last + 1)]


def round_step(least: float) -> float:
    """Give 1, 2 or 5 times a power of ten that is no less."""
    power = 10.0 ** floor(log10(least))
    return next((n * power for n in (1, 2, 5) if n * power >= least * (1 - 1e-9)), 10 * power)


def times(since: datetime, until: datetime, most: int = 6) -> list[tuple[datetime, str]]:
    """Give round moments between two, as people write them in UTC."""
    least = max((until - since).total_seconds() / most, 1.0)
    step = next((s for s in STEPS if s >= least), ceil(least / DAY) * DAY)
    form = "%-d %b" if step >= DAY else "%H:%M" if step >= MINUTE else "%H:%M:%S"
    first = ceil(since.timestamp() / step) * step
    moments = []
    while first <= until.timestamp():
        at = datetime.fromtimestamp(first, UTC)
        moments.append((at, at.strftime(form)))
        first += step
    return moments


def wide(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Make room at the end of the time, and some time where there is none."""
    span = max(until - since, timedelta(minutes=1))
    return since, since + span * 1.04
