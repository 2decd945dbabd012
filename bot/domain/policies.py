"""Policy as data: what releases must satisfy, by environment, tier and service; the narrower wins.

A policy's key replaces the same key of a wider policy, whole. Which policy stands where is in the
catalogue; what comes out for one service in one environment is `applying.effective`.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bot.domain.durations import Duration
from bot.domain.entry import Entry
from bot.domain.evidence import Framework, Kind
from bot.domain.indicators import Doubt
from bot.domain.severities import Severity
from bot.domain.smoke import HostPattern
from bot.domain.stops import Window

StrategyKind = Literal["blue-green", "canary", "rolling", "workflow"]


RoleCount = Annotated[int, Field(ge=1, le=20)]
ChecklistItem = Annotated[str, Field(min_length=1, max_length=75, pattern=r"^[^\n]+$")]
"""Slack takes 75 characters beside a box, and ten boxes."""


class Approvals(Entry):
    """How many people must say yes, from which roles, and for how long their time lasts.

    `needs`: so many of each role, each of them another person; `count` is the least in all.
    `not_an_author`: nobody approves what their own commits are in. `people_only`: what asks must be
    a person, no app. `checklist`: what must be ticked before Approve counts. `warn_above`: commits
    above which the card warns.
    """

    count: int = Field(default=1, ge=0, le=20)
    roles: tuple[str, ...] = Field(default=(), alias="from")
    needs: Annotated[Mapping[str, RoleCount], Field(max_length=10)] = {}
    not_the_requester: bool = True
    not_an_author: bool = False
    people_only: bool = False
    checklist: Annotated[tuple[ChecklistItem, ...], Field(max_length=10)] = ()
    warn_above: int = Field(default=50, ge=0)
    expires: Duration = timedelta(hours=8)

    @model_validator(mode="after")
    def _items_differ(self) -> Self:
        if len(set(self.checklist)) < len(self.checklist):
            raise ValueError("the checklist has the same item twice")
        return self

    @property
    def total(self) -> int:
        """How many people must say yes in all."""
        return max(self.count, sum(self.needs.values()))

    @property
    def named(self) -> tuple[str, ...]:
        """Each role that is named here, once."""
        return tuple(dict.fromkeys((*self.roles, *self.needs)))


class ScanThresholds(Entry):
    """How many open findings of each severity a commit may have; None is no limit."""

    critical: int | None = Field(default=0, ge=0)
    high: int | None = Field(default=0, ge=0)
    medium: int | None = Field(default=None, ge=0)
    low: int | None = Field(default=None, ge=0)
    not_enabled: Literal["refuse", "allow"] = "refuse"


class Limits(Entry):
    """How many findings of a severity are allowed; None is no limit.

    `unknown`: findings whose tool tells no severity. They are not harmless by that.
    """

    critical: int | None = Field(default=0, ge=0)
    high: int | None = Field(default=0, ge=0)
    medium: int | None = Field(default=None, ge=0)
    low: int | None = Field(default=None, ge=0)
    unknown: int | None = Field(default=0, ge=0)

    def of(self, severity: Severity) -> int | None:
        """Give the limit of one severity; what is only information has none."""
        limits: Mapping[str, int | None] = dict(self)
        return limits.get(severity.value)


NO_LIMITS = Limits(critical=None, high=None, unknown=None)


class EvidenceRules(Entry):
    """Which evidence a version needs, and what may be in it.

    `findings` counts in each report; `new`, beyond what the live version's report has. `fresh`: how
    old the newest report of a kind may be. `frameworks`: each must be shown to be compliant.
    `performance`: the least performanceScore of services that have budgets.
    """

    required: tuple[Kind, ...] = ()
    findings: Limits = Limits()
    new: Limits = NO_LIMITS
    fresh: Duration | None = None
    frameworks: tuple[Framework, ...] = ()
    performance: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _judged_by_evidence(self) -> Self:
        if self.performance is not None and Kind.PERFORMANCE not in self.required:
            raise ValueError(
                "performance is judged by performance evidence: add performance to required"
            )
        return self


class Waiver(Entry):
    """An allowed exception: so many findings of a severity, of a rule, in a kind, until a day.

    `kinds` empty: evidence of each kind, and code scanning. `rule` empty: whichever rule. It ends
    with the day `until`, in UTC.
    """

    id: str = Field(min_length=1, max_length=60)
    severity: Severity
    count: int = Field(default=1, ge=1, le=1000)
    kinds: tuple[Kind, ...] = ()
    rule: str | None = None
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date


class ReviewRules(Entry):
    """Who looks afterwards at what an emergency did, and how soon."""

    roles: Annotated[tuple[str, ...], Field(min_length=1)] = Field(alias="from")
    within: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=1)


class Emergency(Entry):
    """What `--emergency` may pass, for whom, where it is announced, and who reviews it.

    `passes`: names of gates. `approvals`: how many an emergency needs; none, unless it says so.
    """

    passes: Annotated[tuple[str, ...], Field(min_length=1)]
    roles: Annotated[tuple[str, ...], Field(min_length=1)] = Field(alias="from")
    channel: str = Field(min_length=1)
    approvals: int = Field(default=0, ge=0, le=20)
    review: ReviewRules


class Policy(Entry):
    """What releases must satisfy. A key that is left away is a wider policy's to say.

    `analysis`: what happens where the metrics give no plain yes, and how a pause ends.
    `strategies`: those that a release may ask for by `--strategy`; nobody says: each of them.
    `smoke_hosts`: the hosts that smoke tests by HTTP may ask; none, unless named. `soak` and
    `approvals` stand above the environment's own. `logs`: whether people may ask for the last lines
    of a pod that fails, masked; off, unless allowed. `windows`: times at which releases may start;
    none: at any. `emergency`: what `--emergency` may pass; without it nobody may.
    """

    scans: ScanThresholds | None = None
    analysis: Doubt | None = None
    strategies: tuple[StrategyKind, ...] | None = None
    smoke_hosts: tuple[HostPattern, ...] | None = None
    evidence: EvidenceRules | None = None
    waivers: Annotated[tuple[Waiver, ...], Field(max_length=200)] | None = None
    soak: Duration | None = None
    approvals: Approvals | None = None
    windows: tuple[Window, ...] | None = None
    logs: Literal["off", "allowed"] | None = None
    emergency: Emergency | None = None
