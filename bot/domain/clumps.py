"""How many failures come together: from how unevenly a day's failures fell on the pods. Pure.

A retry or one broken connection makes several failures of one cause, and the judge must not take
them for several (docs/analysis.md, m). Bursts that all pods have in common do not count: only
how a minute's failures are split between the pods tells.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.domain.counters import Sample, Series

POD = "pod"
"""The label by which pods are told apart."""

PRIOR_FAILURES, PRIOR_SIZE = 20.0, 2.0
"""What is believed before anything is seen: so many failures in clumps of that size."""

Minutes = Mapping[datetime, Mapping[str, float]]


def clump_size(requests: Iterable[Series], failures: Iterable[Series]) -> float:
    """Estimate the clump size, at least 1, from counts by pod and minute.

    Each series is one pod's increase a minute. Minutes with fewer than two pods that served tell
    nothing; without any the prior stands, which is 2.
    """
    served, failed = _by_minute(requests), _by_minute(failures)
    uneven, whole = 0.0, 0.0
    for minute, pods in served.items():
        there = {pod: n for pod, n in pods.items() if n > 0}
        if len(there) < 2:  # noqa: PLR2004 - one alone can't be uneven
            continue
        hits = {pod: failed.get(minute, {}).get(pod, 0.0) for pod in there}
        requests_then, failures_then = sum(there.values()), sum(hits.values())
        spread = sum(hits[pod] ** 2 * requests_then / n for pod, n in there.items())
        uneven += (spread - failures_then**2) / (len(there) - 1)
        whole += failures_then
    return max(1.0, (uneven + PRIOR_SIZE * PRIOR_FAILURES) / (whole + PRIOR_FAILURES))


def without(requests: Iterable[Series], good: Iterable[Series]) -> tuple[Series, ...]:
    """Give the failures where the good ones are counted: pod by pod, minute by minute."""
    well = _by_minute(good)
    return tuple(
        series.model_copy(
            update={
                "samples": tuple(
                    sample.model_copy(
                        update={"value": max(0.0, sample.value - _at(well, sample, series))}
                    )
                    for sample in series.samples
                )
            }
        )
        for series in requests
    )


def _at(counts: Minutes, sample: Sample, series: Series) -> float:
    return counts.get(sample.at, {}).get(series.labels.get(POD, ""), 0.0)


def _by_minute(found: Iterable[Series]) -> Minutes:
    counts: defaultdict[datetime, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for series in found:
        pod = series.labels.get(POD)
        if pod is None:
            continue
        for sample in series.samples:
            if sample.value >= 0:
                counts[sample.at][pod] += sample.value
    return counts
