"""Masks what looks like a secret or like personal data in lines of a log. Pure.

Begins with `masking`, and is stricter: a report is kept for the digests and paths in it, lines of a
pod are shown once and may hold anything. In doubt it masks, and a line that says less is the price.
It knows shapes, not meanings: a password in a sentence has no shape.
"""

import re
from collections.abc import Iterator

from bot.domain import masking
from bot.domain.masking import MASK

LONGEST = 2000
"""Characters of one line that are looked at; the rest is dropped, at a blank if there is one."""

_STRONG = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|token|credential|authorization|cookie|session[_.\-]?id"
    r"|signature|connection[_.\-]?string|bearer|jwt|(?:api|access|private|signing|encryption|account"
    r"|master|hmac|storage|shared|subscription|client|licen[cs]e|webhook)[_.\-]?key"
)
_WEAK = r"pass|auth|sig|dsn|otp|pin|salt|key|iban|cvv|cvc|ssn"
"""Words that are parts of others too: they count where they stand alone."""

_NAME = (
    rf"(?:(?:{_STRONG})|(?<![A-Za-z0-9])(?:{_WEAK}))"
    r"(?:(?:s|key|id|value|hash|hex|b64|base64|str|string|text|\d{1,3})(?![a-z]))?"
    r"(?:[_.\-][A-Za-z0-9]{1,20}){0,3}"
)

_KEY_END = re.compile(r"\A.*-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----", re.DOTALL)
"""Lines that begin in the middle of a block."""

_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,30}://)[^\s\"'<>]{0,500}@")
_HEADER = re.compile(
    r"(?i)((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z\-]*(?:token|key|auth|secret)[a-z\-]*)"
    r"(\\*[\"']?\s*[:=]\s*).+"
)
_SCHEME = re.compile(
    r"(?i)\b(bearer\s+|(?:basic|digest|negotiate|token)\s+(?=\S*(?-i:[0-9=A-Z])))\S{6,}"
)
_QUOTED = re.compile(
    rf"(?i)({_NAME})(\\*[\"']?\s*(?>=>|:=|[:=])\s*+)(\\*)([\"'])(?:(?!\3\4).)*(?:\3\4|$)"
)
_NESTED = re.compile(rf"(?i)({_NAME})(\\*[\"']?\s*(?>=>|:=|[:=])\s*+)(?!\[masked\])[\[{{(<].*")
_SAID = re.compile(rf"(?i)({_NAME})(\\*[\"']?\s*:\s+)(?![\"'\\{{(<]|\[(?!masked\])).+")
_EQUALS = re.compile(rf"(?i)({_NAME})(\\*[\"']?\s*(?>=>|:=|[:=])\s*+)(?!\[masked\])[^\s]+")
_OPTION = re.compile(rf"(?i)((?<![\w\-])--?[\w\-]{{0,40}}?{_NAME})(\s+)(?!\[masked\])[^\s]+")
_PROSE = re.compile(rf"(?i)({_NAME})(\s+(?:is|was)\s+)[^\s]+")

_HOOK = re.compile(r"hooks\.slack\.com/[^\s\"'<>]+")
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\-]{1,64}(?:@|%40)[\w\-]+(?:\.[\w\-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,4})?\b")
_CARD = re.compile(r"(?<![\d.])\d(?:[ \-]?\d){11,18}(?!\d)")
_RUN = re.compile(r"[A-Za-z0-9+/=_\-]{16,}")
_PARTS = re.compile(r"[+/=_\-]+")
_WORD = re.compile(r"(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|[A-Z](?=[A-Z][a-z]))+\d{0,3}|\d{1,11}")
_LONG_WORD = 24
"""Letters of one case in a row that no word of a log has."""


def masked(text: str) -> str:
    """Give the text without secrets, personal data, and characters that are not for the eye."""
    text = _KEY_END.sub(MASK, masking.masked(text))
    lines = text.replace("\t", "    ").split("\n")
    return "\n".join(_line(_bounded(line)) for line in lines)


def _bounded(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    whole = line[:LONGEST].rpartition(" ")[0]
    # A secret that was cut in two has lost its shape: only whole words stay.
    return f"{whole} …"


def _line(line: str) -> str:
    line = _USERINFO.sub(rf"\1{MASK}@", line)
    line = _HOOK.sub(MASK, line)
    line = _HEADER.sub(rf"\1\2{MASK}", line)
    line = _SCHEME.sub(rf"\1{MASK}", line)
    for pattern in (_QUOTED, _NESTED, _SAID, _EQUALS, _OPTION, _PROSE):
        line = pattern.sub(rf"\1\2{MASK}", line)
    line = _EMAIL.sub(MASK, line)
    return _without(line, sorted(_numbers_and_runs(line)))


def _numbers_and_runs(line: str) -> Iterator[tuple[int, int]]:
    """Find what goes, from where to where.

    All are looked for in the same line: the digits in the middle of a key may be a card's by
    chance, and a key may touch a card's number; whoever masked one first would split the other.
    """
    yield from (found.span() for found in _RUN.finditer(line) if _is_random(found[0]))
    yield from (found.span() for found in _IBAN.finditer(line))
    yield from (found.span() for found in _CARD.finditer(line) if _luhn(found[0]))


def _without(line: str, spans: list[tuple[int, int]]) -> str:
    """Put one mask where spans touch or lie in one another. They are sorted."""
    said, end = "", 0
    for begin, until in spans:
        if begin > end or not end:
            said += line[end:begin] + MASK
        end = max(end, until)
    return said + line[end:]


def _luhn(text: str) -> bool:
    """Whether the digits end with the check digit that numbers of cards have."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_random(run: str) -> bool:
    """Whether a run of characters is more than words, short numbers and what joins them."""
    strange = sum(len(part) for part in _PARTS.split(run) if not _is_word(part))
    return strange >= 12  # noqa: PLR2004 - characters that carry some 60 bits


def _is_word(part: str) -> bool:
    letters = max((len(m) for m in re.findall(r"[a-z]+|[A-Z]+", part)), default=0)
    return not part or (letters < _LONG_WORD and _WORD.fullmatch(part) is not None)
