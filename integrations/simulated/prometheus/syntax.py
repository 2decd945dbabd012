"""The words of PromQL: tokens, durations and strings, and the tree that a query is read into.

Used by `promql`, which reads, and by `evaluation`, which computes. Pure. Raises only PromqlError.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
"""Milliseconds of each unit, in the order in which a duration may name them."""

DIGITS = 15
"""More digits than any time has."""

TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+|\#[^\n]*)
    | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![0-9A-Za-z_]))
    | (?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[A-Za-z_:][A-Za-z0-9_:]*)
    | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/()\[\]{},=<>])
    """,
    re.VERBOSE,
)

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}

NOT_RE2 = re.compile(r"\(\?[=!<>]|\(\?P[=>]|\\[1-9]")
"""What Python's regular expressions have and those of Prometheus have not."""

Kind = Literal["scalar", "vector", "matrix"]


class PromqlError(Exception):
    """The query can't be read; the sentence is what Prometheus would say, near enough."""


class Token(NamedTuple):
    """A word of a query. `kind` is a group of TOKEN, or `end`; `at` is where it begins."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Matcher:
    """A condition on one label. A label that isn't there is empty."""

    label: str
    sign: str
    value: str
    pattern: re.Pattern[str] | None = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it."""
        own = labels.get(self.label, "")
        if self.pattern is not None:
            return (self.pattern.fullmatch(own) is not None) == (self.sign == "=~")
        return (own == self.value) == (self.sign == "=")


@dataclass(frozen=True)
class Number:
    """A literal."""

    value: float
    kind: Kind = "scalar"


@dataclass(frozen=True)
class Selector:
    """Picks series. `window` is milliseconds of a range selector, None: an instant one."""

    matchers: tuple[Matcher, ...]
    window: int | None = None

    @property
    def kind(self) -> Kind:
        """What it gives."""
        return "vector" if self.window is None else "matrix"


@dataclass(frozen=True)
class Call:
    """A function of other expressions."""

    name: str
    arguments: "tuple[Expression, ...]"
    kind: Kind = "vector"


@dataclass(frozen=True)
class Aggregate:
    """One element a group, by the values of those labels."""

    name: str
    by: tuple[str, ...]
    of: "Expression"
    kind: Kind = "vector"


@dataclass(frozen=True)
class Binary:
    """Two expressions and what is between them."""

    sign: str
    left: "Expression"
    right: "Expression"
    kind: Kind


@dataclass(frozen=True)
class Negative:
    """An expression with a minus before it."""

    of: "Expression"
    kind: Kind


Expression = Number | Selector | Call | Aggregate | Binary | Negative


def error_at(query: str, at: int, sentence: str) -> PromqlError:
    """Make the error with its place, as Prometheus writes it."""
    line = query.count("\n", 0, at) + 1
    column = at - (query.rfind("\n", 0, at) + 1) + 1
    return PromqlError(f"{line}:{column}: parse error: {sentence}")


def tokens_of(query: str) -> list[Token]:
    """Split a query into its words; the last one is `end`."""
    found: list[Token] = []
    at = 0
    while at < len(query):
        match = TOKEN.match(query, at)
        if match is None:
            raise error_at(query, at, f"unexpected character: {query[at]!r}")
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    found.append(Token("end", "", len(query)))
    return found


def duration(text: str) -> int:
    """Read `1m30s` as milliseconds. Units go from large to small, each once; never zero."""
    parts = re.findall(r"([0-9]+)(ms|[smhdwy])", text)
    units = [unit for _, unit in parts]
    order = [unit for unit in UNITS if unit in units]
    if units != order or any(len(digits) > DIGITS for digits, _ in parts):
        raise PromqlError(f"not a valid duration string: {text!r}")
    total = sum(int(digits) * UNITS[unit] for digits, unit in parts)
    if not total:
        raise PromqlError("duration must be greater than 0")
    return total


def number(text: str) -> float:
    """Read a literal: decimal, with an exponent, or hexadecimal."""
    if text[:2].lower() == "0x":
        if len(text) > DIGITS:
            raise PromqlError(f"not a number that fits: {text!r}")
        return float(int(text, 16))
    return float(text)


def unquoted(text: str) -> str:
    """Read a string. Backticks keep backslashes; elsewhere an unknown escape is an error."""
    if text[0] == "`":
        return text[1:-1]

    def escaped(match: re.Match[str]) -> str:
        found = ESCAPES.get(match[1])
        if found is None:
            raise PromqlError(f"unknown escape sequence: {match.group()!r}")
        return found

    return re.sub(r"\\(.)", escaped, text[1:-1])


def matcher(label: str, sign: str, value: str) -> Matcher:
    """Make a condition; its regular expression must fit the whole value."""
    if sign in ("=", "!="):
        return Matcher(label, sign, value)
    if NOT_RE2.search(value):
        raise PromqlError(f"invalid regular expression: {value!r}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Matcher(label, sign, value, re.compile(value, re.DOTALL))
    except (re.error, OverflowError, RecursionError) as error:
        raise PromqlError(f"invalid regular expression: {value!r}") from error
