"""Reads cases out of a file: JSON, or JSON Lines with one case at a time in memory.

Called by `release-bot analysis replay`. Says where a file is wrong; whether the catalogue knows
what a case names is not asked here.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.domain.recordings import TAGS, Case, RecordingError

LARGEST = 200 * 2**20
"""Bytes of a file."""

SHORT = 40
"""Characters of a wrong value that are shown."""

BY_LINE = (".jsonl", ".ndjson")
"""Endings that say: a case a line. Other files are known by their first line."""


def cases(file: Path) -> Iterator[tuple[str, Case]]:
    """Give each case, and where it stands. Raises RecordingError, with the place in it."""
    try:
        with file.open("rb") as stream:
            yield from _cases(file, _Lines(file, stream))
    except OSError as error:
        raise RecordingError(f"{file}: {error.strerror}.") from error


class _Lines:
    """The lines of a file, as long as they are not too much."""

    def __init__(self, file: Path, stream: BinaryIO) -> None:
        self._file = file
        self._stream = stream
        self._left = LARGEST

    def __iter__(self) -> Iterator[str]:
        while line := self._taken(self._stream.readline(self._left + 1)):
            yield line

    def rest(self) -> str:
        """Read all that is left."""
        return self._taken(self._stream.read(self._left + 1))

    def _taken(self, part: bytes) -> str:
        self._left -= len(part)
        if self._left < 0:
            raise RecordingError(
                f"{self._file}: the file is over {LARGEST // 2**20} MB; split it into several."
            )
        try:
            return part.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RecordingError(f"{self._file}: it is no JSON in UTF-8.") from error


def _cases(file: Path, lines: _Lines) -> Iterator[tuple[str, Case]]:
    number, text = next(_filled(lines), (1, ""))
    if not text:
        raise RecordingError(f"{file}: it holds no case.")
    if file.suffix in BY_LINE or _is_a_case_a_line(text):
        yield _of_a_line(file, number, text)
        for later, line in _filled(lines, number):
            yield _of_a_line(file, later, line)
        return
    found = _parsed(file, text + lines.rest(), number)
    for place, one in enumerate(found if isinstance(found, list) else [found], 1):
        yield _case(str(file), f"case {place}", one)


def _filled(lines: _Lines, before: int = 0) -> Iterator[tuple[int, str]]:
    """Number the lines, and pass over the empty ones."""
    return ((n, line) for n, line in enumerate(lines, before + 1) if line.strip())


def _is_a_case_a_line(text: str) -> bool:
    """Whether the first line is a whole object: then others follow, a line each."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _of_a_line(file: Path, number: int, line: str) -> tuple[str, Case]:
    return _case(f"{file}:{number}", "the case", _parsed(file, line, number))


def _parsed(file: Path, text: str, first: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line, what = error.lineno + first - 1, error.msg[:1].lower() + error.msg[1:]
        raise RecordingError(f"{file}:{line}:{error.colno}: this is not JSON: {what}.") from error
    except (ValueError, RecursionError) as error:
        why = "a number is too long" if isinstance(error, ValueError) else "it is nested too deep"
        raise RecordingError(f"{file}:{first}: this can't be read: {why}.") from error


def _case(where: str, unnamed: str, data: Any) -> tuple[str, Case]:
    name = data.get("name") if isinstance(data, dict) else None
    called = f'{where}: case "{name}"' if isinstance(name, str) and name else f"{where}: {unnamed}"
    try:
        return called, Case.model_validate(data)
    except ValidationError as error:
        raise RecordingError(
            f"{called}: {_problem(error.errors(include_url=False)[0])}."
        ) from error


def _problem(error: ErrorDetails) -> str:
    """Say in a sentence what is wrong with a case, and where in it."""
    place = _place(part for part in error["loc"] if part not in TAGS)
    match error["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"there is no key {place}"
        case "value_error":
            return str(error["ctx"]["error"])
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{place or 'it'} must be an object"
        case "tuple_type":
            return f"{place} must be a list"
        case _:
            said, value = error["msg"].replace("Input should", "it should"), error["input"]
            shown = json.dumps(value, default=str)
            return f"{place}: {said[:1].lower()}{said[1:]}" + (
                f" (it is {shown})" if len(shown) <= SHORT else ""
            )


def _place(path: Iterable[int | str]) -> str:
    """Write where in a case it is: `steps[0].weight`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
