"""Pieces that the readers of formats share: typed parts of JSON, short texts, times. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ValidationError

from bot.domain.evidence import Finding
from bot.domain.masking import one_line
from bot.domain.value import Value
from integrations.evidence.reading import too_large, unreadable

MOST_FINDINGS = 25_000
"""What GitHub takes of one SARIF run, too."""

WIDTH = 200
"""Characters of a title, a path or an id that are kept."""

FIRST_YEAR = 2000
"""Earlier times are what programs write for "none": 1970, or the year 1."""

T = TypeVar("T")
V = TypeVar("V", bound=Value)


def _or_empty(empty: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: empty if value is None else value)


# Programs in Go write null for what is empty.
Rows = Annotated[tuple[T, ...], _or_empty(())]
Text = Annotated[str, _or_empty("")]


def shaped(model: type[V], data: Any, writer: str) -> V:
    """Parse a report into typed values. Raises UserError, with the place."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = one_line("".join(_step(part) for part in first["loc"]).removeprefix("."), 120)
        said = first["msg"][:1].lower() + first["msg"][1:]
        unreadable(f"{place or 'The report'} is not as {writer} writes it: {said}.")


def _step(part: int | str) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{part}"


def gathered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Take the findings, as long as they are not too many."""
    found: list[Finding] = []
    for finding in findings:
        if len(found) == MOST_FINDINGS:
            too_large(f"The report has more than {MOST_FINDINGS:,} findings. Split it.")
        found.append(finding)
    return tuple(found)


def short(text: str | None, width: int = WIDTH) -> str:
    """Keep one masked line of what a tool wrote; nothing of what it did not."""
    return one_line(text, width) if text else ""


def line_number(number: int | None) -> int | None:
    """Keep the number of a line, where it can be one."""
    return number if number is not None and 0 < number < 2**31 else None


def moment(
    text: str | None, parse: Callable[[str], datetime] = datetime.fromisoformat
) -> datetime | None:
    """Read a time that names its zone; None for any other."""
    try:
        found = parse(_microseconds(text or ""))
        return found if found.utcoffset() is not None and found.year >= FIRST_YEAR else None
    except (ValueError, OverflowError):
        return None


def _microseconds(text: str) -> str:
    """Cut the nanoseconds of Go's times down to what a datetime holds."""
    head, dot, rest = text.partition(".")
    if not dot:
        return text
    zone = rest.lstrip("0123456789")
    return f"{head}.{rest[: len(rest) - len(zone)][:6].ljust(6, '0')}{zone}"
