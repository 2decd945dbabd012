"""Whether an approval that was given for an earlier release covers this one too. Pure.

It is used again once, never past a reject, and only where it provably covers the same; where it
does not, people read what has changed since (docs/approvals.md).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.admission import what_changed
from bot.domain.approving import counting, tally
from bot.domain.facts import Diff, Facts, Known
from bot.domain.lifecycle import State
from bot.domain.releases import Again, Approval, EvidenceChange, Release
from bot.domain.value import Value, canonical, digest
from bot.domain.versions import same_version

UNTOUCHED = frozenset({State.CANCELLED, State.FAILED, State.EXPIRED, State.REFUSED})
"""Endings before any traffic moved, if nobody said no."""


class Earlier(Value):
    """A release of the same version that ended, and what people said to it."""

    release: Release
    votes: tuple[Approval, ...]
    used_by: str | None = None
    """The release for which its approval was used again already."""
    rejected_by: str | None = None
    """A release of this version that was rejected since."""

    @property
    def yes(self) -> tuple[Approval, ...]:
        """Its votes that count."""
        return counting(self.votes, self.release.digest or "")


def candidate(release: Release, history: Sequence[Release]) -> tuple[Release, ...]:
    """Pick the earlier releases, newest first, whose approval might cover this one.

    What moved traffic ends the search: from there on another version was live.
    """
    found: list[Release] = []
    for one in history:
        if one.id == release.id or one.created_at > release.created_at:
            continue
        if one.kind != release.kind or not same_version(one.version, release.version):
            continue
        if one.progress.moved or one.state not in UNTOUCHED | {State.REJECTED}:
            break
        found.append(one)
    return tuple(found)


def judge(earlier: Earlier, release: Release, now: datetime) -> Again | None:
    """Decide; None where nobody had approved the earlier one, so that there is nothing to say."""
    if not earlier.yes:
        return None
    return Again(release_id=earlier.release.id, differs=tuple(_differences(earlier, release, now)))


def _differences(earlier: Earlier, release: Release, now: datetime) -> Iterator[str]:
    old = earlier.release
    yield from _about_people(earlier, release)
    if old.expires_at is None or old.expires_at <= now:
        yield "its time is over"
    if old.plan is None or release.plan is None:
        yield "there is no plan to compare"
    elif old.digest != release.digest:
        yield what_changed(old.plan, release.plan)
    yield from _about_commits(old, release)
    if release.seen is None or old.seen is None:
        yield "what was known of the commit can't be compared"
    elif release.seen != old.seen:
        yield "reports or checks of the commit are others"
    if any(gate.status == "overridden" for gate in (*old.gates, *release.gates)):
        yield "a gate was overridden"


def _about_people(earlier: Earlier, release: Release) -> Iterator[str]:
    old, votes = earlier.release, earlier.yes
    if old.state is State.REJECTED or any(not vote.yes for vote in earlier.votes):
        yield "it was rejected"
    elif earlier.rejected_by is not None:
        yield f"{earlier.rejected_by} was rejected since"
    if earlier.used_by is not None:
        yield f"{earlier.used_by} used it again already"
    if any(vote.reused_from for vote in votes):
        yield "it was used again there already"
    if any(vote.for_user for vote in votes):
        yield "it was given with a lent right"
    if not tally(votes, old.digest or "", release.rules.approvals).complete:
        yield "not enough people had approved it"
    asker = release.asker.user
    if release.rules.approvals.not_the_requester and asker in {vote.user for vote in votes}:
        yield "who approved it asks now"


def _about_commits(old: Release, release: Release) -> Iterator[str]:
    plan = release.plan
    if plan is None or plan.commit is None or old.diff is None or release.diff is None:
        yield "the commits can't be compared"
    elif _commits(old.diff) != _commits(release.diff):
        yield "the commits since the live version are others"


def _commits(diff: Diff) -> tuple[object, ...]:
    return diff.commits, diff.authors, diff.behind, diff.unlisted


def seen_of(facts: Facts) -> str | None:
    """Digest what is known of the commit; None where a source gave no answer."""
    if not isinstance(facts.checks, Known) or not isinstance(facts.scan, Known):
        return None
    if facts.evidence is not None and not isinstance(facts.evidence, Known):
        return None
    reports = facts.evidence.value if facts.evidence else ()
    return digest(
        canonical(
            {
                "checks": sorted([one.name, one.conclusion or ""] for one in facts.checks.value),
                "scan": facts.scan.value.model_dump(mode="json"),
                "evidence": sorted([one.kind.value, one.tool, one.digest] for one in reports),
            }
        )
    )


def news_of(facts: Facts) -> tuple[EvidenceChange, ...]:
    """Say what the reports have that those of the live version had not, where that is known."""
    reports = facts.evidence.value if isinstance(facts.evidence, Known) else ()
    return tuple(
        EvidenceChange(kind=one.kind, tool=one.tool, new=one.new or {}, gone=one.gone or 0)
        for one in reports
        if any((one.new or {}).values()) or one.gone
    )
