"""HTTP checks of a smoke test: what each must be answered, whose turn it is, what came of them.

Called by `engine.steps.smoke_http`. Pure: no clock, nobody is asked. Nothing of a body is ever
put into words: it may hold anything.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jsonpointer import JsonPointerException, resolve_pointer

from bot.domain.smoke import CheckList, HttpCheck
from bot.domain.value import Value

NAMED = 3
"""Failures that a sentence names."""

_MILLISECOND = timedelta(milliseconds=1)


class Answer(Value):
    """What a check was answered."""

    status: int
    milliseconds: int
    """From the look-up of the host to the last byte, on a connection of its own."""
    body: str | None
    """None: it was larger than the limit, and the rest was not read."""


class Checked(Value):
    """How far one check is. `said`: what was wrong with its last answer."""

    tries: int = 0
    at: datetime | None = None
    passed: bool = False
    refused: bool = False
    """It may not be asked at all, so it is not asked again."""
    said: str = ""

    def over(self, tries: int) -> bool:
        """Whether nothing more is asked."""
        return self.passed or self.refused or self.tries >= tries


class Turn(NamedTuple):
    """Which check is asked next, and from when on; None: it was not asked yet."""

    number: int
    due: datetime | None


def title(check: HttpCheck, url: str) -> str:
    """Name a check: `GET /health`. What follows a `?` is left out."""
    return f"{check.method} {urlsplit(url).path or '/'}"


def wrong(check: HttpCheck, answer: Answer) -> str | None:
    """Say what is wrong with an answer, after the check's title; None: nothing."""
    if answer.status != check.status:
        redirect = ", a redirect, which is not followed" if 300 <= answer.status < 400 else ""  # noqa: PLR2004 - HTTP
        return f"answered {answer.status}{redirect}; {check.status} is wanted"
    if answer.body is None:
        return "has a body of more than 1 MB"
    if check.contains is not None and check.contains not in answer.body:
        return "lacks what its body must contain"
    differs = _differs(check, answer.body) if check.equals else None
    if differs is not None:
        return differs
    allowed = check.within // _MILLISECOND if check.within is not None else None
    if allowed is not None and answer.milliseconds > allowed:
        return f"took {answer.milliseconds} ms, {allowed} allowed"
    return None


def _differs(check: HttpCheck, body: str) -> str | None:
    try:
        # Numbers stay as they are written: the catalogue's values are text too.
        data = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return "has a body that is not JSON"
    for pointer, value in check.equals.items():
        found = _at(data, pointer)
        if found is None:
            return f"has no value at {pointer}"
        if found != value:
            return f"has another value at {pointer}"
    return None


def _at(data: Any, pointer: str) -> str | None:
    """Read a single value as it is written; None where there is none."""
    try:
        found = resolve_pointer(data, pointer)
    except JsonPointerException:
        return None
    if isinstance(found, str):
        return found
    return json.dumps(found) if found is None or isinstance(found, bool) else None


def next_turn(seen: Sequence[Checked], wanted: CheckList) -> Turn | None:
    """Say which check comes next; None: there is nothing more to ask."""
    turns = [
        Turn(number, one.at + wanted.pause if one.at else None)
        for number, one in enumerate(seen)
        if not one.over(wanted.tries)
    ]
    fresh = next((turn for turn in turns if turn.due is None), None)
    return fresh or min(turns, key=lambda turn: (turn.due, turn.number), default=None)


def passed(seen: Sequence[Checked]) -> int:
    """Count the checks that passed."""
    return sum(one.passed for one in seen)


def verdict(seen: Sequence[Checked]) -> str:
    """Say what came of checks of which some failed."""
    failures = [one.said for one in seen if not one.passed]
    more = f"; and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
    count = f"{passed(seen)} of {len(seen)} passed"
    return f"Smoke: {count}: {'; '.join(failures[:NAMED])}{more}."
