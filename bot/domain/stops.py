"""Stops: locks, freezes, halts and release windows, as the catalogue and people say them. Pure.

The first half are parts of `catalog.Catalog`; the second half is what the store holds. The gates
`halt`, `lock`, `freeze` and `window` judge by both.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from bot.domain.calendar import Listed, Span, When, parse_when
from bot.domain.durations import Duration
from bot.domain.entry import Entry
from bot.domain.environments import a_zone
from bot.domain.smoke import HostPattern, host_of
from bot.domain.value import Value

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""This machine by its own names: the one host that may be asked by http."""


def _source(text: str) -> str:
    """Check an iCalendar's place: an address by https, or a file beside the catalogue."""
    if "://" not in text:
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or not text.endswith(".ics"):
            raise ValueError(
                f"{text!r} is neither an https address nor an .ics file beside the catalogue"
            )
        return text
    host = host_of(text)
    if host is None:
        raise ValueError(f"{text!r} is not an address such as https://calendar.example.com/x.ics")
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("no user, password or #part can stand here; a calendar is read openly")
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ValueError(f"{text!r} must begin with https://")
    return text


class CalendarRule(Entry):
    """Times by a rule or by an iCalendar; `name` is what people read on the card.

    `zone`: where the rule names none, and what an iCalendar's floating times mean.
    """

    name: str = Field(min_length=1, max_length=100)
    when: str | None = None
    calendar: Annotated[str, AfterValidator(_source)] | None = None
    zone: Annotated[str, AfterValidator(a_zone)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.when is None) == (self.calendar is None):
            raise ValueError("say either when: TIMES or calendar: ADDRESS-OR-FILE")
        if self.when is not None:
            parse_when(self.when, self.zone or "UTC")
        return self


class Freeze(CalendarRule):
    """A freeze of one environment. `unfreeze`: whether a person may pass it by command."""

    unfreeze: bool = False


class Window(CalendarRule):
    """Times at which releases may start. Narrowed by environments, tiers and services."""

    environments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Calendars(Entry):
    """iCalendars: the hosts that may be asked, how often they are read; the usual zone."""

    hosts: tuple[HostPattern, ...] = ()
    every: Duration = timedelta(minutes=15)
    zone: Annotated[str, AfterValidator(a_zone)] = "UTC"

    @model_validator(mode="after")
    def _not_too_often(self) -> Self:
        if self.every < timedelta(minutes=1):
            raise ValueError("every must be 1m or more")
        return self


def in_zone(rule: CalendarRule, usual: str) -> CalendarRule:
    """Give a rule as a plain one that says its zone."""
    return CalendarRule(
        name=rule.name, when=rule.when, calendar=rule.calendar, zone=rule.zone or usual
    )


def windows_for(
    windows: Iterable[Window], environment: str, tier: str, service: str, usual: str
) -> tuple[CalendarRule, ...]:
    """Pick the windows of one release: those that name its service, else its tier, else all.

    The nearest to the service counts, and those of that nearness together.
    """
    here = [w for w in windows if not w.environments or environment in w.environments]
    by_service = [w for w in here if service in w.services]
    by_tier = [w for w in here if tier in w.tiers and not w.services]
    general = [w for w in here if not (w.tiers or w.services)]
    return tuple(in_zone(w, usual) for w in by_service or by_tier or general)


Kind = Literal["lock", "freeze", "halt", "pass"]
Reach = Literal["service", "tier", "all"]


class Stop(Value):
    """What a person said: a lock, a freeze or a halt. It belongs to a person or to a release.

    `environment` None: each one. `hard` False: a warning, which stops nothing. Kind `pass`: that
    the catalogue's freeze of that name stops nothing until then.
    """

    id: str
    kind: Kind
    reach: Reach = "all"
    name: str = ""
    """The service, the tier or the freeze; empty for all."""
    environment: str | None
    reason: str
    by: str
    release: str | None = None
    """The release that it belongs to: it ends with that one, and doesn't stop it."""
    since: datetime
    until: datetime | None = None
    hard: bool = True
    lifted_at: datetime | None = None
    lifted_by: str | None = None

    @property
    def scope(self) -> str:
        """What it is on, as it is typed: a service, a tier, or `all`."""
        return self.name or "all"

    def over(self, now: datetime) -> bool:
        """Whether it has been lifted or has run out."""
        return self.lifted_at is not None or (self.until is not None and self.until <= now)

    def stands(self, now: datetime) -> bool:
        """Whether it holds at that moment."""
        return self.since <= now and not self.over(now)

    def concerns(self, service: str, tier: str, environment: str) -> bool:
        """Whether it is about that service there."""
        if self.environment not in (None, environment):
            return False
        return self.reach == "all" or self.name == (service if self.reach == "service" else tier)


class CalendarFact(Value):
    """An iCalendar as it was last read. `read_at` None: it never was; `problem` says why."""

    spans: tuple[Span, ...] = ()
    read_at: datetime | None = None
    problem: str | None = None
    """Why the last try failed; the spans are of the last good one."""


class StopFacts(Value):
    """All stops that may concern one release, and the calendars of its rules, at one moment."""

    stops: tuple[Stop, ...] = ()
    calendars: Mapping[str, CalendarFact] = {}

    def of(self, kind: Kind) -> tuple[Stop, ...]:
        """List those of one kind."""
        return tuple(stop for stop in self.stops if stop.kind == kind)


def timed(rule: CalendarRule, facts: StopFacts) -> When | None:
    """Give a rule's times; None: its calendar was never read, so that nobody knows them."""
    zone = rule.zone or "UTC"
    if rule.when is not None:
        return parse_when(rule.when, zone)
    read = facts.calendars.get(rule.calendar or "")
    if read is None or read.read_at is None:
        return None
    return Listed(read.spans, zone)
