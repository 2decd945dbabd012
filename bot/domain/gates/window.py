"""Gate: a release window is open, where the policy has windows for the service."""

from bot.domain.calendar import covering, free_from, next_start, said
from bot.domain.facts import Facts
from bot.domain.gates.freeze import ages, unread_calendar
from bot.domain.gates.result import GateResult, failed, passed, unknown, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.stops import timed

NAME = "window"
POSITION = 74


def evaluate(_request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Wait for the next window. Silent where the policy has none for this service."""
    if not rules.windows:
        return None
    known = [(r.name, when) for r in rules.windows if (when := timed(r, facts.stops)) is not None]
    every, at = [when for _, when in known], facts.at
    for name, when in known:
        if covering([when], at):
            end = free_from(every, at)
            until = f" until {said(end, when.zone, at)}" if end else ""
            return passed(NAME, f"{name} is open{until}{ages(rules.windows, facts.stops)}")
    unread = unread_calendar(rules.windows, facts.stops)
    if unread is not None:
        return unknown(NAME, unread)
    opening = [(span, name, w) for name, w in known if (span := next_start([w], at)) is not None]
    if not opening:
        names = ", ".join(rule.name for rule in rules.windows)
        sentence = f"No window opens within a year: {names}."
        return failed(NAME, Reason.OUTSIDE_WINDOW, sentence, "Mend the policy's windows.")
    span, name, when = min(opening, key=lambda one: one[0].start)
    return waiting(
        NAME,
        Reason.OUTSIDE_WINDOW,
        f"{name}: starts at {said(span.start, when.zone, at)}.",
        next_step="It goes on by itself then.",
        until=span.start,
    )
