"""Takes secrets and control characters out of text that other programs wrote. Pure.

Used for what tools say in their reports and for what pods say in their logs, before it is kept or
shown. It knows the usual shapes of secrets and can't know them all: what is a secret by its place
(the field that a scanner found one in) must not come here at all.

It does not escape: what goes to Slack passes `views.words.safe` besides. Every pattern reads each
character a bounded number of times, so a hostile text costs no more than its length.
"""

import re
import unicodedata
from itertools import pairwise

MASK = "[masked]"
"""What stands where a secret stood."""

_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?:(?!-----).)*(?:-----END [A-Z0-9 ]{0,40}-----)?",
    re.DOTALL,
)

_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS access keys
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
    r"|gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{16,255}"
    r"|xox[abcdeprs]-[A-Za-z0-9-]{8,255}|xapp-[A-Za-z0-9-]{8,255}"
    r"|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{16,255}"
    r"|(?:sk|rk|pk)[_-](?:live|test|proj|ant)[_-][A-Za-z0-9_-]{8,255}|sk-[A-Za-z0-9]{20,255}"
    r"|npm_[A-Za-z0-9]{20,255}|pypi-[A-Za-z0-9_-]{16,255}|dckr_pat_[A-Za-z0-9_-]{16,255}"
    r"|hv[sbr]\.[A-Za-z0-9_-]{16,255}|SG\.[A-Za-z0-9_-]{16,255}\.[A-Za-z0-9_-]{16,255}"
    r"|eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,4096}(?:\.[A-Za-z0-9_-]{0,1024})?"  # JWT
    r")"
)

_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]{0,255}:[^\s/@]{1,255}@")
"""The name and password of `scheme://name:password@host`."""

_SCHEMES = re.compile(
    r"(?i)\b(bearer|basic|digest|negotiate)\s{1,8}(?!\[)[A-Za-z0-9._~+/=-]{8,4096}"
)

_WORDS = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signing[_-]?key|encryption[_-]?key|credentials?|authorization|cookie|connection[_-]?string"
)
_NAMED = re.compile(
    rf"(?i)((?<![A-Za-z0-9])[A-Za-z0-9_.-]{{0,40}}?(?:{_WORDS})[A-Za-z0-9_.-]{{0,20}}[\"']?"
    r"\s{0,4}(?::=|=>|=|:)\s{0,4})"
    r"(?!\[masked)(\"[^\"\n]{1,1024}\"?|'[^'\n]{1,1024}'?|[^\s,;&\"'<>]{2,1024})"
)
"""`password=…`, `"api_key": "…"`, `SECRET_KEY: …`: the name stays, the value goes."""

_OPAQUE = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{32,4096}={0,2}(?![A-Za-z0-9+/=_-])")
"""Long runs without a space. Those that look drawn by lot go; digests, ids and paths stay."""

RESTLESS = 0.42
"""From this share of changes between upper case, lower case, digits and signs on, a long run looks
drawn by lot. Keys have about 0.6; names such as CreateOrderHandler have at most a third."""


def masked(text: str) -> str:
    """Give the text without what looks like a secret, and without characters that steer a screen.

    Line ends and tabs stay. Control characters, escape sequences, marks that turn the direction of
    writing, and half characters (lone surrogates) go, so that nothing hides a secret from the
    patterns or a line from its reader.
    """
    plain = visible(text)
    plain = _KEY_BLOCK.sub(MASK, plain)
    plain = _TOKENS.sub(MASK, plain)
    plain = _IN_ADDRESS.sub(f"{MASK}@", plain)
    plain = _SCHEMES.sub(rf"\1 {MASK}", plain)
    plain = _NAMED.sub(rf"\1{MASK}", plain)
    return _OPAQUE.sub(lambda found: MASK if _drawn_by_lot(found[0]) else found[0], plain)


_STEERING = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]?|\][^\x07\x1b]{0,256}\x07?|.)?")
"""A terminal's escape sequences: colours, cursor, titles, links."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def visible(text: str) -> str:
    """Take out every character that is not seen, but for line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    plain = _STEERING.sub("", text.replace("\r\n", "\n"))
    kept = (c if c in "\n\t" or unicodedata.category(c) not in _HIDDEN else "" for c in plain)
    return "".join(kept).replace("\u2028", "\n").replace("\u2029", "\n")


def one_line(text: str, width: int) -> str:
    """Mask a text, and cut it to one line of so many characters.

    What is beyond a few lines' length is cut off before it is looked at: it would not be shown.
    """
    most = 8 * width
    looked_at = text[:most]
    if len(text) > most:
        # Half a secret no longer looks like one: the word that the cut goes through goes whole.
        looked_at = looked_at[: -len(re.split(r"\s", looked_at)[-1]) or None]
    line = " ".join(masked(looked_at).split())
    if len(line) <= width and len(text) <= most:
        return line
    return f"{line[: width - 1]}…"


def _drawn_by_lot(run: str) -> bool:
    """Whether a long run mixes its characters as keys do. Digests and ids have one case only."""
    classes = [_class(c) for c in run]
    if not {"upper", "lower", "digit"} <= set(classes):
        return False
    changes = sum(one != next_ for one, next_ in pairwise(classes))
    return changes >= RESTLESS * (len(run) - 1)


def _class(c: str) -> str:
    if c.isdigit():
        return "digit"
    if c.isupper():
        return "upper"
    return "lower" if c.islower() else "sign"
