"""Analysis: looks at a service's indicators and guards in, one verdict out. Pure.

`judge` weighs one indicator; here several are put together, and what else a look can show is kept:
a guard past its limit, a slot that gets no traffic. docs/analysis.md is its specification.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.indicators import Guard, Indicator, Watching
from bot.domain.judge import Evidence, Look, Margins, Verdict, begin, look, verdict
from bot.domain.value import Value

TOLERATED = 0.1
"""Share of the objective's budget by which the new slot may always be worse (docs/analysis.md)."""

UNKNOWN_CLUMP = 2.0
"""How many failures come together where nobody knows (docs/analysis.md)."""

THIN_LOOKS = 3
"""Looks in a row with too little traffic on the new slot after which that is an alarm."""

THIN_SHARE = 0.5
"""Of the requests that its weight promises; with fewer a look is thin."""

FEW = 20.0
"""Requests that a look must promise the new slot before fewer of them mean anything."""

SAID_EACH = timedelta(minutes=1)
"""How often the card's figures follow: Slack takes some 50 changes a minute from all of the bot."""

KEPT = 240
"""Points of an indicator's course that are kept: an hour of looks. Then it is thinned out."""

_ORDER = (Verdict.HEALTHY, Verdict.UNDECIDED, Verdict.MARGINAL, Verdict.UNHEALTHY)
"""The best first; several indicators are as good as the worst of them."""


class Point(NamedTuple):
    """One look at one indicator, for a chart: when it ended, and its counts as the judge has them.

    Stored as a list: a name in each of hundreds would be most of the row.
    """

    at: datetime
    n_c: float
    f_c: float
    n_s: float
    f_s: float


class Move(NamedTuple):
    """When traffic was confirmed at a weight, and at which."""

    at: datetime
    weight: int


class Analysis(Value):
    """All that the looks amount to, through all steps. Stored with the release, look by look.

    `until`: the end of the last look that counted. `left_out`: why the newest did not.
    """

    evidence: Mapping[str, Evidence] = {}
    courses: Mapping[str, tuple[Point, ...]] = {}
    """Each indicator's looks from the first on. Nothing is judged by them: they are shown."""
    clumps: Mapping[str, float] | None = None
    """How many failures come together, by indicator; None: not measured yet. Fixed before the
    first look: to change it later would break the guarantee."""
    until: datetime | None = None
    left_out: str | None = None
    thin: int = 0
    """Looks in a row in which the new slot got far too little traffic."""
    unhealthy: bool = False
    """Never taken back, whatever comes later."""
    past: Mapping[str, datetime] = {}
    """Guards that are past their limit, and since when."""
    readings: Mapping[str, float] = {}
    """What the guards' queries gave last; one without data is not in here."""
    guarded_at: datetime | None = None
    """When the guards were asked last."""
    bar: float = 1.0
    """By how much more the evidence must call for it before it is unhealthy: a person let a
    rollback go on that was, and knows."""
    said: Verdict | None = None
    """The verdict that the card shows."""
    said_at: datetime | None = None
    excused: tuple[str, ...] = ()
    """Guards past their limit with which a person let it go on: until they have been within."""

    def clump(self, indicator: str) -> float | None:
        """Give how many failures of an indicator come together, where that was measured."""
        return (self.clumps or {}).get(indicator)


def margins_of(indicator: Indicator, clump: float | None = None) -> Margins:
    """Give the judge's margins for an objective; the rest are its defaults.

    `clump`: how many failures come together, as measured; what the catalogue says comes first.
    """
    budget = indicator.budget
    size = indicator.clump or clump or UNKNOWN_CLUMP
    return Margins(delta=TOLERATED * budget, delta_h=budget, m=size)


def judged(
    before: Analysis, looks: Mapping[str, Look], until: datetime, watching: Watching, share: float
) -> Analysis:
    """Add one look at every indicator.

    `share`: per cent that the new slot is promised of the requests that are compared.
    """
    evidence, courses = {}, {}
    for name, indicator in watching.indicators.items():
        margins, new = margins_of(indicator, before.clump(name)), looks[name]
        old = before.evidence.get(name) or begin(margins)
        evidence[name] = look(old, new, margins)
        point = Point(until, new.n_c, new.f_c, new.n_s, new.f_s)
        courses[name] = kept((*before.courses.get(name, ()), point))
    after = before.model_copy(
        update={
            "evidence": evidence,
            "courses": courses,
            "until": until,
            "left_out": None,
            "thin": before.thin + 1 if _is_thin(looks.values(), share) else 0,
        }
    )
    proven = before.unhealthy or _proven(after, watching)
    return after.model_copy(update={"unhealthy": proven})


