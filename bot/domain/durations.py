"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`; and brief ones: `500ms`, `2s`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+)\s*([smhdw])")
PATTERN = r"^(\d+\s*[smhdw]\s*)+$"


def parse_duration(text: Any) -> timedelta:
    """Read a duration. Raises ValueError with one sentence on anything else."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.match(PATTERN, text.strip()):
        raise ValueError(f"{text!r} is not a duration such as 90s, 5m, 1h30m or 2d")
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(text)))


def write_duration(duration: timedelta) -> str:
    """Write a duration in the form that `parse_duration` reads, largest unit first."""
    left = int(duration.total_seconds())
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["90s", "5m", "1h30m"]}),
]

_BRIEF = re.compile(r"^(\d+)\s*(ms|s)$")
_MILLISECOND = timedelta(milliseconds=1)


def parse_brief(text: Any) -> timedelta:
    """Read how long an answer may take. Raises ValueError with one sentence on anything else."""
    if isinstance(text, timedelta):
        return text
    found = _BRIEF.fullmatch(text.strip()) if isinstance(text, str) else None
    # More digits than these would be more than a duration can hold.
    if found is None or len(found[1]) > 9:  # noqa: PLR2004 - eleven days in milliseconds
        raise ValueError(f"{text!r} is not a time such as 500ms or 2s")
    return timedelta(milliseconds=int(found[1]) * (1 if found[2] == "ms" else 1000))


def write_brief(duration: timedelta) -> str:
    """Write such a time in milliseconds."""
    return f"{duration // _MILLISECOND}ms"


Brief = Annotated[
    timedelta,
    BeforeValidator(parse_brief),
    PlainSerializer(write_brief),
    WithJsonSchema({"type": "string", "pattern": _BRIEF.pattern, "examples": ["500ms", "2s"]}),
]
