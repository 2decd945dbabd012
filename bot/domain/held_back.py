"""Bad commits: what a rollback found bad, and whether a version holds it. Pure.

The range of a rollback is every commit that the version taken back has and the one gone back to
lacks. It is held back until somebody says that the cause is mended. `gates.commits` decides by
this; `engine.held_back` gathers what it needs.

In doubt a commit is in: it counts as taken out only where a revert of it comes after each commit
that put it in. A commit that merges others puts nothing in of its own.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from bot.domain.commits import SHORTEST, WHOLE, Commit, Commits, Undo
from bot.domain.value import Value
from bot.domain.versions import bare


class BadRange(Value):
    """What one rollback holds back. `release`: whose card has the button Cause is mended.

    `good` and `bad` are the commits gone back to and taken back; None where nobody knows them.
    """

    release: str
    service: str
    environment: str
    repository: str
    version: str
    """The version that was taken back."""
    back_to: str | None
    """The version that was gone back to."""
    good: str | None
    bad: str | None


class Seen(Value):
    """A range, and what of it one commit may hold.

    `commits`: those of the range. `since`: what the commit has that the good one lacks. Both None
    where the range can't be told. `shared`: the commits of the range that touch the service asked
    for; None: all are its own.
    """

    range: BadRange
    commits: Commits | None = None
    since: Commits | None = None
    shared: frozenset[str] | None = None

    @property
    def unclear(self) -> str | None:
        """Say why it can't be told which commits are bad, or whether they are held."""
        if self.commits is None or self.since is None:
            version = self.range.back_to if self.range.bad else self.range.version
            return f"nobody knows the commit of {bare(version or 'what ran before')}"
        if not self.commits.whole:
            return f"there are more than {len(self.commits.commits)} commits in it"
        if not self.since.whole:
            return f"this version has more than {len(self.since.commits)} commits since then"
        return None

    @property
    def explained(self) -> bool:
        """Whether what was taken back held any of its bad commits without their revert."""
        return bool(held(self.model_copy(update={"since": self.commits}))[0])

    @property
    def bad(self) -> tuple[Commit, ...]:
        """The commits of the range that count for the service asked for."""
        return _bad(self.commits, self.shared) if self.commits else ()


def _bad(commits: Commits, shared: frozenset[str] | None) -> tuple[Commit, ...]:
    history = _History(commits.commits)
    return tuple(
        commit
        for commit in commits.commits
        if history.puts_in(commit) and (shared is None or commit.sha in shared)
    )


def held(seen: Seen) -> tuple[tuple[Commit, ...], tuple[Commit, ...]]:
    """Split the bad commits that the version holds: those that stand, and those reverted in it."""
    if seen.commits is None or seen.since is None:
        return (), ()
    known = {c.sha: c for c in (*seen.commits.commits, *seen.since.commits)}
    history = _History(tuple(known.values()), frozenset(c.sha for c in seen.commits.commits))
    ins, outs = history.events(seen.since.commits)
    there = [commit for commit in seen.bad if ins.get(commit.sha)]
    standing = {
        commit.sha
        for commit in there
        if not _taken_out(ins[commit.sha], outs.get(commit.sha, set()), history)
    }
    return (
        tuple(commit for commit in there if commit.sha in standing),
        tuple(commit for commit in there if commit.sha not in standing),
    )


def _taken_out(ins: set[str], outs: set[str], history: "_History") -> bool:
    """Whether each commit that put it in is followed by one that took it out again."""
    followed: set[str] = set()
    for sha in outs - ins:
        followed |= history.before(sha)
    return ins <= followed


class Effect(NamedTuple):
    """What a commit does to a bad one: puts it in, or takes it out.

    Not `sure`: what its message says may be more than what it did. Undoing that takes nothing out.
    """

    sha: str
    enters: bool
    sure: bool = True

    def turned_round(self) -> "Effect | None":
        """Give what the revert of it does; None where that can't be relied on."""
        if self.enters and not self.sure:
            return None
        return self._replace(enters=not self.enters)


