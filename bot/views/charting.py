"""A chart's picture and words, from its values. Pure; used by `engine.charts`.

The words go with the picture for readers without one, and instead of it where Slack takes none.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain.analysis import Point
from bot.domain.charts import Chart
from bot.domain.counters import Sample
from bot.domain.versions import bare
from bot.views.chart import Line, Picture, plain
from bot.views.ticks import figure
from bot.views.words import opened, safe, took

SIDES = {True: "not below", False: "not above"}


def file_name(chart: Chart) -> str:
    """Name the file, so that a repeat finds it: `rel-7k3f-errors-3.png`."""
    what = re.sub(r"[^a-z0-9]+", "-", plain(chart.what, 40).lower()).strip("-")
    return f"{chart.release}-{what or 'chart'}-{chart.number}.png"


def picture(chart: Chart, samples: tuple[Sample, ...] = ()) -> Picture:
    """Say what is drawn. `samples`: a guard's course."""
    blank = Picture(
        title=f"{chart.service} {_step(chart)} · {chart.what}",
        axis="",
        moves=tuple(
            (move.at, f"{move.weight} %{'' if n else f' on {chart.new}'}")
            for n, move in enumerate(chart.moves)
        ),
        since=min(chart.since, *_moments(chart, samples), chart.decided),
        decided=chart.decided,
        low=chart.low,
    )
    match chart.kind:
        case "failures":
            changes = _failures(chart)
        case "traffic":
            changes = _traffic(chart)
        case "guard":
            changes = _guard(chart, samples)
    return blank.model_copy(update=changes)


def words(chart: Chart, samples: tuple[Sample, ...] = ()) -> str:
    """Say in a line what the picture shows."""
    return safe(_words(chart, samples))


def _words(chart: Chart, samples: tuple[Sample, ...]) -> str:
    over = took(_span(chart, samples))
    match chart.kind:
        case "failures":
            own = f"{_named(chart.new, chart.version)}: {_said(chart.course, new=True)}"
            control = _named(chart.control or chart.live, chart.previous)
            old = f"{control}: {_said(chart.course, new=False)}"
            allowed = f"The objective allows {_percent(chart.limit or 0.0)}."
            return f"{opened(chart.what)} over {over}. {opened(own)}; {old}. {allowed}"
        case "traffic":
            last = _percent(_own_share(chart.course[-1])) if chart.course else "nothing"
            promised = _percent(chart.limit or 0.0)
            got = f"{chart.new} got {last} of them at the last look"
            return f"Requests over {over}: {got}; {promised} were promised."
        case "guard":
            return _guard_words(chart, samples, over)


def _failures(chart: Chart) -> dict[str, object]:
    limit = chart.limit or 0.0
    control = chart.control or chart.live
    sides = (
        (chart.new, chart.new, chart.version, True),
        (control, chart.live, chart.previous, False),
    )
    lines = [
        Line(
            label=f"{_named(name, version)}: {_percent(_whole(chart, new=new))}",
            tone=slot,
            dashed=not new,
            points=tuple((p.at, _times_100(_share(*_counts(p, new=new)))) for p in chart.course),
        )
        for name, slot, version, new in sides
    ]
    return {
        "axis": "failed requests",
        "unit": " %",
        "lines": tuple(lines),
        "limit": limit * 100,
        "limit_label": f"objective: at most {_percent(limit)}",
    }


def _traffic(chart: Chart) -> dict[str, object]:
    points = tuple((p.at, _times_100(_own_share(p))) for p in chart.course)
    last = _percent(_own_share(chart.course[-1])) if chart.course else ""
    return {
        "axis": f"share of all requests{' that are compared' if chart.control else ''}",
        "unit": " %",
        "lines": (Line(label=f"{chart.new} got {last}", tone=chart.new, points=points),),
        "limit": (chart.limit or 0.0) * 100,
        "limit_label": f"promised: {_percent(chart.limit or 0.0)}",
    }


def _guard(chart: Chart, samples: tuple[Sample, ...]) -> dict[str, object]:
    points = tuple((one.at, one.value) for one in samples)
    last = figure(samples[-1].value) if samples else "no data"
    return {
        "axis": "both slots together",
        "lines": (Line(label=f"{chart.what}: {last}", tone="only", points=points),),
        "limit": chart.limit,
        "limit_label": f"limit: {SIDES[chart.low]} {figure(chart.limit or 0.0)}",
    }


def _guard_words(chart: Chart, samples: tuple[Sample, ...], over: str) -> str:
    limit = f"Its limit: {SIDES[chart.low]} {figure(chart.limit or 0.0)}."
    values = [one.value for one in samples]
    if not values:
        return f"{opened(chart.what)}: no data. {limit}"
    between = f"between {figure(min(values))} and {figure(max(values))}"
    return f"{opened(chart.what)} over {over}: {between}, last {figure(values[-1])}. {limit}"


def _step(chart: Chart) -> str:
    before = bare(chart.previous) if chart.previous else "unknown"
    return f"{before} -> {bare(chart.version)}"


def _named(slot: str, version: str | None) -> str:
    return f"{slot} {bare(version)}" if version else slot


def _said(course: tuple[Point, ...], *, new: bool) -> str:
    """Write a slot's failures over the whole time, and at the last look."""
    counts = [_counts(point, new=new) for point in course]
    n, f = sum(n for n, _ in counts), sum(f for _, f in counts)
    if not n:
        return "no requests"
    last = _share(*_counts(course[-1], new=new))
    lately = f", {_percent(last)} at the last look" if last is not None else ", none lately"
    return f"{_percent(f / n)} of {n:,.0f} requests failed{lately}"


def _counts(point: Point, *, new: bool) -> tuple[float, float]:
    return (point.n_c, point.f_c) if new else (point.n_s, point.f_s)


def _share(requests: float, failed: float) -> float | None:
    return failed / requests if requests else None


def _own_share(point: Point) -> float | None:
    return _share(point.n_c + point.n_s, point.n_c)


def _whole(chart: Chart, *, new: bool) -> float | None:
    counts = [_counts(point, new=new) for point in chart.course]
    return _share(sum(n for n, _ in counts), sum(f for _, f in counts))


def _times_100(share: float | None) -> float | None:
    return None if share is None else share * 100


def _percent(share: float | None) -> str:
    return "no requests" if share is None else f"{figure(share * 100, 2)} %"


def _span(chart: Chart, samples: tuple[Sample, ...]) -> timedelta:
    span = chart.decided - min(chart.since, *_moments(chart, samples), chart.decided)
    return timedelta(seconds=round(span.total_seconds()))


def _moments(chart: Chart, samples: Iterable[Sample]) -> list[datetime]:
    return [*(point.at for point in chart.course), *(one.at for one in samples)]
