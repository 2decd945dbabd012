"""k6's end-of-test summary, in both shapes: what `handleSummary` is handed, and `--summary-export`.

They read a threshold's `false` in opposite ways. In handleSummary's data a threshold is an object,
and `{"ok": false}` failed. In the exported summary it is a bare boolean that says whether the limit
was crossed, so `false` passed. A file that mixes the two is refused.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from bot.domain.evidence import Checks, Format, Measure, Report, Threshold
from bot.domain.value import Value
from integrations.evidence.parts import shaped, short
from integrations.evidence.reading import Content, too_large, unreadable

FORMAT = Format.K6
EMPTY = Report(format=FORMAT, tool="k6", complete=False)
"""Nothing was measured."""

MOST_MEASURES = 5_000

UNITS = {"time": "ms", "data": "bytes"}
"""By what handleSummary says that a metric contains."""

TIMES = ("http_req_", "iteration_duration", "group_duration", "grpc_req_duration", "ws_")
DATA = ("data_sent", "data_received")
"""k6's own metrics by name, for the exported summary, which names no units."""

STATISTICS = frozenset({"avg", "min", "med", "max", "count"})
"""Besides p(…): what has the metric's own unit. A rate has not."""


class _Metric(Value):
    values: dict[str, Any] | None = None
    thresholds: dict[str, Any] | None = None
    contains: str = ""
    type: str = ""


class _File(Value):
    metrics: dict[str, dict[str, Any]]
    root: dict[str, Any] = Field(default_factory=dict, alias="root_group")


def recognise(content: Content) -> bool:
    """Tell by the metrics beside the tree of groups or the state of the run."""
    return content.has("metrics", "root_group") or content.has("metrics", "state", "options")


def read(content: Content) -> Report:
    """Read it. A file without metrics measured nothing."""
    file = shaped(_File, content.data, "k6")
    by_object = {bool("values" in metric) for metric in file.metrics.values()}
    if len(by_object) > 1:
        unreadable(
            "The k6 summary mixes metrics with and without `values`; k6 writes no such file."
        )
    is_handled = by_object == {True}
    measures = tuple(_measures(file.metrics, is_handled=is_handled))
    if len(measures) > MOST_MEASURES:
        too_large(f"The k6 summary has more than {MOST_MEASURES:,} values. Split it.")
    return Report(
        format=FORMAT,
        tool="k6",
        complete=bool(file.metrics),
        measures=measures,
        thresholds=tuple(_thresholds(file.metrics, is_handled=is_handled)),
        checks=_checks(file, is_handled=is_handled),
    )


def _measures(metrics: dict[str, dict[str, Any]], *, is_handled: bool) -> Iterator[Measure]:
    for name, data in metrics.items():
        metric = shaped(_Metric, data, "k6")
        numbers = (metric.values or {}) if is_handled else data
        for statistic, value in numbers.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                unit = _unit(name, statistic, metric.contains)
                yield Measure(name=short(f"{name}.{statistic}"), value=float(value), unit=unit)


def _unit(name: str, statistic: str, contains: str) -> str:
    if statistic not in STATISTICS and not statistic.startswith("p("):
        return ""
    if contains:
        return UNITS.get(contains, "")
    bare = name.partition("{")[0]
    if bare in DATA:
        return "bytes"
    is_time = bare.startswith(TIMES) and bare != "http_req_failed" and statistic != "count"
    return "ms" if is_time else ""


def _thresholds(metrics: dict[str, dict[str, Any]], *, is_handled: bool) -> Iterator[Threshold]:
    for name, data in metrics.items():
        metric = shaped(_Metric, data, "k6")
        for expression, said in (metric.thresholds or {}).items():
            passed = _passed(said, is_handled=is_handled)
            yield Threshold(metric=short(name), expression=short(expression), passed=passed)


def _passed(said: Any, *, is_handled: bool) -> bool:
    if is_handled and isinstance(said, dict) and isinstance(said.get("ok"), bool):
        return bool(said["ok"])
    if is_handled or not isinstance(said, bool):
        unreadable(
            "A threshold in the k6 summary is written as the other of k6's two formats does, "
            "and they read `false` in opposite ways. Submit the file as k6 wrote it."
        )
    return not said


def _checks(file: _File, *, is_handled: bool) -> Checks | None:
    """Take the passes and fails from the metric, and count the names in the tree of groups."""
    metric = file.metrics.get("checks")
    if metric is None:
        return None
    numbers = metric.get("values") if is_handled else metric
    if not isinstance(numbers, dict):
        return None
    passes, fails = numbers.get("passes"), numbers.get("fails")
    if not isinstance(passes, int) or not isinstance(fails, int) or min(passes, fails) < 0:
        unreadable("The k6 summary has no whole numbers for the passes and fails of its checks.")
    return Checks(names=_names(file.root), passes=passes, fails=fails)


def _names(group: Any) -> int:
    """Count the checks of a group and of those inside of it: lists in one format, else objects."""
    if not isinstance(group, dict):
        return 0
    inside, checks = group.get("groups"), group.get("checks")
    groups = list(inside.values()) if isinstance(inside, dict) else inside
    own = len(checks) if isinstance(checks, dict | list) else 0
    return own + sum(_names(one) for one in groups) if isinstance(groups, list) else own
