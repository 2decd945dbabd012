"""Versions and the constraints that services put on one another.

A version is a semantic version (semver.org 2.0.0), with or without a leading `v`. A constraint is
comparisons separated by spaces or commas, all of which must hold: `>=1.4 <3`.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import semver
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_COMPARISON = re.compile(r"(>=|<=|!=|==|=|>|<|\^|~)?\s*v?([0-9][0-9A-Za-z.+-]*)")

_NEAR = 0.75
"""How alike two versions are when one is a slip for the other: `v2.1.9`, and `v2.1.0` was meant;
`v3.0.0` is none for `v2.0.5`."""


class VersionError(ValueError):
    """The text is no version or no constraint."""


class Version:
    """One semantic version. `str()` gives it without the `v`; missing parts are zero."""

    __slots__ = ("parsed",)

    def __init__(self, text: str) -> None:
        body = text.strip().removeprefix("v")
        try:
            self.parsed = semver.Version.parse(body, optional_minor_and_patch=True)
        except (ValueError, TypeError) as error:
            raise VersionError(f"{text!r} is not a version such as 2.1.0") from error

    def __str__(self) -> str:
        return str(self.parsed)

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.parsed == other.parsed

    def __lt__(self, other: "Version") -> bool:
        return bool(self.parsed < other.parsed)

    def __le__(self, other: "Version") -> bool:
        return bool(self.parsed <= other.parsed)

    def __gt__(self, other: "Version") -> bool:
        return other < self

    def __ge__(self, other: "Version") -> bool:
        return other <= self

    def __hash__(self) -> int:
        return hash(str(self.parsed))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _next: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls)


class Constraint:
    """Which versions of a dependency will do.

    A pre-release satisfies a constraint only where the constraint names a pre-release itself:
    `>=2` does not mean `3.0.0-rc.1` (the rule of npm and Cargo).
    """

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.replace(",", " ").split())
        self._parts = _parse_constraint(self.text)

    def allows(self, version: Version) -> bool:
        """Whether that version satisfies every comparison."""
        names_prerelease = any(part.parsed.prerelease for _, part in self._parts)
        if version.parsed.prerelease and self._parts and not names_prerelease:
            return False
        return all(_holds(op, version, part) for op, part in self._parts)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Constraint({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constraint) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _next: GetCoreSchemaHandler) -> CoreSchema:
        return _text_schema(cls)


def _parse_constraint(text: str) -> tuple[tuple[str, Version], ...]:
    if text in ("", "*"):
        return ()
    rest = _COMPARISON.sub("", text).strip()
    if rest:
        raise VersionError(f"{text!r} is not a constraint such as >=1.4 <3")
    return tuple((op or "=", Version(part)) for op, part in _COMPARISON.findall(text))


def _holds(op: str, version: Version, bound: Version) -> bool:
    match op:
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
        case "!=":
            return version != bound
        case "^":
            return bound <= version < _next_breaking(bound)
        case "~":
            return bound <= version < Version(str(bound.parsed.bump_minor()))
        case _:
            return version == bound


def _next_breaking(bound: Version) -> Version:
    parsed = bound.parsed
    if parsed.major:
        return Version(str(parsed.bump_major()))
    return Version(str(parsed.bump_minor() if parsed.minor else parsed.bump_patch()))


def _text_schema(cls: type[Any]) -> CoreSchema:
    return core_schema.no_info_plain_validator_function(
        lambda given: given if isinstance(given, cls) else cls(str(given)),
        serialization=core_schema.plain_serializer_function_ser_schema(str),
        json_schema_input_schema=core_schema.str_schema(),
    )


def same_version(one: str | None, other: str | None) -> bool:
    """Whether both texts name the same version (`v2.1.0` and `2.1.0` do)."""
    if one is None or other is None:
        return False
    try:
        return Version(one) == Version(other)
    except VersionError:
        return one == other


def say_newest(versions: Sequence[str], most: int = 3) -> str:
    """Say which tagged versions are the newest; `versions`: newest first."""
    shown = versions[:most]
    if not shown:
        return "It has no tags yet: push one first."
    return f"The newest {'is' if len(shown) == 1 else 'are'} {', '.join(shown)}."


def nearest(version: str, known: Iterable[str]) -> str | None:
    """Find the version that was probably meant: one with nearly the same characters."""
    return next(iter(get_close_matches(version, list(known), n=1, cutoff=_NEAR)), None)


def bare(version: str) -> str:
    """Write the version as running text does: without the leading `v`."""
    return version[1:] if re.match(r"v\d", version) else version