def kept(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Keep a course within bounds: the whole time stays in it, and every request is counted.

    The two neighbours that cover the least time become one, so that the old are no coarser than
    the new. The first stays: the course begins there.
    """
    if len(points) <= KEPT:
        return points
    n = min(range(1, len(points) - 1), key=lambda n: points[n + 1].at - points[n - 1].at)
    one, other = points[n], points[n + 1]
    both = Point(
        other.at,
        one.n_c + other.n_c,
        one.f_c + other.f_c,
        one.n_s + other.n_s,
        one.f_s + other.f_s,
    )
    return (*points[:n], both, *points[n + 2 :])


def guarded(
    before: Analysis, readings: Mapping[str, float], now: datetime, watching: Watching
) -> Analysis:
    """Note what the guards' queries gave. One that gave nothing keeps what was known of it."""
    past = {
        name: before.past.get(name, now)
        for name, guard in watching.guards.items()
        if (name in readings and guard.broken_by(readings[name]))
        or (name not in readings and name in before.past)
    }
    excused = tuple(name for name in before.excused if name in past)
    changes = {"past": past, "readings": dict(readings), "excused": excused, "guarded_at": now}
    return before.model_copy(update=changes)


def excused(before: Analysis) -> Analysis:
    """A person lets it go on, knowing what is past its limit, and how little traffic there is."""
    return before.model_copy(update={"excused": tuple(before.past), "thin": 0})


def broken(analysis: Analysis, now: datetime, watching: Watching) -> tuple[str, Guard] | None:
    """Name the first guard that has been past its limit for long enough."""
    for name, since in analysis.past.items():
        guard = watching.guards.get(name)
        due = guard is not None and now - since >= guard.lasts
        if guard is not None and due and name not in analysis.excused:
            return name, guard
    return None


def is_news(analysis: Analysis, watching: Watching, now: datetime) -> bool:
    """Whether the card should say it: another verdict at once, other figures each minute."""
    if analysis.said is not verdict_of(analysis, watching) or analysis.said_at is None:
        return True
    return now - analysis.said_at >= SAID_EACH


def verdict_of(analysis: Analysis, watching: Watching) -> Verdict:
    """Say what all indicators together amount to: the worst of them (docs/analysis.md)."""
    if analysis.unhealthy:
        return Verdict.UNHEALTHY
    if not analysis.evidence:
        return Verdict.UNDECIDED
    each = [_alone(analysis, name, watching) for name in watching.indicators]
    return max(each, key=_ORDER.index, default=Verdict.UNDECIDED)


def _alone(analysis: Analysis, name: str, watching: Watching) -> Verdict:
    evidence = analysis.evidence.get(name)
    if evidence is None:
        return Verdict.UNDECIDED
    found = verdict(evidence, margins_of(watching.indicators[name], analysis.clump(name)))
    # Alone it would do; with its share of the evidence it doesn't yet. That is not clean either.
    return Verdict.MARGINAL if found is Verdict.UNHEALTHY else found


def telling(analysis: Analysis, watching: Watching) -> str | None:
    """Name the indicator that the verdict hangs on; None before the first look."""
    if not analysis.evidence:
        return None
    if analysis.unhealthy:
        return _loudest(analysis.evidence, watching)
    return max(
        analysis.evidence,
        key=lambda name: (
            _ORDER.index(_alone(analysis, name, watching)),
            analysis.evidence[name].of_harm,
        ),
    )


def _proven(analysis: Analysis, watching: Watching) -> bool:
    """Whether the weighted mean of all evidence calls for a rollback.

    Valid however the indicators hang together; a product of them would not be.
    """
    weights, evidence = watching.weights, analysis.evidence
    whole = sum(weights[name] * one.of_harm for name, one in evidence.items())
    name = _loudest(evidence, watching)
    margins = margins_of(watching.indicators[name], analysis.clump(name))
    proven = whole >= analysis.bar / margins.alpha
    return proven and evidence[name].excess >= margins.floor


def forgiven(analysis: Analysis, watching: Watching) -> Analysis:
    """A person lets it go on although it is unhealthy.

    It is not so again before the evidence has grown as much once more (docs/analysis.md).
    """
    if not analysis.unhealthy:
        return analysis
    weights = watching.weights
    whole = sum(weights[name] * one.of_harm for name, one in analysis.evidence.items())
    return analysis.model_copy(update={"unhealthy": False, "bar": max(1.0, whole)})


def _loudest(evidence: Mapping[str, Evidence], watching: Watching) -> str:
    weights = watching.weights
    return max(evidence, key=lambda name: weights.get(name, 0.0) * evidence[name].of_harm)


def _is_thin(looks: Collection[Look], share: float) -> bool:
    busiest = max(looks, key=lambda row: row.n_c + row.n_s)
    promised = (busiest.n_c + busiest.n_s) * share / 100
    return promised >= FEW and busiest.n_c < THIN_SHARE * promised
