"""What a workflow run's title tells: whose run it is, and which words it names. Pure.

Whoever starts a run fills in its inputs, and so writes into its title. As docs/workflows.md has it,
the release's id ends the title in parentheses: what stands there is no other word of it, and no
other word is the id.
"""

import re

from bot.domain.versions import Version, VersionError

_VERSION = re.compile(r"v?\d+\.\d+\S*")

_RELEASE_ID = re.compile(r"(rel-[0-9a-z]{4,8})(-back)?")

_LAST = re.compile(r"\(([^()]*)\)\s*\Z")


def bears(title: str, name: str) -> bool:
    """Whether a run is by its title the one of that `release_id`."""
    return name in _names(title)


def named_release(title: str) -> str | None:
    """Read the release's id out of a run's title. Whoever starts a run may write one there."""
    found = [match for word in _names(title) if (match := _RELEASE_ID.fullmatch(word))]
    return found[0].group(1) if found else None


def _names(title: str) -> list[str]:
    """What may be the id: the end in parentheses; of a title without such an end, each word."""
    last = _LAST.search(title)
    return [last.group(1).strip()] if last else re.sub(r"[(),]", " ", title).split()


def words_of(title: str) -> list[str]:
    """Split a run's title into its words, without what stands in parentheses.

    With more parentheses than one pair it has none: which of them is the title's own, and what
    somebody wrote into an input, can't be told.
    """
    before, opened, rest = title.partition("(")
    inside, closed, after = rest.partition(")")
    if bool(opened) != bool(closed) or any(c in before + inside + after for c in "()"):
        return []
    return f"{before} {after}".replace(",", " ").split()


def version_in_title(title: str) -> str | None:
    """Read the one version that a run's title names; None where it names several, or none."""
    found = {word for word in words_of(title) if _VERSION.fullmatch(word) and is_version(word)}
    return found.pop() if len(found) == 1 else None


def is_version(word: str) -> bool:
    """Whether a word can be read as a version."""
    try:
        Version(word)
    except VersionError:
        return False
    return True