class _History:
    """Commits, and what each does to those of the range (all of them, unless it is given)."""

    def __init__(self, commits: tuple[Commit, ...], of_range: frozenset[str] | None = None) -> None:
        self._commits = {commit.sha: commit for commit in commits}
        self._range = frozenset(self._commits) if of_range is None else of_range
        self._done: dict[str, frozenset[Effect]] = {}

    def events(self, commits: Iterable[Commit]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """Say for each bad commit which of those put it in, and which took it out."""
        ins: dict[str, set[str]] = {}
        outs: dict[str, set[str]] = {}
        for commit in commits:
            for sha, enters, _ in self._effects(commit):
                (ins if enters else outs).setdefault(sha, set()).add(commit.sha)
        return ins, outs

    def puts_in(self, commit: Commit) -> bool:
        """Whether the commit brings something that must be taken out again."""
        return any(sha == commit.sha for sha, enters, _ in self._effects(commit) if enters)

    def before(self, sha: str) -> set[str]:
        """List all that comes before a commit, as far as it is known here."""
        found: set[str] = set()
        left = [sha]
        while left:
            commit = self._commits.get(left.pop())
            fresh = [p for p in commit.parents if p not in found] if commit else []
            found.update(fresh)
            left += fresh
        return found

    def _effects(self, commit: Commit) -> frozenset[Effect]:
        """Say what a commit does, by what it says that it reverts or was picked from.

        Those that it speaks of are older than itself, so this comes to an end; a message that was
        made up to go in circles finds that nothing is done.
        """
        if commit.sha not in self._done:
            self._done[commit.sha] = frozenset()
            self._done[commit.sha] = self._worked_out(commit)
        return self._done[commit.sha]

    def _worked_out(self, commit: Commit) -> frozenset[Effect]:
        reverted = [self._reverted(undo) for undo in commit.reverts]
        clear = not commit.unclear and None not in reverted
        found = {effect for effects in reverted if effects for effect in effects}
        if not clear:
            # It says of something unknown that it reverts it, which may have been a revert itself.
            found = {effect._replace(sure=False) for effect in found if effect.enters}
        if not any(reverted):
            found |= {effect for sha in commit.copies for effect in self._copied(sha)}
        alone = commit.pure_revert and clear and any(reverted)
        if commit.sha in self._range and not commit.merges and not alone:
            found.add(Effect(commit.sha, enters=True))
        return frozenset(found)

    def _reverted(self, undo: Undo) -> frozenset[Effect] | None:
        """Turn round what the reverted commit does; None where it is not known here."""
        found = self._named(undo.sha)
        if found is None:
            return None
        if found.merges and undo.against and not found.parents[0].startswith(undo.against):
            return None
        turned = (effect.turned_round() for effect in self._whole_effects(found))
        return frozenset(effect for effect in turned if effect)

    def _copied(self, sha: str) -> frozenset[Effect]:
        found = self._named(sha)
        return self._whole_effects(found) if found else frozenset()

    def _whole_effects(self, commit: Commit) -> frozenset[Effect]:
        """Say what a commit does; of a merge, besides, what it brought its first parent.

        What the first parent's side speaks of as well may not have been changed by the merge.
        """
        if not commit.merges:
            return self._effects(commit)
        had = self.before(commit.parents[0]) | {commit.parents[0]}
        known = {effect.sha for effect in self._effects_of(had)}
        brought = self._effects_of(self.before(commit.sha) - had)
        return self._effects(commit) | {
            effect._replace(sure=effect.sure and effect.sha not in known) for effect in brought
        }

    def _effects_of(self, shas: set[str]) -> frozenset[Effect]:
        known = [self._commits[sha] for sha in shas if sha in self._commits]
        return frozenset(effect for commit in known for effect in self._effects(commit))

    def _named(self, sha: str) -> Commit | None:
        """Find a commit by its sha, by a beginning that names one alone, or by a copy of it."""
        if sha in self._commits:
            return self._commits[sha]
        if SHORTEST <= len(sha) < WHOLE:
            begun = [c for s, c in self._commits.items() if s.startswith(sha)]
            if begun:
                return begun[0] if len(begun) == 1 else None
        return self._copies.get(sha)

    @cached_property
    def _copies(self) -> Mapping[str, Commit]:
        return {sha: commit for commit in self._commits.values() for sha in commit.copies}
