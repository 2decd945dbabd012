"""Computes what a PromQL expression gives at a moment. Pure; called by `api` with the series.

Times are milliseconds since 1970. What can't be computed raises EvaluationError (422).

`rate` and `increase` follow the documentation: the rise between the first and the last sample of
the window, restarts added, is stretched to the window's ends. To an end that is further from its
nearest sample than 1.1 times the mean distance between samples, it is stretched by half of that
distance only; and never back to before the counter would have been 0.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from integrations.simulated.prometheus.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Matcher,
    Negative,
    Number,
    Selector,
)

LOOKBACK = 5 * 60 * 1000
"""An instant selector finds samples that are not older than this."""

FAR = 1.1
"""Mean distances between samples from which on an end counts as not covered."""

Samples = list[tuple[int, float]]
Labels = Mapping[str, str]


class Stored(Protocol):
    """One series in the store."""

    @property
    def labels(self) -> Labels:
        """All of them, the name as `__name__` too."""

    def between(self, after: int, until: int) -> Samples:
        """Samples later than `after` and not later than `until`."""

    def newest(self, after: int, until: int) -> float | None:
        """Its value at `until`; None where it is stale, or has none later than `after`."""


class Element(NamedTuple):
    """One element of an instant vector."""

    labels: Labels
    value: float


class Course(NamedTuple):
    """One series of a range vector."""

    labels: Labels
    samples: Samples


Vector = list[Element]
Result = float | Vector | list[Course]


class EvaluationError(Exception):
    """The query is right and can't be computed; the sentence says why."""


class Finder:
    """Finds a selector's series once for a whole query, however many moments it is asked for."""

    def __init__(self, series: Iterable[Stored]) -> None:
        self._all = list(series)
        self._found: dict[tuple[Matcher, ...], list[Stored]] = {}

    def find(self, selector: Selector) -> list[Stored]:
        """All that meet each of its conditions."""
        wanted = selector.matchers
        if wanted not in self._found:
            self._found[wanted] = [
                one for one in self._all if all(m.matches(one.labels) for m in wanted)
            ]
        return self._found[wanted]


def evaluate(expression: Expression, finder: Finder, at: int) -> Result:
    """Compute it at that moment."""
    match expression:
        case Number(value):
            return value
        case Selector():
            return _selected(expression, finder, at)
        case Negative(of):
            return _negative(evaluate(of, finder, at))
        case Call():
            return _called(expression, finder, at)
        case Aggregate():
            return _aggregated(expression, _vector(evaluate(expression.of, finder, at)))
        case Binary(sign, left, right):
            return _between(sign, evaluate(left, finder, at), evaluate(right, finder, at))


def _selected(selector: Selector, finder: Finder, at: int) -> Result:
    if selector.window is not None:
        found = [
            Course(s.labels, s.between(at - selector.window, at)) for s in finder.find(selector)
        ]
        return [course for course in found if course.samples]
    values = [(s.labels, s.newest(at - LOOKBACK, at)) for s in finder.find(selector)]
    return [Element(labels, value) for labels, value in values if value is not None]


def _called(call: Call, finder: Finder, at: int) -> Result:
    given = [evaluate(argument, finder, at) for argument in call.arguments]
    if call.name == "vector":
        return [Element({}, _scalar(given[0]))]
    if call.name == "histogram_quantile":
        return _quantiles(_scalar(given[0]), _vector(given[1]))
    [selector] = call.arguments
    window = selector.window if isinstance(selector, Selector) else None
    if window is None or isinstance(given[0], float):
        raise EvaluationError(f"{call.name} needs a range selector")
    seconds = window / 1000 if call.name == "rate" else 1.0
    found: Vector = []
    for one in given[0]:
        rise = _rise(one.samples, at - window, at) if isinstance(one, Course) else None
        if rise is not None:
            found.append(Element(_nameless(one.labels), rise / seconds))
    return _unique(found)


def _rise(samples: Samples, begin: int, end: int) -> float | None:
    """How much a counter rose in the window, stretched to its ends. None: fewer than two."""
    if len(samples) < 2:  # noqa: PLR2004 - a rise is between two
        return None
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    pairs = pairwise(samples)
    rise = last - first + sum(before for (_, before), (_, after) in pairs if after < before)
    covered = last_at - first_at
    mean = covered / (len(samples) - 1)
    ahead, behind = _stretch(first_at - begin, mean), _stretch(end - last_at, mean)
    if rise > 0 and first >= 0:
        ahead = min(ahead, covered * first / rise)
    return rise * (covered + ahead + behind) / covered


def _stretch(distance: float, mean: float) -> float:
    return distance if distance < mean * FAR else mean / 2


