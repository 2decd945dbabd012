"""A case: what Prometheus had recorded of a release or an incident of the past. Pure.

`bot.replay_files` reads cases out of a file, `domain.replaying` looks at them as a release would.
Shapes are those of Prometheus' own HTTP API, so that a recording is made by copying. What a
release would leave out (gaps, NaN, restarts) is no fault here; what can't have come from
Prometheus is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Discriminator, Field, Tag, model_validator

from bot.domain.catalog import Slot, other_slot
from bot.domain.counters import Sample, Series
from bot.domain.indicators import Indicator, Watching
from bot.domain.looking import Counters
from bot.domain.value import Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LATEST = 253_402_300_000.0
"""Seconds since 1970 of the last moment that a datetime holds, roughly."""

LONGEST = 31 * 24 * 3600.0
"""Seconds that one step may last: a replay looks as often as the bot would have."""

TAGS = ("counted", "guarded")
"""The two kinds of entry in `series`."""

ALL = 100
"""Per cent: with all of the traffic on the new slot there is nothing to compare."""

Point = tuple[Annotated[float, Field(ge=0, le=LATEST)], float]
Part = Literal["requests", "failed", "good"]


class RecordingError(Exception):
    """The recording can't be used; the sentence says why."""


class _Entry(Value):
    """A part that people write: a key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid")


class Step(_Entry):
    """A weight that was held: from when, and for how long."""

    weight: int = Field(ge=1, le=ALL)
    since: AwareDatetime
    seconds: float = Field(gt=0, le=LONGEST)

    @property
    def until(self) -> datetime:
        """When its time was over."""
        return self.since + timedelta(seconds=self.seconds)


class Row(_Entry):
    """One series, as the API answers it. A native histogram has other keys: it is no counter."""

    metric: Mapping[str, str] = {}
    values: tuple[Point, ...] = ()


class Counted(_Entry):
    """The raw samples of one selector of an indicator, for one slot."""

    indicator: str
    slot: Slot
    part: Part
    result: tuple[Row, ...]

    def __str__(self) -> str:
        return f"{self.indicator}, {self.part} on {self.slot}"


class Guarded(_Entry):
    """What a guard's query gave, moment by moment."""

    guard: str
    values: tuple[Point, ...]


def _kind(entry: Any) -> str:
    guards = entry.get("guard") if isinstance(entry, dict) else getattr(entry, "guard", None)
    return TAGS[guards is not None]


Recorded = Annotated[
    Annotated[Counted, Tag(TAGS[0])] | Annotated[Guarded, Tag(TAGS[1])], Discriminator(_kind)
]


