"""What people might say to the bot: the verbs' own usages filled in, and what goes wrong in typing.

By number, the same each time. Whatever verb there is, its usage is read from its file.
"""

import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from commands import env
from commands._router import discover

FILLED: dict[str, tuple[str, ...]] = {
    "SERVICE": ("payments", "orders", "config", "Payments", "*orders*", "paymnts", "nosuch"),
    "TIER": ("core", "trading", "Core", "tradng"),
    "VERSION": ("v2.1.0", "v2.0.5", "2.1.0", "v9.9.9", "latest", "v1", "v2.1.0-rc.1+b7", "v-1.0"),
    "ENVIRONMENT": ("staging", "production", "prod", "stage", "PROD", "prodd", "qa", "all"),
    "RELEASE": ("rel-7k3f", "REL-7K3F", "rel-2222", "rel-", "rel-!!", "rel-7k3f7k3f7"),
    "LOCK": ("lock-7k3f", "lock-", "lock-!!"),
    "DIGEST": ("3f9c", "3f9c1d2e", "zzzz", ""),
    "COMMENT": ("looks good", "don't", "“fine”", "because <@U0EVE> said"),
    "REASON": ("year end", "it's broken", "<!channel> look", "„Jahresende“", "a" * 600),
    "PERSON": ("<@U0BEN>", "<@U0BEN|ben>", "@ben", "<@W0NOBODY>", "<@>", "ben"),
    "NAME": ("pr-17", "staging", "no-such", "PR-17", "../..", "-" * 70),
    "PAGE": ("1", "2", "0", "-1", "9" * 30, "two", "1.5"),
    "VERB": ("release", "lock", "help", "nothing", "env"),
}
"""What stands for the words of a usage: right ones first, then slips."""

TIMES = ("18:00", "tomorrow 9:00", "2h", "Mon 09:00 Europe/London", "2026-03-09", "25:61", "99w",
         "2026-02-30", "9999999999d", "00:00 Mars/Base", "yesterday", "0m")  # fmt: skip
LASTING = ("3d", "12h", "1w", "0d", "3 d", "999999w", "-3d", "d", "3d3d3d")

ODD = (
    *("", " ", "\x00", "\x1b[2J", "\x07", "\r\n", "\t", "\u2028", "\u202e", "\ufeff", "\u200b"),
    *("--", "-", "—", "--=", "--x", "--x=y", "--reason", "--reason=", "--until", "--dry-run=1"),
    *('"', "'", "“", "`", "\\", '"""', "'\"", "&lt;@U0ANA&gt;", "&amp;", "&#0;", "&#55296;"),
    *("<@U0ANA>", "<@U0ANA|ana>", "<!channel>", "<!subteam^S0MAN>", "<#C0REL|releases>"),
    *("<https://example.com|x>", "../../etc/passwd", "$(reboot)", "'; DROP TABLE releases;--"),
    *("%s%n", "{0}", "NaN", "1e999", "٣", "½", "ß", "İ", "ﬁ", "e\u0301", "👩‍👩‍👧", "\U0010ffff"),
    *("x" * 1999, "x" * 2001, "payments " * 300, "\u0416" * 700, "--a " * 400, '"' * 99),
    *(
        "help",
        "release",
        "train",
        "diff",
        "undo",
        "rel-7k3f",
        "prod",
        "v2.1.0",
        "all",
        "to",
        "until",
    ),
)

_PART = re.compile(r'\[|\]|"[^"]*"| \| |[^\s\[\]]+|\s+')


def usages() -> list[tuple[str, str]]:
    """List each verb's name and what may follow it."""
    found = []
    for verb, module in discover().items():
        usage: str = module.USAGE
        words = usage.removeprefix(f"{verb} ") if verb != "release" else usage
        found.append(("" if verb == "release" else verb, "" if words == verb else words))
    return [*found, *(("", use.removeprefix("/")) for use, _ in env.USES)]


@cache
def _usages() -> list[tuple[str, list[Any]]]:
    return [(verb, _read(_PART.findall(words))) for verb, words in usages()]


def _read(parts: list[str]) -> list[Any]:
    """Read alternatives, each a list of words and of further alternatives that may be left out."""
    found: list[Any] = [[]]
    while parts:
        part = parts.pop(0)
        if part == "]":
            break
        if part == " | ":
            found.append([])
        elif part == "[":
            found[-1].append(_read(parts))
        elif part.strip():
            found[-1].append(part)
    return found


