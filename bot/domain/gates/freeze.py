"""Gate: the environment is not frozen, by the catalogue's calendar or by a person's word."""

from datetime import datetime, timedelta

from bot.domain.calendar import Listed, Span, When, covering, free_from, next_start, said
from bot.domain.facts import Facts, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.stops import CalendarRule, Stop, StopFacts, timed

NAME = "freeze"
POSITION = 73

AHEAD = timedelta(days=14)
"""How far ahead the next freeze is told of."""


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Wait until nothing freezes it any more, whatever follows on what. Silent without freezes."""
    at, freezes = facts.at, freezes_of(rules, facts.stops, facts.at)
    said_ones = facts.stops.of("freeze")
    if not rules.freezes and not any(freeze.stands(at) for freeze in said_ones):
        return None
    unread = unread_calendar(rules.freezes, facts.stops)
    every = [when for _, when in freezes]
    now = [name for name, when in freezes if covering([when], at)]
    if now:
        return _frozen(request, facts, freezes, now)
    if unread is not None:
        return unknown(NAME, unread)
    first = next_start(every, at, AHEAD)
    if first is None:
        return passed(NAME, "no freeze now" + ages(rules.freezes, facts.stops))
    name, when = next((n, w) for n, w in freezes if _begins(w, first))
    told = said(first.start, when.zone, at)
    return passed(NAME, f"no freeze now; {name} at {told}" + ages(rules.freezes, facts.stops))


def _begins(when: When, span: Span) -> bool:
    return span in list(when.spans(span.start, span.start + timedelta(seconds=1)))


def _frozen(
    request: ReleaseRequest, facts: Facts, freezes: list[tuple[str, When]], now: list[str]
) -> GateResult:
    until = free_from([when for _, when in freezes], facts.at)
    names = ", ".join(now)
    if until is None:
        sentence = f"{request.environment} is frozen without an end: {names}."
        return failed(NAME, Reason.FROZEN, sentence, "Mend the catalogue's freezes.")
    zone = next(when.zone for name, when in freezes if name == now[-1])
    return waiting(
        NAME,
        Reason.FROZEN,
        f"{request.environment} is frozen until {said(until, zone, facts.at)}: {names}.",
        next_step="It goes on by itself then.",
        until=until,
    )


def freezes_of(rules: Rules, facts: StopFacts, at: datetime) -> list[tuple[str, When]]:
    """List what freezes: the catalogue's rules that nobody let pass, and what people said."""
    passed = {stop.name for stop in facts.of("pass") if stop.stands(at)}
    found = [
        (rule.name, when)
        for rule in rules.freezes
        if rule.name not in passed and (when := timed(rule, facts)) is not None
    ]
    return found + [
        (f"{stop.reason} (set by <@{stop.by}>)", Listed((_span(stop),)))
        for stop in facts.of("freeze")
        if stop.lifted_at is None
    ]


def _span(stop: Stop) -> Span:
    return Span(start=stop.since, end=stop.until, name=stop.reason)


def unread_calendar(rules: tuple[CalendarRule, ...], facts: StopFacts) -> Unknown | None:
    """Say which calendar was never read, so that its times are nobody's knowledge."""
    for rule in rules:
        if timed(rule, facts) is None:
            read = facts.calendars.get(rule.calendar or "")
            why = (read.problem if read else None) or "it is read within a minute"
            return Unknown(why=f"the calendar {rule.name} was never read: {why}")
    return None


def ages(rules: tuple[CalendarRule, ...], facts: StopFacts) -> str:
    """Say how old a calendar's copy is, where its last read failed."""
    for rule in rules:
        read = facts.calendars.get(rule.calendar or "")
        if read is not None and read.read_at is not None and read.problem is not None:
            when = read.read_at.strftime("%-d %b %H:%M UTC")
            return f"; {rule.name} as it was at {when}: {read.problem}"
    return ""