class Case(_Entry):
    """A release or an incident: its weights, and what was recorded meanwhile.

    `expected` is what it truly was, where anybody knows; `new` the slot with the new version.
    """

    name: str = Field(min_length=1)
    service: str
    environment: str
    expected: Literal["good", "bad"] | None = None
    new: Slot = "green"
    steps: tuple[Step, ...] = Field(min_length=1)
    series: tuple[Recorded, ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for number, (one, following) in enumerate(pairwise(self.steps), 1):
            if following.since < one.until:
                raise ValueError(f"steps[{number}] begins before steps[{number - 1}] is over")
        return self

    @property
    def begun(self) -> datetime:
        """When the first traffic came to the new slot."""
        return self.steps[0].since

    @property
    def compares(self) -> bool:
        """Whether any step has both slots in it."""
        return any(step.weight < ALL for step in self.steps)

    @property
    def counted(self) -> Iterator[Counted]:
        """What was recorded of indicators."""
        return (entry for entry in self.series if isinstance(entry, Counted))

    @property
    def guarded(self) -> Iterator[Guarded]:
        """What was recorded of guards."""
        return (entry for entry in self.series if isinstance(entry, Guarded))


@dataclass(frozen=True)
class Recording:
    """A case's samples, by indicator and slot and by guard. `until`: where they end."""

    counters: Mapping[str, Mapping[Slot, Counters]]
    readings: Mapping[str, tuple[Sample, ...]]
    until: datetime


def recording_of(case: Case, watching: Watching) -> Recording:
    """Sort what was recorded by what the rules watch. Raises RecordingError."""
    parts = _parts(case)
    needed = watching.indicators if case.compares else {}
    counters: dict[str, Mapping[Slot, Counters]] = {}
    for name, indicator in needed.items():
        slots = {slot: _of_a_slot(parts, name, indicator, slot) for slot in _slots(case.new)}
        _covers(case, name, slots)
        counters[name] = slots
    readings = _readings(case)
    missing = [name for name in watching.guards if name not in readings]
    if missing:
        raise RecordingError(f'of the guard "{missing[0]}" nothing is recorded')
    return Recording(counters, readings, _end(counters, readings) or case.begun)


def _slots(new: Slot) -> tuple[Slot, Slot]:
    return new, other_slot(new)


def _parts(case: Case) -> dict[tuple[str, Slot, Part], tuple[Series, ...]]:
    found: dict[tuple[str, Slot, Part], tuple[Series, ...]] = {}
    for entry in case.counted:
        key = (entry.indicator, entry.slot, entry.part)
        if key in found:
            raise RecordingError(f"{entry} is there twice")
        seen: set[frozenset[tuple[str, str]]] = set()
        for row in entry.result:
            labels = frozenset(row.metric.items())
            if labels in seen:
                raise RecordingError(f"{entry}: one series is there twice, and would count twice")
            seen.add(labels)
        found[key] = tuple(
            Series(labels=row.metric, samples=_samples(str(entry), row.values))
            for row in entry.result
        )
    return found


def _of_a_slot(
    parts: Mapping[tuple[str, Slot, Part], tuple[Series, ...]],
    name: str,
    indicator: Indicator,
    slot: Slot,
) -> Counters:
    part: Part = "good" if indicator.failed is None else "failed"
    missing = [one for one in ("requests", part) if (name, slot, one) not in parts]
    if missing:
        raise RecordingError(
            f"{name}, {missing[0]} on {slot}: nothing is recorded; where Prometheus had no series "
            "say result: []"
        )
    return Counters(parts[name, slot, "requests"], parts[name, slot, part])


def _covers(case: Case, name: str, slots: Mapping[Slot, Counters]) -> None:
    """Refuse a recording of another time, and one that begins too late to count the live slot."""
    times = {
        slot: [sample.at for one in found.requests for sample in one.samples]
        for slot, found in slots.items()
    }
    last = case.steps[-1].until
    if not any(case.begun < at <= last for found in times.values() for at in found):
        raise RecordingError(f"{name}: no sample of requests lies in the time of the steps")
    live = other_slot(case.new)
    if times[live] and min(times[live]) > case.begun:
        raise RecordingError(
            f"{name}, requests on {live}: the samples begin after the first traffic, so its "
            "counters would count from 0; record from 20 minutes before"
        )


def _readings(case: Case) -> dict[str, tuple[Sample, ...]]:
    found: dict[str, tuple[Sample, ...]] = {}
    for entry in case.guarded:
        if entry.guard in found:
            raise RecordingError(f'the guard "{entry.guard}" is there twice')
        found[entry.guard] = _samples(f'guard "{entry.guard}"', entry.values)
    return found


def _samples(what: str, points: tuple[Point, ...]) -> tuple[Sample, ...]:
    for (before, _), (at, _) in pairwise(points):
        if at <= before:
            raise RecordingError(f"{what}: the samples are out of order at {at:.15g}")
    # Prometheus keeps milliseconds.
    return tuple(
        Sample(at=EPOCH + timedelta(milliseconds=round(at * 1000)), value=value)
        for at, value in points
    )


def _end(
    counters: Mapping[str, Mapping[Slot, Counters]], readings: Mapping[str, tuple[Sample, ...]]
) -> datetime | None:
    ends = [
        one.samples[-1].at
        for slots in counters.values()
        for found in slots.values()
        for one in found.requests
        if one.samples
    ]
    return max([*ends, *(course[-1].at for course in readings.values() if course)], default=None)