def _filled(alternatives: list[Any], dice: random.Random, slips: float) -> list[str]:
    words: list[str] = []
    for part in dice.choice(alternatives):
        if isinstance(part, list):
            words += _filled(part, dice, slips) if dice.random() < 0.6 else []
        else:
            words.append(_word(part, dice, slips))
    return words


def _word(part: str, dice: random.Random, slips: float) -> str:
    if part.startswith('"'):
        return f'"{_one(FILLED["REASON"], dice, slips)}"'
    word: str = dice.choice(part.split("|"))
    name = word.lstrip("@")
    if name in FILLED:
        return _one(FILLED[name], dice, slips)
    if re.fullmatch(r"\d\d:\d\d", word):
        return _one(TIMES, dice, slips)
    return _one(LASTING, dice, slips) if word == "3d" else word


def _one(known: tuple[str, ...], dice: random.Random, slips: float) -> str:
    return dice.choice(known) if dice.random() < slips else known[0]


def right(dice: random.Random) -> str:
    """Say something as a usage has it; the names in it may be wrong."""
    verb, words = dice.choice(_usages() if dice.random() < 0.8 else _usages()[:1])
    slips = dice.choice((0.0, 0.1, 0.5))
    return " ".join(word for word in (verb, *_filled(words, dice, slips)) if word)


def _odd_word(text: str, dice: random.Random) -> str:
    words = text.split(" ")
    words.insert(dice.randrange(len(words) + 1), dice.choice(ODD))
    return " ".join(words)


def _odd_for_one(text: str, dice: random.Random) -> str:
    words = text.split(" ")
    words[dice.randrange(len(words))] = dice.choice(ODD)
    return " ".join(words)


def _glued(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(ODD) + text[at:]


def _twice(text: str, dice: random.Random) -> str:
    """Say a part again: an option twice, a word too many."""
    words = text.split(" ")
    start = dice.randrange(len(words))
    end = min(len(words), start + dice.randint(1, 3))
    return " ".join([*words, *words[start:end]])


def _less(text: str, dice: random.Random) -> str:
    words = text.split(" ")
    del words[dice.randrange(len(words))]
    return " ".join(words)


def _stirred(text: str, dice: random.Random) -> str:
    words = text.split(" ")
    dice.shuffle(words)
    return " ".join(words)


def _slipped(text: str, dice: random.Random) -> str:
    """Let some letters be others."""
    letters = list(text or " ")
    for _ in range(dice.randint(1, 3)):
        letters[dice.randrange(len(letters))] = chr(dice.choice((dice.randrange(1, 128),
                                                                  dice.randrange(0xD800),
                                                                  dice.randrange(0xE000, 0x11000)
                                                                  )))  # fmt: skip
    return "".join(letters)


def _typeset(text: str, dice: random.Random) -> str:
    """Write dashes and quotes as phones do, or badly."""
    text = text.replace("--", dice.choice(("—", "–", "−−", "-", "‐‐", "----")))
    return text.replace('"', dice.choice(("“", "”", "«", "'", "", '\\"', '""')))


def _louder(text: str, dice: random.Random) -> str:
    ways = (text.upper(), text.title(), text.swapcase(), f"`{text}`", f"  {text}\u00a0")
    return dice.choice(ways)


def _two(text: str, dice: random.Random) -> str:
    return f"{text}{dice.choice((' ', chr(10), ' && ', ';', ''))}{right(dice)}"


def _anything(_text: str, dice: random.Random) -> str:
    most = dice.choice((128, 256, 0xD800))
    return "".join(chr(dice.randrange(most)) for _ in range(dice.randint(0, 60)))


WAYS: tuple[Callable[[str, random.Random], str], ...] = (
    *(_odd_word, _odd_for_one, _glued, _twice, _less, _stirred, _slipped, _typeset, _louder),
    *(_two, _anything),
)


def saying(number: int) -> str:
    """Give one: a third as a usage has it, the others changed once or more."""
    dice = random.Random(number)  # noqa: S311 - the same each time
    text = right(dice)
    for _ in range(dice.choice((0, 0, 1, 1, 2, 3))):
        text = dice.choice(WAYS)(text, dice)
    return text
