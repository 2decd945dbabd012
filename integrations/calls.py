"""Times each call to an outside system and says what came of it; `app` hands in who is told.

Used by the adapters of Slack, GitHub and Kubernetes. Kinds are names of methods and resources,
never of things, so that there are few of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from bot.errors import (
    ConflictError,
    ForbiddenError,
    MissingError,
    PermanentError,
    TemporaryError,
)

Told = Callable[[str, str, float], None]
"""Takes the kind of a call, its result, and the seconds that it took."""

_RESULTS: tuple[tuple[type[BaseException], str], ...] = (
    (MissingError, "missing"),
    (ForbiddenError, "forbidden"),
    (ConflictError, "conflict"),
    (PermanentError, "refused"),
    (TemporaryError, "temporary"),
    (asyncio.CancelledError, "cancelled"),
)


def untold(_kind: str, _result: str, _seconds: float) -> None:
    """Tell nobody."""


def result_of(error: BaseException) -> str:
    """Name what came of a call that raised."""
    return next((word for kind, word in _RESULTS if isinstance(error, kind)), "fault")


@contextmanager
def timed(told: Told, kind: str) -> Iterator[None]:
    """Tell of the call in this block when it ends, however it does."""
    began, result = monotonic(), "ok"
    try:
        yield
    except BaseException as error:
        result = result_of(error)
        raise
    finally:
        told(kind, result, monotonic() - began)
