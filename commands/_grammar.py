"""From words to typed pieces: dashes, quotes, options, names, "did you mean".

Used by the verbs' `parse` functions. Raises UserError with one sentence; stores nothing.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from html import unescape

from bot.domain.catalog import Catalog
from bot.domain.reasons import Reason
from bot.domain.rules import runs_in
from bot.domain.versions import Version, VersionError
from bot.errors import UserError

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})
_OPTION = re.compile(r"^[-\u2010-\u2015\u2212]+([A-Za-z][\w-]*)(?:=(.*))?$", re.DOTALL)
_RELEASE = re.compile(r"^rel-[0-9a-z]{4,8}$")

_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d|(\d+[smhdw])+|UTC|[A-Z]\w+/[\w/+-]+|today|tomorrow|"
    r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*",
    re.IGNORECASE,
)
"""Words of a time, which people write without quotes: `--until Mon 09:00 Europe/London`."""

TIMES = ("until", "from")
WITH_VALUE = ("strategy", "reason", "comment", "for", *TIMES)
"""Options that take a value, and those of them that take several words of a time."""

MOST_WORDS = 2000
"""Characters of a command; Slack sends more, and no verb needs them."""


@dataclass(frozen=True)
class Words:
    """A command taken apart. Options that stand alone have the value None."""

    plain: tuple[str, ...]
    options: Mapping[str, str | None]

    def take(self, *allowed: str) -> Mapping[str, str | None]:
        """Give the options; raises UserError for one that the verb doesn't know."""
        for name in self.options:
            if name not in allowed:
                raise UserError(
                    f"There is no option --{name} here.{_mean([f'--{a}' for a in allowed], name)}",
                    Reason.NOT_UNDERSTOOD,
                )
        return self.options

    def need(self, least: int, most: int, usage: str) -> tuple[str, ...]:
        """Give the plain words; raises UserError where there are too few or too many."""
        if least <= len(self.plain) <= most:
            return self.plain
        wrong = "That has too many words." if len(self.plain) > most else "Some words are missing."
        raise UserError(f"{wrong} Say `/release {usage}`.", Reason.NOT_UNDERSTOOD)


def take_apart(text: str, with_value: Iterable[str] = WITH_VALUE) -> Words:
    """Split a command into words and options, as phones and macs write them too."""
    if len(text) > MOST_WORDS:
        raise UserError(
            f"That is {len(text)} characters long; {MOST_WORDS} are enough.", Reason.NOT_UNDERSTOOD
        )
    text = unescape(text).translate(_QUOTES).replace("\u00a0", " ").strip().strip("`")
    try:
        parts = shlex.split(text)
    except ValueError:
        parts = _unbalanced(text)
    return _sort(parts, set(with_value))


def _unbalanced(text: str) -> list[str]:
    """An apostrophe (`don't`) is no quote; an open double quote is a mistake."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.quotes, lexer.commenters = True, '"', ""
    try:
        return list(lexer)
    except ValueError:
        raise UserError(
            "A quote was opened and not closed. Close it and say it again.", Reason.NOT_UNDERSTOOD
        ) from None


def _sort(parts: list[str], with_value: set[str]) -> Words:
    plain: list[str] = []
    options: dict[str, str | None] = {}
    waiting: str | None = None
    last: str | None = None
    for part in parts:
        found = _OPTION.match(part)
        if waiting is not None and found is None:
            options[waiting] = part
            last, waiting = waiting, None
            continue
        if last in TIMES and found is None and _TIMES.fullmatch(part):
            options[last] = f"{options[last]} {part}"
            continue
        last = None
        if found is None:
            plain.append(part)
            continue
        name = found[1].lower()
        if name in options:
            raise UserError(f"--{name} is there twice.", Reason.NOT_UNDERSTOOD)
        options[name] = found[2]
        waiting = name if name in with_value and found[2] is None else None
    for name in with_value & set(options):
        if not options[name]:
            raise UserError(f"--{name} needs a value.", Reason.NOT_UNDERSTOOD)
    return Words(tuple(plain), options)


def _mean(known: Iterable[str], word: str) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def closest(known: Iterable[str], word: str) -> str | None:
    """Find the known word that was probably meant."""
    return next(iter(get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)), None)


def service(catalog: Catalog, word: str) -> str:
    """Resolve a service's name. Raises UserError with the nearest right one."""
    name = word.strip("*_`").lower()
    if name in catalog.services:
        return name
    raise UserError(
        f'There is no service "{word}".{_mean(catalog.services, name)}', Reason.UNKNOWN_NAME
    )


def environment(catalog: Catalog, word: str) -> str:
    """Resolve an environment's name or alias. Raises UserError with the nearest right one."""
    name = catalog.environment_named(word.strip("*_`").lower())
    if name is not None:
        return name
    known = [*catalog.environments, *(a for e in catalog.environments.values() for a in e.aliases)]
    guess = _mean(known, word.lower())
    listed = "" if guess else f" There are {', '.join(catalog.environments)}."
    raise UserError(f'There is no environment "{word}".{guess}{listed}', Reason.UNKNOWN_NAME)


def version(word: str) -> str:
    """Check that it is a version such as v2.1.0; return it as written."""
    text = word.strip("*_`")
    try:
        Version(text)
    except VersionError:
        raise UserError(
            f'"{word}" is not a version such as v2.1.0.', Reason.NOT_UNDERSTOOD
        ) from None
    return text


def place(catalog: Catalog, service_word: str, environment_word: str) -> tuple[str, str]:
    """Resolve a service in an environment, and check that it is meant to run there."""
    name, env = service(catalog, service_word), environment(catalog, environment_word)
    if not runs_in(catalog.services[name], env):
        there = ", ".join(catalog.services[name].environments or ())
        raise UserError(f"{name} doesn't run in {env}. It runs in {there}.", Reason.UNKNOWN_NAME)
    return name, env


def is_release_id(word: str) -> bool:
    """Whether the word is a release's id."""
    return _RELEASE.match(word.lower()) is not None


def release_id(word: str) -> str:
    """Check the form of a release id."""
    if is_release_id(word):
        return word.lower()
    raise UserError(
        f'"{word}" is not a release id such as rel-7k3f. `/release status` lists them.',
        Reason.NOT_UNDERSTOOD,
    )
