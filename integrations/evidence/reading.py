"""From the bytes of a report to JSON or XML, within limits. Used by the readers of this package.

Nothing here knows a format. No clock limits the work: the size, the depth and the number of
findings do, and each costs a bounded number of steps.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from bot.domain.masking import one_line
from bot.domain.reasons import Reason
from bot.errors import UserError

LARGEST = 20 * 2**20
"""Bytes of a report."""

DEEPEST = 100
"""Objects, lists or elements inside of one another. Real reports have fewer than twenty."""

MOST_PARTS = 3_000_000
"""Values, or elements. Each takes far more memory than the three bytes that it may take in a file;
in real reports of 20 MB there are a third as many."""

MOST_DIGITS = 25
"""Of a whole number."""


@dataclass(frozen=True)
class Content:
    """What a file holds: JSON in `data`, JSON Lines as a list in `data`, or XML in `root`."""

    data: Any = None
    root: Element | None = None
    lines: bool = False
    """Whether `data` was several lines of JSON."""

    @property
    def nothing(self) -> bool:
        """Whether it is an empty file or an empty list."""
        return self.root is None and (self.data is None or self.data == [])

    def has(self, *keys: str) -> bool:
        """Whether it is a JSON object with these keys."""
        return isinstance(self.data, dict) and all(key in self.data for key in keys)

    def listed(self, *keys: str) -> bool:
        """Whether it is a list of JSON objects, not empty, of which each has these keys."""
        return (
            isinstance(self.data, list)
            and bool(self.data)
            and all(isinstance(one, dict) and all(k in one for k in keys) for one in self.data)
        )


def refuse(reason: Reason, sentence: str) -> NoReturn:
    """Refuse the report."""
    raise UserError(sentence, reason.value)


def unreadable(sentence: str) -> NoReturn:
    """Refuse what is broken."""
    refuse(Reason.EVIDENCE_UNREADABLE, sentence)


def too_large(sentence: str) -> NoReturn:
    """Refuse what is over a limit."""
    refuse(Reason.EVIDENCE_TOO_LARGE, sentence)


def content_of(raw: bytes) -> Content:
    """Parse a report's bytes. Raises UserError."""
    if len(raw) > LARGEST:
        too_large(
            f"The report is over {LARGEST // 2**20} MB. Leave raw output, requests and responses "
            "out of it, or split it."
        )
    text = _text(raw)
    start = text.lstrip()[:1]
    if sum(map(text.count, "<" if start == "<" else ",[{")) > MOST_PARTS:
        too_large(f"The report has more than {MOST_PARTS:,} parts. Split it.")
    if start == "<":
        return Content(root=_xml(raw))
    if not start:
        return Content()
    if start not in "[{":
        unreadable("The file is neither JSON nor XML: a report begins with {, [ or <.")
    return _json(text)


def _text(raw: bytes) -> str:
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    code = marks.get(raw[:2], "utf-8-sig")
    try:
        return raw.decode(code)
    except UnicodeDecodeError:
        if raw.lstrip()[:1] == b"<":
            return raw.decode("latin-1")  # XML names its own encoding; its parser knows it.
    unreadable("The file is no text in UTF-8 or UTF-16.")


# --- JSON


def _json(text: str) -> Content:
    try:
        found = Content(_parsed(text))
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            unreadable(_broken(error))
        found = Content(list(_of_lines(text)), lines=True)
    _measure_depth(found.data)
    return found


def _of_lines(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield _parsed(line)
        except json.JSONDecodeError as error:
            unreadable(f"Line {number} is not JSON: {_lower(error.msg)}. Is the file cut off?")


def _broken(error: json.JSONDecodeError) -> str:
    where = f"line {error.lineno}, column {error.colno}"
    cut = " It looks cut off." if not error.doc[error.pos :].strip() else ""
    return f"The JSON is broken at {where}: {_lower(error.msg)}.{cut}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_number,
            parse_constant=_constant,
        )
    except RecursionError:
        _too_deep()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        unreadable(f'The key "{one_line(twice, 40)}" stands twice in one object of the JSON.')
    return made


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        unreadable(f"The JSON has a whole number of {len(digits)} digits.")
    return int(digits)


def _number(text: str) -> float:
    found = float(text)
    if found in (float("inf"), float("-inf")):
        unreadable("The JSON has a number that is too large.")
    return found


def _constant(name: str) -> NoReturn:
    unreadable(f"The JSON has {name}, which is no number in JSON.")


def _measure_depth(data: Any) -> None:
    level = [data]
    for _ in range(DEEPEST):
        level = [
            part
            for one in level
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
        if not level:
            return
    _too_deep()


def _too_deep() -> NoReturn:
    too_large(f"The report is nested more than {DEEPEST} deep.")


# --- XML


class _Builder(TreeBuilder):
    """Builds a tree that is not too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._depth += 1
        if self._depth > DEEPEST:
            _too_deep()
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _xml(raw: bytes) -> Element:
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except DefusedXmlException:
        unreadable("The XML declares entities or a document type; no report needs them.")
    except ParseError as error:
        line, column = error.position
        unreadable(f"The XML is broken at line {line}, column {column + 1}. Is the file cut off?")
    except (ValueError, LookupError):
        unreadable("The XML names an encoding that is not known here. UTF-8 is.")
    return root
