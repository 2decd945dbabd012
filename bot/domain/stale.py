"""Judges passing environments: which are stale, and for which reason first. Pure.

Used by `engine.surveys` and the views. A source that was silent makes a reason of its own, which
is never "stale"; what a person said counts until its time is over.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from bot.domain.environments import Ephemeral
from bot.domain.facts import Known, Unknown
from bot.domain.namespaces import Branches, Passing, Pull, Said
from bot.domain.value import Value


class Reason(StrEnum):
    """Why an environment is in the report. The first of them that holds matters first."""

    EXPIRED = "expired"
    BRANCH_MERGED = "branch_merged"
    BRANCH_GONE = "branch_gone"
    NOT_DEPLOYED = "not_deployed"
    UNKNOWN = "unknown"
    """A source that would tell was silent: not stale, and not known to be in use."""


class Cause(Value):
    """One reason with what it rests on: since when, which branch, or which source was silent."""

    reason: Reason
    since: datetime | None = None
    what: str | None = None


class Judged(Value):
    """An environment with its causes, the one that matters first. None: it is in use."""

    environment: Passing
    causes: tuple[Cause, ...] = ()
    until: datetime | None = None
    """When it expires, as far as that is known."""
    kept_until: datetime | None = None
    """A person called it not stale, until then."""

    @property
    def stale(self) -> bool:
        """Whether something is known that makes it stale."""
        return bool(self.causes) and self.causes[0].reason is not Reason.UNKNOWN

    @property
    def unsure(self) -> bool:
        """Whether a source that would tell was silent."""
        return bool(self.causes) and self.causes[-1].reason is Reason.UNKNOWN


class Sources(Value):
    """What was learnt beside the list of namespaces itself, by cluster and by repository."""

    deployed: Mapping[str | None, Known[Mapping[str, datetime]] | Unknown] = {}
    """The newest deployment by namespace, for each cluster."""
    branches: Mapping[str, Known[Branches] | Unknown] = {}
    said: Mapping[tuple[str | None, str], Said] = {}


def judge_all(
    environments: Iterable[Passing], sources: Sources, rules: Ephemeral, now: datetime
) -> tuple[Judged, ...]:
    """Judge each of them."""
    return tuple(judge(one, sources, rules, now) for one in environments)


def judge(one: Passing, sources: Sources, rules: Ephemeral, now: datetime) -> Judged:
    """Judge one environment by all that is known of it."""
    said = sources.said.get((one.cluster, one.name))
    if said is not None and said.at is not None and said.at < one.created_at:
        # That was about an earlier namespace of the same name.
        said = None
    extended = said.expires_at if said else None
    kept = said.kept_until if said else None
    # Its own mark may have been renewed since somebody extended it.
    until = max((end for end in (extended, one.expires_at) if end is not None), default=None)
    if any(moment is not None and moment > now for moment in (extended, kept)):
        return Judged(environment=one, until=until, kept_until=_still(kept, now))
    looks: tuple[Callable[[], Cause | None], ...] = (
        lambda: _expired(until, now),
        lambda: _branch(one, sources),
        lambda: _not_deployed(one, sources, rules, now),
    )
    causes = [cause for look in looks if (cause := look()) is not None]
    # What a silent source hides comes last, whichever source it was.
    causes.sort(key=lambda cause: cause.reason is Reason.UNKNOWN)
    return Judged(environment=one, causes=tuple(causes), until=until)


def _still(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None


def _expired(until: datetime | None, now: datetime) -> Cause | None:
    if until is None or until > now:
        return None
    return Cause(reason=Reason.EXPIRED, since=until)


def _branch(one: Passing, sources: Sources) -> Cause | None:
    if one.repository is None or (one.branch is None and one.number is None):
        return None
    answer = sources.branches.get(one.repository)
    if answer is None:
        return None
    if isinstance(answer, Unknown):
        return Cause(reason=Reason.UNKNOWN, what=answer.why)
    return _in(one, answer.value, one.repository)


def _in(one: Passing, branches: Branches, repository: str) -> Cause | None:
    """Look for the environment's pull request, then for its branch."""
    pull = _pull(one, branches)
    branch = one.branch or (pull.branch if pull and not pull.foreign else None)
    if pull is not None and pull.state == "open":
        return None
    if pull is not None and pull.merged_at is not None and pull.merged_at >= one.created_at:
        what = branch or f"#{pull.number}"
        return Cause(reason=Reason.BRANCH_MERGED, since=pull.merged_at, what=what)
    if pull is not None and pull.foreign:
        # Whether its branch is there the fork alone knows.
        return None
    if branch is not None and branches.has(branch):
        return None
    if pull is None and one.number is not None and (branch is None or not branches.pulls_whole):
        why = f"pull request {one.number} is not among the newest of {repository}"
        return Cause(reason=Reason.UNKNOWN, what=why)
    if branch is None:
        return None
    if not branches.whole:
        why = f"{repository} has more branches than were read"
        return Cause(reason=Reason.UNKNOWN, what=why)
    return Cause(reason=Reason.BRANCH_GONE, what=branch)


def _pull(one: Passing, branches: Branches) -> Pull | None:
    if one.number is not None and one.number in branches.by_number:
        return branches.by_number[one.number]
    return branches.pull_of(one.branch) if one.branch else None


def _not_deployed(one: Passing, sources: Sources, rules: Ephemeral, now: datetime) -> Cause | None:
    answer = sources.deployed.get(one.cluster)
    if now - one.created_at < rules.not_deployed:
        return None
    if isinstance(answer, Unknown):
        return Cause(reason=Reason.UNKNOWN, what=answer.why)
    last = answer.value.get(one.name) if answer else None
    since = max(last or one.created_at, one.created_at)
    if now - since < rules.not_deployed:
        return None
    return Cause(reason=Reason.NOT_DEPLOYED, since=since)


class Tally(Value):
    """What a report counts first."""

    looked_at: int
    stale: tuple[Judged, ...]
    """The oldest first."""
    unsure: int
    owners: int
    silent: tuple[str, ...]
    """Why something is not known, each reason once."""


def tally(judged: Iterable[Judged], also_silent: Iterable[str] = ()) -> Tally:
    """Count the stale ones and order them; collect the sources that were silent."""
    everything = tuple(judged)
    stale = sorted(
        (one for one in everything if one.stale),
        key=lambda one: (one.environment.created_at, one.environment.name),
    )
    unsure = [one for one in everything if one.unsure and not one.stale]
    why = [cause.what for one in everything if one.unsure for cause in one.causes if cause.what
           and cause.reason is Reason.UNKNOWN]  # fmt: skip
    return Tally(
        looked_at=len(everything),
        stale=tuple(stale),
        unsure=len(unsure),
        owners=len({one.environment.owner for one in stale if one.environment.owner}),
        silent=tuple(dict.fromkeys((*also_silent, *why))),
    )
