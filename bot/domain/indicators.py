"""The catalogue's part on metrics: what a bake watches, and how long a person is waited for.

Parts of `catalog.Catalog`. Nothing here asks anybody; `domain.analysis` judges what was measured.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from bot.domain.durations import Duration
from bot.domain.value import Value

ERRORS = "errors"
"""The indicator that carries half of the weight where nobody says otherwise."""


class _Entry(Value):
    """A part of the catalogue that people write: a key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _of_a_slot(text: str) -> str:
    if "{slot}" not in text and "{role}" not in text:
        raise ValueError("this must hold {slot}: each slot is counted by itself")
    return _selector(text)


def _selector(text: str) -> str:
    if text.rstrip().endswith("]"):
        raise ValueError("leave the [time] away: the bot says over which time it counts")
    return text


SlotSelector = Annotated[str, Field(min_length=1), AfterValidator(_of_a_slot)]
"""A selector of raw counters, such as `requests_total{slot="{slot}"}`. `{service}`,
`{namespace}` and `{slot}` are filled in; for a Rollout `{role}`, which is `stable` or `canary`."""


class Indicator(_Entry):
    """Good and failed requests of a slot, as counters, and the share that must be good.

    `failed` counts those that failed; `good` those that did not, for instance the histogram's
    bucket at the objective: then slower requests are the failures. `clump`: how many failures
    come together (retries), None: as the live pods' last day tells. `weight`: its share of the
    evidence where there are several.
    """

    requests: SlotSelector
    failed: SlotSelector | None = None
    good: SlotSelector | None = None
    objective: float = Field(gt=0, lt=100)
    """Per cent of the requests that must be good."""
    clump: float | None = Field(default=None, ge=1, le=1000)
    weight: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.failed is None) == (self.good is None):
            raise ValueError("say either failed: SELECTOR or good: SELECTOR")
        return self

    @property
    def budget(self) -> float:
        """The share that may fail: 0.001 for an objective of 99.9 %."""
        return 1 - self.objective / 100


class Guard(_Entry):
    """An absolute limit on all of the service. It sees what a comparison of slots can't.

    `query` gives one number, over both slots together; `lasts`: for how long it must be past the
    limit before it counts.
    """

    query: str = Field(min_length=1)
    above: float | None = None
    below: float | None = None
    lasts: Duration = Field(default=timedelta(minutes=1), alias="for")

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("say either above: NUMBER or below: NUMBER")
        return self

    def broken_by(self, value: float) -> bool:
        """Whether the value is past the limit."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)


class Watching(_Entry):
    """What is measured of a service while it takes traffic. Nothing named: nothing is measured."""

    indicators: Mapping[str, Indicator] = {}
    guards: Mapping[str, Guard] = {}
    dependents: bool = False
    """Whether the guards of the services that depend on this one are watched too."""
    every: Duration = timedelta(seconds=15)
    """How often it is looked at."""
    scrape: Duration = timedelta(seconds=15)
    """How often Prometheus scrapes these counters."""
    late: Duration = timedelta(seconds=5)
    """How long a scrape may take to be found, besides the time between two: after that nothing of
    a look changes any more."""
    warm_up: Duration = timedelta(seconds=30)
    """What comes so soon after traffic moved is left out: caches are cold."""

    @model_validator(mode="after")
    def _holds(self) -> Self:
        for name, times in (("every", self.every), ("scrape", self.scrape)):
            if times < timedelta(seconds=1):
                raise ValueError(f"{name} must be 1s or more")
        given = [one.weight for one in self.indicators.values() if one.weight is not None]
        if given and len(given) < len(self.indicators):
            raise ValueError("give every indicator a weight, or none")
        # Written with two or three digits, thirds don't add up to 1 exactly.
        if given and abs(sum(given) - 1) > 0.01:  # noqa: PLR2004 - a rounding of hundredths
            raise ValueError(f"the weights of the indicators add up to {sum(given):g}, not to 1")
        return self

    def check_told_apart(self, hole: str) -> None:
        """Raise ValueError where an indicator tells the slots apart by another word than `hole`."""
        wrong = "{slot}" if hole == "{role}" else "{role}"
        for name, one in self.indicators.items():
            texts = (one.requests, one.failed or one.good or "")
            if any(wrong in text for text in texts):
                raise ValueError(f"metrics.indicators.{name}: write {hole} instead of {wrong}")

    @property
    def weights(self) -> Mapping[str, float]:
        """Each indicator's share of the evidence; together 1. Fixed before the release."""
        names = list(self.indicators)
        given = {n: one.weight for n, one in self.indicators.items() if one.weight is not None}
        if given:
            whole = sum(given.values())
            return {name: weight / whole for name, weight in given.items()}
        if ERRORS not in names or len(names) == 1:
            return {name: 1 / len(names) for name in names}
        rest = 0.5 / (len(names) - 1)
        return {name: 0.5 if name == ERRORS else rest for name in names}


class Doubt(_Entry):
    """What happens at the end of a bake whose verdict is no plain yes, and how a pause ends.

    `undecided`: too little data. `wait` bakes on, up to `extend` in all, and then asks; `ask`
    asks a person at once; `go-on` goes on and says so; `rollback` goes back. Marginal always
    asks. A pause that nobody ends in `pause` ends as `then` says.
    """

    undecided: Literal["wait", "ask", "go-on", "rollback"] = "wait"
    extend: Duration = timedelta(minutes=30)
    guard: Literal["ask", "rollback"] = "ask"
    pause: Duration = timedelta(hours=1)
    then: Literal["rollback", "go-on"] = "rollback"


ROLES = ("stable", "canary")
"""What Argo Rollouts calls the version that serves and the new one."""


def filled(
    query: str, *, service: str, namespace: str, slot: str = "", role: str = ROLES[0]
) -> str:
    """Fill a query's names in. Braces of its own language stay what they are."""
    named = query.replace("{service}", service).replace("{namespace}", namespace)
    return named.replace("{slot}", slot).replace("{role}", role) if slot else named
