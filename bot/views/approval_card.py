"""What the card shows those who are to approve: votes, what is in it, the checklist. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.approving import tally
from bot.domain.checklists import Tick, open_items, written
from bot.domain.facts import Diff
from bot.domain.lifecycle import State
from bot.domain.packages import PackageChange
from bot.domain.plans import short_digest
from bot.domain.releases import Approval, EvidenceChange, Release
from bot.views import approval_lines, blocks, forms
from bot.views.blocks import Block
from bot.views.words import count, moment, person, safe

MOST_PULLS = 10
"""Pull requests that the card names."""

MOST_PACKAGES = 15
"""Packages that the card names."""


def awaiting(release: Release, votes: Sequence[Approval], asked: str, now: datetime) -> str:
    """Say whom it waits for."""
    rules = release.rules.approvals
    found = tally(votes, release.digest or "", rules)
    ends = f" Expires at {moment(release.expires_at, now)}." if release.expires_at else ""
    who = approval_lines.needed(found, rules)
    return f"◷ Waiting for {who} ({found.have} of {found.need}). {asked}{ends}"


def parts(release: Release, votes: Sequence[Approval], ticks: Sequence[Tick]) -> list[str]:
    """Write what an approver looks at, a paragraph each."""
    if release.state not in (State.AWAITING_APPROVAL, State.BLOCKED):
        return []
    found = [_again(release, votes), _votes(release, votes)]
    if release.state is State.AWAITING_APPROVAL:
        packages = _packages(release.packages)
        found = [_warning(release), _inside(release), packages, _news(release.news), *found]
        found.append(_checklist(release, ticks))
    return [part for part in found if part]


def _warning(release: Release) -> str:
    most = release.rules.approvals.warn_above
    commits = release.diff.commits if release.diff else 0
    if commits <= most:
        return ""
    return f"! {count(commits, 'commit')}: more than {most}. Read the diff before you approve."


def _inside(release: Release) -> str:
    diff = release.diff
    if diff is None or not diff.commits:
        return ""
    by = f" by {safe(', '.join(diff.authors))}" if diff.authors else ""
    more = f" ({count(diff.unlisted, 'commit')} more not listed)" if diff.unlisted else ""
    lines = [f"{count(diff.commits, 'commit')}{by}{more} since the live version."]
    if diff.pulls:
        lines.append(f"Pull requests: {_pulls(diff)}")
    return "\n".join(lines)


def _pulls(diff: Diff) -> str:
    repository = diff.url.partition("/compare/")[0]
    shown = [
        f"<{repository}/pull/{one.number}|#{one.number}> {safe(one.title)}"
        for one in diff.pulls[:MOST_PULLS]
    ]
    left = len(diff.pulls) - MOST_PULLS
    return " · ".join([*shown, *([f"{left} more"] if left > 0 else [])])


def _packages(changes: Sequence[PackageChange]) -> str:
    """Write which packages change, those with known vulnerabilities first."""
    if not changes:
        return ""
    ordered = sorted(changes, key=lambda one: not one.advisories)
    shown = [_package(one) for one in ordered[:MOST_PACKAGES]]
    left = len(changes) - MOST_PACKAGES
    more = [f"{left} more"] if left > 0 else []
    return f"Packages of the repository: {', '.join([*shown, *more])}."


def _package(one: PackageChange) -> str:
    known = f" ! {', '.join(one.advisories)}" if one.advisories else ""
    name = safe(one.name)
    if one.before is None:
        return f"{name} {safe(one.after or '')} is new{known}"
    if one.after is None:
        return f"{name} is gone"
    return f"{name} {safe(one.before)} → {safe(one.after)}{known}"


def _news(news: Sequence[EvidenceChange]) -> str:
    if not news:
        return ""
    return f"Reports, against those of the live version: {'; '.join(map(_changed, news))}."


def _changed(one: EvidenceChange) -> str:
    new = [f"{number} new {severity.value}" for severity, number in one.new.items() if number]
    gone = [f"{one.gone} gone"] if one.gone else []
    return f"{one.kind.value} ({safe(one.tool)}) {', '.join([*new, *gone])}"


def _votes(release: Release, votes: Sequence[Approval]) -> str:
    current = [vote for vote in votes if vote.digest == release.digest and vote.yes]
    yes = [approval_lines.voter(vote) for vote in current if vote.counts]
    lines = [f"✓ Approved by {', '.join(yes)}."] if yes else []
    lines += [approval_lines.void(vote) for vote in current if vote.void]
    return "\n".join(lines)


def _again(release: Release, votes: Sequence[Approval]) -> str:
    again = release.again
    if again is None:
        return ""
    if not again.covers:
        why = "; ".join(map(safe, again.differs))
        return f"◷ The approval of {again.release_id} does not cover this: {why}."
    used = any(vote.counts and vote.reused_from and vote.digest == release.digest for vote in votes)
    return f"✓ Approval of {again.release_id} used again." if used else ""


def _checklist(release: Release, ticks: Sequence[Tick]) -> str:
    """Write the boxes with who ticked them; the boxes to press are below it."""
    items = release.rules.approvals.checklist
    by = {tick.item: tick.user for tick in ticks}
    lines = [
        f"☑ {safe(item)}, {person(by[item])}" if item in by else f"☐ {safe(item)}" for item in items
    ]
    if not lines:
        return ""
    left = len(open_items(items, ticks))
    head = f"Before Approve counts ({left} of {len(items)} open):" if left else "Checklist:"
    return "\n".join([head, *lines])


def boxes(release: Release, ticks: Sequence[Tick]) -> list[Block]:
    """Make the boxes to press. What is ticked is in the block's own id: a click brings it back."""
    items = release.rules.approvals.checklist
    if release.state is not State.AWAITING_APPROVAL or not items:
        return []
    done = {tick.item for tick in ticks}
    shown = [place for place, item in enumerate(items) if item in done]
    value = f"{release.id}:{short_digest(release.digest or '')}:{written(shown)}"
    return [blocks.checkboxes("release:checklist", value, items, shown)]


def menu(release: Release) -> list[tuple[str, str]]:
    """List what the ⋯ menu offers beside Details."""
    if release.state is not State.AWAITING_APPROVAL:
        return []
    digest = short_digest(release.digest or "")
    return [forms.option("approve", release.id, digest), forms.option("reject", release.id, digest)]
