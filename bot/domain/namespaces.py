"""What a cluster and a code host say of environments that come and go, and what people said.

`known_as` turns a namespace into a passing environment by the catalogue's pattern and label keys.
Pure: adapters and the store fill these values, `bot.domain.stale` judges them.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from bot.domain.environments import REPOSITORY, Ephemeral, name_expression
from bot.domain.value import Value

LEAST_CUT = 20
"""Characters from which on a branch's name in a label or a name may have been cut short."""

LONGEST_MARK = 80
"""Characters of a mark that are shown: who writes more wants to be read less."""

EVER, NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""The earliest and the latest moment that a mark can mean; what lies beyond is as good as these."""

_FORMATTING = re.compile(r"[*`~]")
_URL = re.compile(r":+//+")

_NO_SLUG = re.compile(r"[^a-z0-9]+")


class Namespace(Value):
    """A namespace as its cluster lists it. `marks`: the annotations and labels that were wanted."""

    name: str
    created_at: datetime
    marks: Mapping[str, str] = {}


class Workload(Value):
    """A Deployment as a list shows it: its images by container."""

    name: str
    images: Mapping[str, str] = {}


class Passing(Value):
    """One environment that comes and goes: a namespace that the pattern or the marks tell of."""

    cluster: str | None
    name: str
    created_at: datetime
    owner: str | None = None
    """A Slack user id; or a login, a role or a name that the catalogue ties to none."""
    owner_known: bool = False
    """The catalogue names the owner by that Slack user id."""
    branch: str | None = None
    number: int | None = None
    """Number of its pull request."""
    repository: str | None = None
    expires_at: datetime | None = None
    twin: bool = False
    """Another cluster has one of the same name."""

    @property
    def handle(self) -> str:
        """What people call it: its name, with its cluster where that is needed."""
        return f"{self.cluster or 'current'}/{self.name}" if self.twin else self.name


class Said(Value):
    """What a person said of an environment last."""

    by: str | None
    at: datetime | None
    expires_at: datetime | None = None
    kept_until: datetime | None = None


class Pull(Value):
    """A pull request. `foreign`: its branch is a fork's, and none of ours."""

    number: int
    branch: str | None
    foreign: bool = False
    state: Literal["open", "closed", "merged"]
    merged_at: datetime | None = None


class Branches(Value):
    """A repository's branches and its pull requests, those that changed last.

    `whole`: every branch is here. Else one that isn't may be there all the same. `pulls_whole`:
    the same of pull requests.
    """

    heads: frozenset[str]
    pulls: tuple[Pull, ...] = ()
    whole: bool = True
    pulls_whole: bool = True

    @cached_property
    def by_number(self) -> dict[int, Pull]:
        """Pull requests by number."""
        return {pull.number: pull for pull in self.pulls}

    @cached_property
    def by_branch(self) -> dict[str, Pull]:
        """The newest pull request of each branch, by the branch's slug; an open one goes first."""
        found: dict[str, Pull] = {}
        for pull in sorted(self.pulls, key=lambda p: (p.state == "open", p.number)):
            # A fork's branch says nothing of ours, but that somebody still works on it.
            if pull.branch is not None and (not pull.foreign or pull.state == "open"):
                found[slug(pull.branch)] = pull
        return found

    def pull_of(self, branch: str) -> Pull | None:
        """Find the branch's pull request; where its name may be cut short, an open one will do."""
        wanted = slug(branch)
        if wanted in self.by_branch or len(wanted) < LEAST_CUT:
            return self.by_branch.get(wanted)
        near = _at_or_after(self._open, wanted)
        return self.by_branch[near] if near.startswith(wanted) else None

    @cached_property
    def _open(self) -> list[str]:
        return sorted(name for name, pull in self.by_branch.items() if pull.state == "open")

    @cached_property
    def _slugs(self) -> list[str]:
        return sorted(map(slug, self.heads))

    def has(self, branch: str) -> bool:
        """Whether the branch is there. Labels and names hold it as a slug, maybe cut short."""
        if branch in self.heads:
            return True
        wanted = slug(branch)
        near = _at_or_after(self._slugs, wanted)
        return near == wanted or (len(wanted) >= LEAST_CUT and near.startswith(wanted))


