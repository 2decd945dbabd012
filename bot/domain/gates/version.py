"""Gate: the version exists as a tag, its commit is known, and it is not live already."""

from bot.domain.facts import Diff, Facts, Known, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.versions import bare, same_version, say_newest

NAME = "version"
POSITION = 10


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult:
    """Pass where the tag leads to a commit that is not what runs there now."""
    if isinstance(facts.tag, Unknown):
        return unknown(NAME, facts.tag)
    tag = facts.tag.value.tag
    if tag is None:
        return failed(
            NAME,
            Reason.VERSION_UNKNOWN,
            f"{request.service} has no tag {rules.tag.format(version=request.version)}.",
            say_newest(facts.tag.value.newest),
        )
    if isinstance(facts.cluster, Known) and same_version(facts.live_version, request.version):
        return failed(
            NAME,
            Reason.ALREADY_LIVE,
            f"{request.service} {bare(request.version)} has the traffic in "
            f"{request.environment} already.",
            "There is nothing to release.",
        )
    return passed(NAME, f"{tag.name} is {tag.commit[:7]}{_distance(facts)}")


def _distance(facts: Facts) -> str:
    if isinstance(facts.diff, Unknown):
        return f"; the diff is unknown: {facts.diff.why}"
    diff = facts.diff.value
    if diff is None or facts.live_version is None:
        return "; what runs now is unknown, so there is no diff"
    return f", {count_commits(diff)} since {bare(facts.live_version)}"


def count_commits(diff: Diff) -> str:
    """Write the diff's size: `12 commits by 4 people`."""
    commits = "1 commit" if diff.commits == 1 else f"{diff.commits} commits"
    people = "1 person" if len(diff.authors) == 1 else f"{len(diff.authors)} people"
    behind = f", without {diff.behind} of those that run now" if diff.behind else ""
    return f"{commits} by {people}{behind}" if diff.authors else f"{commits}{behind}"
