"""Reads a server's time from its `Date` header, for `release-bot doctor`. Pure; reads no clock."""

from email.utils import parsedate_to_datetime

HALF_SECOND = 0.5
"""A `Date` has whole seconds: it was half a second more, on the average."""


def ahead(date: str | None, began: float, ended: float) -> float | None:
    """Say by how many seconds a server's clock is ahead of ours; None where it tells no time.

    `began` and `ended` are our own time around the request. What the way there and back may
    explain is no difference: 0.
    """
    try:
        then = parsedate_to_datetime(date or "").timestamp() + HALF_SECOND
    except ValueError:
        return None
    off = then - (began + ended) / 2
    return off if abs(off) > (ended - began) / 2 + HALF_SECOND else 0.0