def _at_or_after(names: list[str], wanted: str) -> str:
    """Give the first of sorted names that isn't before the one wanted; "" where all are."""
    at = bisect_left(names, wanted)
    return names[at] if at < len(names) else ""


def slug(branch: str) -> str:
    """Write a branch as names of Kubernetes can hold it: `Feature/X_1` is `feature-x-1`."""
    return _NO_SLUG.sub("-", branch.lower()).strip("-")


class Knowing(Value):
    """By what the passing environments of one cluster are known."""

    rules: Ephemeral
    cluster: str | None
    lasting: frozenset[str] = frozenset()
    """Namespaces of the catalogue's own environments in this cluster: they never count."""
    logins: Mapping[str, str] = {}
    """Slack user ids by login of the code host, in lower case: an owner may be either."""
    people: frozenset[str] = frozenset()
    """Slack user ids that the catalogue names."""


def known_as(knowing: Knowing, namespaces: Iterable[Namespace]) -> tuple[Passing, ...]:
    """Find the passing environments among namespaces.

    One counts whose name matches the pattern, or that is marked with a branch or an end.
    """
    expression = name_expression(knowing.rules.pattern)
    found = (
        _passing(knowing, one, expression.fullmatch(one.name))
        for one in namespaces
        if one.name not in knowing.lasting
    )
    return tuple(one for one in found if one is not None)


def told_apart(environments: Iterable[Passing]) -> tuple[Passing, ...]:
    """Mark those whose name is in several clusters."""
    everything = tuple(environments)
    times = Counter(one.name for one in everything)
    return tuple(
        one.model_copy(update={"twin": True}) if times[one.name] > 1 else one for one in everything
    )


def _passing(knowing: Knowing, one: Namespace, match: re.Match[str] | None) -> Passing | None:
    rules, marks = knowing.rules, one.marks
    keys = rules.labels
    if match is None and not (marks.get(keys.branch) or marks.get(keys.expires)):
        return None
    parts = match.groupdict() if match else {}
    number = parts.get("number") or ""
    owner = _words(marks.get(keys.owner)) or parts.get("owner")
    owner = knowing.logins.get(owner.lower(), owner) if owner else None
    return Passing(
        cluster=knowing.cluster,
        name=one.name,
        created_at=one.created_at,
        owner=owner,
        owner_known=owner in knowing.people,
        branch=_words(marks.get(keys.branch)) or parts.get("branch"),
        number=int(number) if re.fullmatch(r"[0-9]{1,9}", number) else None,
        repository=_repository(marks.get(keys.repository), rules.repository),
        expires_at=_moment(marks.get(keys.expires)),
    )


def _moment(text: str | None) -> datetime | None:
    """Read a day or a moment, in UTC where it names no zone; anything else tells nothing."""
    try:
        found = datetime.fromisoformat(text or "")
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except ValueError:
        return None
    except OverflowError:
        # Just beyond what a moment can be: "never" is often written as the last second of 9999.
        return NEVER if (text or "").startswith("9") else EVER
    return min(max(found, EVER), NEVER)


def _words(text: str | None) -> str | None:
    """Take what somebody wrote into a mark so that it can stand in a line of a message."""
    one_line = " ".join((text or "").split())
    # Unicode's C: control characters, what turns the line around, halves of surrogates.
    seen = "".join(one for one in one_line if unicodedata.category(one)[0] != "C")
    kept = _URL.sub(":", _FORMATTING.sub("", seen))
    return kept[:LONGEST_MARK].strip() or None


def _repository(text: str | None, usual: str | None) -> str | None:
    """Take a repository's name, and nothing else that a mark may hold.

    A mark that is none means another repository than the usual one, and which is not known.
    """
    if not text:
        return usual
    return text if re.fullmatch(REPOSITORY, text) else None
