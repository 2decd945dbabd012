"""Gate: the version is without the commits that a rollback found bad, or holds their revert."""

from collections.abc import Iterable

from bot.domain.commits import Commit
from bot.domain.facts import Facts, Known, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown
from bot.domain.held_back import BadRange, Seen, held
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.versions import bare, same_version

NAME = "commits"
POSITION = 65

MOST = 3
"""Commits that a sentence names one by one."""


def evaluate(request: ReleaseRequest, facts: Facts, _rules: Rules) -> GateResult | None:
    """Refuse what was taken back, and what holds its commits. Silent where nothing is held back."""
    very = next((r for r in facts.held_back if _is_what_was_taken_back(r, request, facts)), None)
    if very is not None:
        return _no(
            Reason.LOCKED,
            f"{bare(request.version)} is held back since {very.release} took it back in "
            f"{very.environment}.",
            "Release a version that is without its commits or reverts them",
            very,
        )
    if not facts.held_back:
        return None
    if isinstance(facts.seen, Unknown):
        return unknown(NAME, facts.seen)
    ranges = facts.seen.value
    return (
        next(filter(None, (_holds(seen, request) for seen in ranges)), None)
        or next(filter(None, (_cannot_tell(seen, request) for seen in ranges)), None)
        or _lets_through(ranges)
    )


def _is_what_was_taken_back(bad: BadRange, request: ReleaseRequest, facts: Facts) -> bool:
    tag = facts.tag.value.tag if isinstance(facts.tag, Known) else None
    same_commit = bad.bad is not None and tag is not None and tag.commit == bad.bad
    # Where a version was tagged anew without a change, going back was no change of code.
    return bad.service == request.service and (
        same_version(bad.version, request.version) or (same_commit and bad.bad != bad.good)
    )


def _holds(seen: Seen, request: ReleaseRequest) -> GateResult | None:
    standing, _ = held(seen)
    if not standing:
        return None
    bad = seen.range
    commits = "a bad commit" if len(standing) == 1 else "bad commits"
    return _no(
        Reason.BAD_COMMITS,
        f"{bare(request.version)} holds {commits} of {_what(bad)}: {_named(standing)}.",
        f"Revert {'it' if len(standing) == 1 else 'them'}{_authors(standing)}",
        bad,
    )


def _cannot_tell(seen: Seen, request: ReleaseRequest) -> GateResult | None:
    bad = seen.range
    if seen.unclear is not None:
        return _no(
            Reason.BAD_COMMITS_UNKNOWN,
            f"Whether {bare(request.version)} holds bad commits of {_what(bad)} can't be told: "
            f"{seen.unclear}.",
            "Look at it",
            bad,
        )
    here = (bad.service, bad.environment) == (request.service, request.environment)
    if here and not seen.explained:
        return _no(
            Reason.LOCKED,
            f"{request.service} in {bad.environment} is held back since {bad.release} took "
            f"{bare(bad.version)} back, which its commits don't explain: it has none of its own.",
            "Look for the cause elsewhere",
            bad,
        )
    return None


def _lets_through(all_seen: Iterable[Seen]) -> GateResult | None:
    words = []
    for seen in all_seen:
        _, reverted = held(seen)
        verb = "reverts" if reverted else "without"
        words.append(f"{verb} the bad commits of {seen.range.release}")
    return passed(NAME, "; ".join(words)) if words else None


def _what(bad: BadRange) -> str:
    return f"{bad.service} {bare(bad.version)}, which {bad.release} took back in {bad.environment}"


def _named(commits: tuple[Commit, ...]) -> str:
    shown = [f"{commit.sha[:7]} “{commit.title}”" for commit in commits[:MOST]]
    more = len(commits) - MOST
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _authors(commits: tuple[Commit, ...]) -> str:
    """Name who wrote them: in the next step, since sentences go into the record for good."""
    names = tuple(dict.fromkeys(commit.author for commit in commits if commit.author))
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f" (by {', '.join(names[:MOST])}{more})" if names else ""


def _no(reason: Reason, sentence: str, first: str, bad: BadRange) -> GateResult:
    step = (
        f"{first}, or when the cause is mended, an owner or responder presses Cause is mended "
        f"on {bad.release}."
    )
    return failed(NAME, reason, sentence, step)
