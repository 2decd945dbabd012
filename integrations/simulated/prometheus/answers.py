"""Reads what is asked of the API, and writes what it answers, in the shapes of the real one.

Called by `api`. Raises AnswerError with the status and the kind of error that Prometheus has.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations.simulated.prometheus.evaluation import Course, Result
from integrations.simulated.prometheus.streams import milliseconds
from integrations.simulated.prometheus.syntax import PromqlError, duration

PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

LATEST = 253_402_300_799.0
"""Seconds since 1970 of the last moment that there is here."""

POINTS = 11_000
"""Moments that one query over a range may ask for."""


class AnswerError(Exception):
    """The request is answered by an error."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind

    @property
    def body(self) -> dict[str, Any]:
        """The error as the API writes it."""
        return {"status": "error", "errorType": self.kind, "error": str(self)}


def bad_data(name: str, sentence: object) -> AnswerError:
    """Make the error of a parameter that can't be read."""
    return AnswerError(400, "bad_data", f'invalid parameter "{name}": {sentence}')


def moment(form: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Read a moment, seconds since 1970 or RFC 3339, as milliseconds."""
    text = form.get(name, "")
    if not text and default is not None:
        return default
    if PLAIN.fullmatch(text) and abs(float(text)) <= LATEST:
        return round(float(text) * 1000)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise bad_data(name, f'cannot parse "{text}" to a valid timestamp')
    return milliseconds(found)


def span(form: Mapping[str, str], name: str) -> float:
    """Read a duration, seconds or `1m30s`, as milliseconds."""
    text = form.get(name, "")
    if PLAIN.fullmatch(text) and abs(float(text)) <= LATEST:
        return float(text) * 1000
    try:
        if re.fullmatch(r"([0-9]+[a-z]+)+", text):
            return duration(text)
    except PromqlError:
        pass
    raise bad_data(name, f'cannot parse "{text}" to a valid duration')


def turns(form: Mapping[str, str]) -> range:
    """Read the moments of a query over a range."""
    start, end, step = moment(form, "start"), moment(form, "end"), round(span(form, "step"))
    if end < start:
        raise bad_data("end", "end timestamp must not be before start time")
    if step <= 0:
        sentence = "zero or negative query resolution step widths are not accepted"
        raise bad_data("step", f"{sentence}. Try a positive integer")
    if (end - start) // step > POINTS:
        sentence = "exceeded maximum resolution of 11,000 points per timeseries"
        raise AnswerError(400, "bad_data", f"{sentence}. Try decreasing the query resolution")
    return range(start, end + 1, step)


def in_time(form: Mapping[str, str]) -> None:
    """Give up where the caller leaves no time."""
    if form.get("timeout") and span(form, "timeout") <= 0:
        raise AnswerError(503, "timeout", "query timed out in expression evaluation")


def written(value: float) -> str:
    """Write a value: without an exponent, and with a sign where it is infinite."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def point(at: int, value: float) -> list[float | int | str]:
    """Write a sample: seconds since 1970, and its value as a string."""
    return [at // 1000 if at % 1000 == 0 else at / 1000, written(value)]


def instant(result: Result, at: int) -> dict[str, Any]:
    """Write what a query gave at one moment."""
    if isinstance(result, float):
        return {"resultType": "scalar", "result": point(at, result)}
    if any(isinstance(one, Course) for one in result):
        rows = [course(one) for one in result if isinstance(one, Course)]
        return {"resultType": "matrix", "result": rows}
    elements = [
        {"metric": dict(one.labels), "value": point(at, one.value)}
        for one in result
        if not isinstance(one, Course)
    ]
    return {"resultType": "vector", "result": elements}


def course(one: Course) -> dict[str, Any]:
    """Write one series with its samples."""
    return {"metric": dict(one.labels), "values": [point(at, v) for at, v in one.samples]}


def courses(results: Mapping[int, Result]) -> dict[str, Any]:
    """Write what a query gave at many moments: one row a set of labels."""
    rows: dict[str, Course] = {}
    for at, result in results.items():
        found = (
            [({}, result)]
            if isinstance(result, float)
            else [(one.labels, one.value) for one in result if not isinstance(one, Course)]
        )
        for labels, value in found:
            key = json.dumps(dict(labels), sort_keys=True)
            rows.setdefault(key, Course(labels, [])).samples.append((at, value))
    return {"resultType": "matrix", "result": [course(row) for row in rows.values()]}