def _aggregated(aggregate: Aggregate, vector: Vector) -> Vector:
    groups: dict[tuple[str, ...], list[float]] = {}
    for element in vector:
        key = tuple(element.labels.get(label, "") for label in aggregate.by)
        groups.setdefault(key, []).append(element.value)
    return [
        Element(
            {label: value for label, value in zip(aggregate.by, key, strict=True) if value},
            AGGREGATIONS[aggregate.name](values),
        )
        for key, values in groups.items()
    ]


def _largest(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": lambda values: float(sum(values)),
    "avg": lambda values: sum(values) / len(values),
    "count": lambda values: float(len(values)),
    "max": _largest,
}


def _quantiles(share: float, vector: Vector) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for labels, value in vector:
        try:
            bound = float(labels.get("le", ""))
        except ValueError:
            continue
        rest = {name: text for name, text in labels.items() if name not in ("le", "__name__")}
        groups.setdefault(_key(rest), []).append((bound, value))
    return [Element(dict(key), _quantile(share, sorted(rows))) for key, rows in groups.items()]


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float:
    """Read a quantile off cumulative buckets, as if each were evenly full."""
    total = max(count for _, count in buckets)
    few = len(buckets) < 2 or buckets[-1][0] != math.inf  # noqa: PLR2004 - one above the other
    if few or math.isnan(share) or math.isnan(buckets[-1][1]) or total <= 0:
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share)
    rank, low, below = share * total, 0.0, 0.0
    for bound, count in buckets[:-1]:
        if count >= rank:
            if low == 0 and bound <= 0:
                return bound
            within = count - below
            return low + (bound - low) * ((rank - below) / within if within > 0 else 0.0)
        low, below = bound, max(below, count)
    return low


def _between(sign: str, left: Result, right: Result) -> Result:
    if sign == "or":
        return _either(_vector(left), _vector(right))
    if isinstance(left, float) and isinstance(right, float):
        return ARITHMETIC[sign](left, right)
    compares = COMPARISONS.get(sign)
    if compares is not None:
        return _filtered(compares, left, right)
    compute = ARITHMETIC[sign]
    if isinstance(right, float):
        found = [(e.labels, compute(e.value, right)) for e in _vector(left)]
    elif isinstance(left, float):
        found = [(e.labels, compute(left, e.value)) for e in _vector(right)]
    else:
        found = [(a.labels, compute(a.value, b.value)) for a, b in _matched(left, right)]
    return _unique([Element(_nameless(labels), value) for labels, value in found])


def _filtered(compares: Callable[[float, float], bool], left: Result, right: Result) -> Vector:
    if isinstance(right, float):
        return [e for e in _vector(left) if compares(e.value, right)]
    if isinstance(left, float):
        return [e for e in _vector(right) if compares(left, e.value)]
    return [a for a, b in _matched(left, right) if compares(a.value, b.value)]


def _matched(left: Result, right: Result) -> list[tuple[Element, Element]]:
    """Pair elements with the same labels, whatever their names. Raises where it isn't clear."""
    ours, theirs = _by_labels(_vector(left), "left"), _by_labels(_vector(right), "right")
    return [(ours[key], theirs[key]) for key in ours if key in theirs]


def _by_labels(vector: Vector, side: str) -> dict[tuple[tuple[str, str], ...], Element]:
    found: dict[tuple[tuple[str, str], ...], Element] = {}
    for element in vector:
        key = _key(_nameless(element.labels))
        if key in found:
            raise EvaluationError(
                f"found duplicate series for the match group on the {side} hand-side of the "
                "operation: many-to-many matching not allowed: matching labels must be unique on "
                "one side"
            )
        found[key] = element
    return found


def _either(left: Vector, right: Vector) -> Vector:
    there = {_key(_nameless(element.labels)) for element in left}
    return left + [e for e in right if _key(_nameless(e.labels)) not in there]


def _negative(result: Result) -> Result:
    if isinstance(result, float):
        return -result
    return _unique([Element(_nameless(e.labels), -e.value) for e in _vector(result)])


def _unique(vector: Vector) -> Vector:
    if len({_key(element.labels) for element in vector}) != len(vector):
        raise EvaluationError("vector cannot contain metrics with the same labelset")
    return vector


def _divided(left: float, right: float) -> float:
    if right:
        return left / right
    # Nothing in it, or a sign that is that of both: as floating point has it.
    return (
        math.nan
        if not left or math.isnan(left)
        else math.copysign(math.inf, left) * (math.copysign(1, right))
    )


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
}

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def _nameless(labels: Labels) -> Labels:
    return {name: value for name, value in labels.items() if name != "__name__"}


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _scalar(result: Result) -> float:
    if not isinstance(result, float):
        raise EvaluationError("a scalar is needed here")
    return result


def _vector(result: Result) -> Vector:
    """Take it as an instant vector; the parser has seen to it that it is one."""
    if isinstance(result, float):
        raise EvaluationError("a vector is needed here")
    return [element for element in result if isinstance(element, Element)]
