"""Parses what Prometheus answers into the port's values. Called by `client`; pure.

A body of another shape is a TemporaryError: something else answered, a proxy perhaps. Nothing that
came is ever quoted, but for Prometheus' own sentence about an error, cut short.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from bot.domain.counters import Sample, Series
from bot.domain.value import Value
from bot.errors import PermanentError, TemporaryError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LATEST = 253_402_300_000.0
"""Seconds since 1970 of the last moment that a datetime holds, roughly."""

SAID = 200
"""Characters of Prometheus' own sentence that are passed on."""

INFO = "PromQL info"
"""How a hint about the query begins; older servers put hints among the warnings."""

Point = tuple[Annotated[float, Field(ge=0, le=LATEST)], float]


class _Element(Value):
    metric: Mapping[str, str]
    value: Point | None = None
    """None: a native histogram, which is no number."""


class _Row(Value):
    metric: Mapping[str, str]
    values: tuple[Point, ...] = ()
    histograms: tuple[object, ...] = ()


class _Scalar(Value):
    kind: Literal["scalar"] = Field(alias="resultType")
    result: Point


class _Vector(Value):
    kind: Literal["vector"] = Field(alias="resultType")
    result: tuple[_Element, ...]


class _Matrix(Value):
    kind: Literal["matrix"] = Field(alias="resultType")
    result: tuple[_Row, ...]


class _Text(Value):
    kind: Literal["string"] = Field(alias="resultType")


_Data = Annotated[_Scalar | _Vector | _Matrix | _Text, Field(discriminator="kind")]


class _Answer(Value):
    status: Literal["success"]
    data: _Data
    warnings: tuple[str, ...] = ()


class _Version(Value):
    version: str


class _About(Value):
    status: Literal["success"]
    data: _Version


class _Refusal(Value):
    error: str


_Parsed = TypeVar("_Parsed", bound=Value)


def series_of(body: bytes) -> tuple[Series, ...]:
    """Read raw samples. Raises PermanentError where the query didn't select any kind of them."""
    return tuple(
        Series(labels=row.metric, samples=_samples(row.values)) for row in _rows(_answer(body))
    )


def number_of(body: bytes) -> float | None:
    """Read the one number of an answer; None: no series, NaN or infinite."""
    data = _answer(body)
    if isinstance(data, _Scalar):
        return _finite(data.result[1])
    if not isinstance(data, _Vector):
        raise PermanentError(f"The query gives a {data.kind} and no number")
    _one_at_most(len(data.result))
    for element in data.result:
        if element.value is None:
            raise PermanentError("The query gives a native histogram and no number")
        return _finite(element.value[1])
    return None


def course_of(body: bytes) -> tuple[Sample, ...]:
    """Read the one series of an answer over a range, without what is NaN or infinite."""
    rows = _rows(_answer(body))
    _one_at_most(len(rows))
    return tuple(s for row in rows for s in _samples(row.values) if math.isfinite(s.value))


def version_of(body: bytes) -> str:
    """Read the version of the server."""
    return _read(_About, body).data.version


def said_in(body: bytes) -> str | None:
    """Read Prometheus' own sentence about an error, on one line and cut; None: there is none."""
    try:
        return _cut(_Refusal.model_validate_json(body).error)
    except ValidationError:
        return None


def _cut(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= SAID else f"{line[: SAID - 1]}…"


def _answer(body: bytes) -> "_Scalar | _Vector | _Matrix | _Text":
    answer = _read(_Answer, body)
    partial = [text for text in answer.warnings if not text.startswith(INFO)]
    if partial:
        raise TemporaryError(f"Prometheus has only a part of the data: {_cut(partial[0])}")
    return answer.data


def _read(kind: type[_Parsed], body: bytes) -> _Parsed:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise TemporaryError("What answered is not Prometheus, or not all of it came") from error


def _rows(data: "_Scalar | _Vector | _Matrix | _Text") -> tuple[_Row, ...]:
    if not isinstance(data, _Matrix):
        raise PermanentError(f"The selector gives a {data.kind} and no samples over time")
    if any(row.histograms for row in data.result):
        raise PermanentError("The selector gives native histograms and no counters")
    return data.result


def _one_at_most(many: int) -> None:
    if many > 1:
        raise PermanentError(f"The query gives {many} series and must give one; add them up")


def _samples(points: tuple[Point, ...]) -> tuple[Sample, ...]:
    return tuple(Sample(at=_moment(at), value=value) for at, value in points)


def _moment(seconds: float) -> datetime:
    """Read a time stamp to the millisecond, which is what Prometheus keeps."""
    return EPOCH + timedelta(milliseconds=round(seconds * 1000))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
