"""The catalogue's parts on environments that come and go, and on the report about them.

Parts of `catalog.Catalog`. Nothing here looks at a cluster or at the time.
"""

import re
from collections.abc import Collection, Iterator
from datetime import time, timedelta
from difflib import get_close_matches
from functools import cache
from string import Formatter
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from bot.domain.durations import Duration
from bot.domain.value import Value

PARTS = ("number", "branch", "owner", "name")
"""Named parts of a namespace's name that mean something; `name` is for all the rest."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, in the order of `datetime.weekday()`."""

REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
"""A repository's full name on the code host; `.` and `..` would lead out of its path."""

_PART = {"number": r"\d+"}
_ANY = r"[a-z0-9](?:[a-z0-9-]*?[a-z0-9])?"


class _Entry(Value):
    """A part of the catalogue that people write: a key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid")


def name_expression(pattern: str) -> re.Pattern[str]:
    """Make the expression that whole names must match. Raises ValueError with one sentence.

    A pattern with `(?P<` in it is a regular expression; any other one is a name with parts in
    braces, such as `pr-{number}-{branch}`.
    """
    text = pattern if "(?P<" in pattern else _from_parts(pattern)
    try:
        found = re.compile(text)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    wrong = [name for name in found.groupindex if name not in PARTS]
    if wrong:
        raise ValueError(f"{wrong[0]} can't stand here; {', '.join(PARTS)} can")
    return found


def _from_parts(pattern: str) -> str:
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as error:
        raise ValueError(f"{pattern!r} has an open brace") from error
    text = ""
    for literal, name, _, _ in parts:
        text += re.escape(literal)
        if name is not None and not name.isidentifier():
            raise ValueError(f"{{{name}}} can't stand here; {', '.join(PARTS)} can")
        if name is not None and f"(?P<{name}>" in text:
            raise ValueError(f"{{{name}}} is there twice")
        text += f"(?P<{name}>{_PART.get(name, _ANY)})" if name is not None else ""
    if text == re.escape(pattern):
        raise ValueError(f"{pattern!r} has no part in braces, so it is one name and no pattern")
    return text


def _pattern(text: str) -> str:
    name_expression(text)
    return text


def a_zone(text: str) -> str:
    """Give the name of a time zone back. Raises ValueError where there is none such."""
    if text in _zones():
        return text
    close = get_close_matches(text, sorted(_zones()), n=1, cutoff=0.6)
    mean = f" Did you mean {close[0]}?" if close else " An example is America/New_York."
    raise ValueError(f"there is no time zone {text}.{mean}")


@cache
def _zones() -> frozenset[str]:
    """Read the names from the machine once: that walks a folder, and stored rules are checked."""
    return frozenset(available_timezones())


def weekdays(text: str) -> frozenset[int]:
    """Read `mon-fri`, `mon,wed,fri` or `daily`; 0 is Monday. Raises ValueError."""
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in DAYS or last not in DAYS:
            raise ValueError(f"{text!r} are not days such as mon-fri, mon,wed or daily")
        start, end = DAYS.index(first), DAYS.index(last)
        found |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(found)


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f"{text!r} is not a time such as 09:00")
    return text


def _days(text: str) -> str:
    weekdays(text)
    return text


class MarkKeys(_Entry):
    """Keys of the annotations or labels by which a namespace says what it is.

    A label's value can hold no slash and no colon: a branch such as `feature/x` and a moment go
    into an annotation of the same key. Where both are there the annotation counts.
    """

    owner: str = "release-bot/owner"
    branch: str = "release-bot/branch"
    repository: str = "release-bot/repository"
    expires: str = "release-bot/expires"

    def all(self) -> tuple[str, ...]:
        """List the four keys."""
        return (self.owner, self.branch, self.repository, self.expires)


class Ephemeral(_Entry):
    """Environments that come and go: how they are known, and when they are stale."""

    clusters: tuple[str, ...] = ()
    """Kubeconfig contexts in which they live. None: the current one."""
    pattern: Annotated[str, AfterValidator(_pattern)]
    labels: MarkKeys = MarkKeys()
    repository: str | None = Field(default=None, pattern=REPOSITORY)
    """Where branches and pull requests are, for a namespace that doesn't say."""
    not_deployed: Duration = timedelta(days=14)
    """Stale when nobody deployed to it for so long."""
    extend: Duration = timedelta(days=3)
    """How much longer the button lets it live."""
    longest: Duration = timedelta(days=30)
    """The furthest from now that an extension may reach."""
    keep: Duration = timedelta(days=14)
    """How long a namespace that was called not stale is left out of the report."""
    rights: tuple[str, ...] = ("owners", "release-managers", "responders")
    """Who may extend and keep; `owners` is the environment's own owner."""

    @model_validator(mode="after")
    def _within(self) -> Self:
        for name in ("not_deployed", "extend", "longest", "keep"):
            if getattr(self, name) <= timedelta(0):
                raise ValueError(f"{name} must be longer than nothing")
        if self.extend > self.longest:
            raise ValueError("extend must not be longer than longest")
        return self

    @property
    def contexts(self) -> tuple[str | None, ...]:
        """Contexts to look at; None is the current one."""
        return self.clusters or (None,)


class Behind(_Entry):
    """When a service falls behind: staging ahead of production by so many versions, or so long."""

    versions: int = Field(default=3, ge=1, le=1000)
    days: int = Field(default=14, ge=1, le=3650)


class StaleReport(_Entry):
    """When and where the report on stale environments appears by itself."""

    at: Annotated[str, AfterValidator(_time)] = "09:00"
    days: Annotated[str, AfterValidator(_days)] = "mon-fri"
    zone: Annotated[str, AfterValidator(a_zone)] = "UTC"
    channel: str
    behind: Behind = Behind()

    @property
    def time(self) -> time:
        """The time of day, in the zone."""
        hour, minute = self.at.split(":")
        return time(int(hour), int(minute))

    @property
    def place(self) -> ZoneInfo:
        """The zone."""
        return ZoneInfo(self.zone)


class Reports(_Entry):
    """What appears by the clock."""

    stale: StaleReport | None = None


Wrong = tuple[tuple[str | int, ...], str, Literal["error", "warning"]]
"""Where it stands, what is wrong, and how bad that is."""


def wrong_names(
    ephemeral: Ephemeral | None,
    reports: Reports,
    clusters: Collection[str | None],
    roles: Collection[str],
    channels: Collection[str],
) -> Iterator[Wrong]:
    """Find names that the rest of the catalogue doesn't know. For `catalog_checks`."""
    if ephemeral is not None:
        for at, cluster in enumerate(ephemeral.clusters):
            if cluster not in clusters:
                message = f"no environment is in {cluster}; it must be a context of the kubeconfig"
                yield ("ephemeral", "clusters", at), message, "warning"
        said = ephemeral.rights if "rights" in ephemeral.model_fields_set else ()
        for role in said:
            if role not in roles:
                yield ("ephemeral", "rights"), f"there is no role {role}", "error"
    report = reports.stale
    if report is not None and channels and report.channel not in channels:
        message = f"{report.channel} is not in slack.channels, so its buttons would not work"
        yield ("reports", "stale", "channel"), message, "error"
