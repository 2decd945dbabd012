"""Replays a case: looks at what was recorded as a release would have, and says what it had done.

Pure; used by `release-bot analysis replay`. It decides nothing by itself: what a look covers and
adds is `looking`, what follows is `bake_ends`, and releases use the same. It knows of metrics only:
pods that crash or traffic that somebody moved are in no recording.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite
from statistics import median

from bot.domain import bake_ends, looking
from bot.domain.analysis import Analysis, guarded, telling
from bot.domain.bake_ends import Act, Call
from bot.domain.catalog import other_slot
from bot.domain.counters import GapError, Sample, Series, Span
from bot.domain.indicators import Doubt, Watching
from bot.domain.judge import Look
from bot.domain.looking import Bake, Counters
from bot.domain.reasons import Reason
from bot.domain.recordings import ALL, Case, Recording
from bot.domain.value import Value


class Ways(Value):
    """By what a service is replayed. `pause`: how often a bake has a turn with nothing due."""

    watching: Watching
    doubt: Doubt
    hold_at: tuple[int, ...] = ()
    pause: timedelta


class Moment(Value):
    """What was called for at a moment, by what was known then."""

    at: datetime
    call: Call
    analysis: Analysis


class Stepped(Value):
    """How a step ended. `asked`: a person was being asked already when it had to go back."""

    bake: Bake
    ended: Moment
    asked: Moment | None = None


class Served(Value):
    """What the new slot had served, by one indicator."""

    indicator: str
    requests: float
    failed: float


class Replayed(Value):
    """What would have been done with a case: its steps up to the first that it would have ended."""

    begun: datetime
    steps: tuple[Stepped, ...]
    served: Served | None
    used: int
    left_out: Mapping[str, int]
    """Why looks were left out, and how many for each reason."""

    @property
    def ended(self) -> Moment:
        """What was done in the end."""
        return self.steps[-1].ended

    @property
    def seconds(self) -> float:
        """When that was, from the first traffic on."""
        return (self.ended.at - self.begun).total_seconds()

    @property
    def outcome(self) -> Act:
        """What it comes to: to wait for a Promote that the catalogue wants is to go on."""
        call = self.ended.call
        return Act.GO_ON if call.reason is Reason.AWAITS_PROMOTION else call.act


class Tally(Value):
    """How the cases of one kind ended."""

    cases: int = 0
    rolled_back: int = 0
    asked: int = 0
    gone_on: int = 0
    open: int = 0
    """The recording ended while it would have baked on."""


class Summary(Value):
    """All cases, by what they truly were, and how many seconds it took to know."""

    good: Tally
    bad: Tally
    unknown: Tally
    median_seconds: float | None
    median_seconds_to_roll_back: float | None


def replay(case: Case, recording: Recording, ways: Ways) -> Replayed:
    """Look through a case until its end, or until the bot would have left its way."""
    run = _Run(recording, ways)
    ends = [*(step.since for step in case.steps[1:]), recording.until]
    steps = []
    for step, until in zip(case.steps, ends, strict=True):
        bake = Bake(
            since=step.since,
            seconds=step.seconds,
            slot=case.new,
            weight=step.weight,
            judged=step.weight < ALL and bool(ways.watching.indicators),
            hold=step.weight in ways.hold_at,
        )
        steps.append(run.step(bake, max(until, bake.end)))
        call = steps[-1].ended.call
        # A Promote did come, as the next step shows. Any other stop makes that step fiction.
        if call.act is not Act.GO_ON and call.reason is not Reason.AWAITS_PROMOTION:
            break
    return Replayed(
        begun=case.begun,
        steps=tuple(steps),
        served=run.served(steps[-1].bake, case.begun, steps[-1].ended),
        used=run.used,
        left_out=dict(run.left_out),
    )


def summary_of(found: Sequence[tuple[str | None, Replayed]]) -> Summary:
    """Count what became of the cases, each with what it was expected to be."""
    back = [one.seconds for _, one in found if one.outcome is Act.ROLL_BACK]
    return Summary(
        good=_tally([one for expected, one in found if expected == "good"]),
        bad=_tally([one for expected, one in found if expected == "bad"]),
        unknown=_tally([one for expected, one in found if expected is None]),
        median_seconds=_median([one.seconds for _, one in found]),
        median_seconds_to_roll_back=_median(back),
    )


def _tally(found: Collection[Replayed]) -> Tally:
    acts = Counter(one.outcome for one in found)
    return Tally(
        cases=len(found),
        rolled_back=acts[Act.ROLL_BACK],
        asked=acts[Act.ASK],
        gone_on=acts[Act.GO_ON],
        open=acts[Act.BAKE_ON],
    )


def _median(seconds: Collection[float]) -> float | None:
    return median(seconds) if seconds else None


class _Run:
    """One replay: the analysis as far as it is, and the looks that it took."""

    def __init__(self, recording: Recording, ways: Ways) -> None:
        self.used = 0
        self.left_out: Counter[str] = Counter()
        self._recording = recording
        self._ways = ways
        self._analysis = Analysis()
        self._holds = {
            name: _distance(course, ways.watching.every)
            for name, course in recording.readings.items()
        }

    def step(self, bake: Bake, until: datetime) -> Stepped:
        """Bake one weight. `until`: so long its traffic was as it is."""
        now = bake.since
        while True:
            self._look(bake, now)
            call = self._call(bake, now)
            if call is None:
                now = self._next(bake, now)
            elif call.until is not None and call.until <= until:
                now = call.until
            else:
                break
        ended = Moment(at=now, call=call, analysis=self._analysis)
        if call.act is not Act.ASK or call.reason is Reason.AWAITS_PROMOTION:
            return Stepped(bake=bake, ended=ended)
        looks = self.used, self.left_out.copy()
        worse = self._while_asked(bake, ended, until)
        if worse is None:
            # What was looked at afterwards changed nothing, and is no part of the answer.
            self.used, self.left_out = looks
            return Stepped(bake=bake, ended=ended)
        return Stepped(bake=bake, ended=worse, asked=ended)

    def served(self, bake: Bake, begun: datetime, ended: Moment) -> Served | None:
        """Count what the new slot served until then; None where the samples can't say."""
        watching = self._ways.watching
        name = telling(ended.analysis, watching) or next(iter(self._recording.counters), None)
        if name is None:
            return None
        covered = Span(since=begun, until=ended.at, scrape=watching.scrape)
        found = _seen(self._recording.counters[name][bake.slot], covered)
        try:
            requests, failed = looking.slot_counts(watching.indicators[name], found, covered)
        except GapError:
            return None
        return Served(indicator=name, requests=requests, failed=failed)

    def _call(self, bake: Bake, now: datetime) -> Call | None:
        watching, doubt = self._ways.watching, self._ways.doubt
        call = bake_ends.alarm(self._analysis, now, watching, doubt)
        if call is None and now >= bake.end:
            return bake_ends.at_the_end(bake, self._analysis, now, watching, doubt)
        return call

    def _next(self, bake: Bake, now: datetime) -> datetime:
        """Say when the step `bake` would have its next turn."""
        soon = looking.next_look(self._ways.watching, bake, self._analysis, now)
        return min(bake.end, now + self._ways.pause, soon or bake.end)

    def _while_asked(self, bake: Bake, asked: Moment, until: datetime) -> Moment | None:
        """Look on while a person is asked, who says nothing: what is bad goes back all the same."""
        watching, doubt = self._ways.watching, self._ways.doubt
        now, last = asked.at, min(until, asked.at + doubt.pause)
        while now < last:
            now = min(now + watching.every, last)
            self._look(bake, now)
            call = bake_ends.alarm(self._analysis, now, watching, doubt)
            if call is not None and call.act is Act.ROLL_BACK:
                return Moment(at=now, call=call, analysis=self._analysis)
        return None

    def _look(self, bake: Bake, now: datetime) -> None:
        watching, before = self._ways.watching, self._analysis
        covered = looking.span(watching, bake, before, now)
        if covered is not None:
            found = self._found(bake, covered)
            after = looking.compared(before, found, covered, watching, bake.weight)
            if after.until == covered.until:
                self.used += 1
            else:
                self.left_out[after.left_out or ""] += 1
            before = after
        self._analysis = guarded(before, self._readings(now), now, watching)

    def _found(self, bake: Bake, covered: Span) -> Iterator[tuple[str, Look | GapError]]:
        for name, indicator in self._ways.watching.indicators.items():
            slots = self._recording.counters[name]
            new = _seen(slots[bake.slot], covered)
            live = _seen(slots[other_slot(bake.slot)], covered)
            try:
                yield name, looking.counted(indicator, new, live, covered)
            except GapError as gap:
                yield name, gap

    def _readings(self, now: datetime) -> Mapping[str, float]:
        found = {
            name: _reading(self._recording.readings[name], now, self._holds[name])
            for name in self._ways.watching.guards
        }
        return {name: value for name, value in found.items() if value is not None}


def _seen(slot: Counters, covered: Span) -> Counters:
    """Give what Prometheus would have answered: no sample from outside of what was asked for."""
    return Counters(_cut(slot.requests, covered), _cut(slot.part, covered))


def _cut(series: Sequence[Series], covered: Span) -> tuple[Series, ...]:
    after = covered.until - covered.reach
    found = []
    for one in series:
        first = bisect_right(one.samples, after, key=_at)
        samples = one.samples[first : bisect_right(one.samples, covered.until, key=_at)]
        if samples:
            found.append(Series(labels=one.labels, samples=samples))
    return tuple(found)


def _at(sample: Sample) -> datetime:
    return sample.at


def _reading(course: Sequence[Sample], now: datetime, holds: timedelta) -> float | None:
    """Give what the query's number was at a moment; None where there was none."""
    number = bisect_right(course, now, key=_at)
    if number == 0 or now - course[number - 1].at >= holds:
        return None
    value = course[number - 1].value
    return value if isfinite(value) else None


def _distance(course: Sequence[Sample], least: timedelta) -> timedelta:
    """Say how long a value of a course holds: until the next was due, by the smallest distance."""
    return max(least, min((b.at - a.at for a, b in pairwise(course)), default=least))
