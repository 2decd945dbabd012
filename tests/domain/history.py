"""A small git: commits with contents, merged by three ways, so that the truth is known.

What a commit contains is the set of changes in it; so what messages say is held against it.
"""

from collections.abc import Iterable

from bot.domain.commits import Commit, Commits, read_commit

Contents = frozenset[str]


class History:
    """Commits by sha, in the order in which they were made."""

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.contents: dict[str, Contents] = {}
        self.root = self._made((), frozenset(), "Begin")

    def _made(self, parents: tuple[str, ...], contents: Contents, message: str) -> str:
        sha = f"{len(self.commits) + 1:040x}"
        self.commits[sha] = read_commit(sha, parents, "ana", message, "q/p")
        self.contents[sha] = contents
        return sha

    def change(self, on: str, message: str = "Work") -> str:
        """Make a change of its own, named by its commit."""
        sha = f"{len(self.commits) + 1:040x}"
        return self._made((on,), self.contents[on] | {sha}, message)

    def revert(self, sha: str, on: str) -> str | None:
        """Put back what that commit changed; None where nothing would change, as git says."""
        commit = self.commits[sha]
        before = self.contents[commit.parents[0]]
        changed = self.contents[sha] ^ before
        after = (self.contents[on] - changed) | (before & changed)
        if after == self.contents[on]:
            return None
        words = f"This reverts commit {sha}"
        if commit.merges:
            words += f", reversing\nchanges made to {commit.parents[0]}"
        return self._made((on,), after, f'Revert "{commit.title}"\n\n{words}.')

    def pick(self, sha: str, on: str) -> str | None:
        """Do what that commit did."""
        parents = self.commits[sha].parents
        before = self.contents[parents[0]]
        changed = self.contents[sha] ^ before
        after = (self.contents[on] - changed) | (self.contents[sha] & changed)
        if after == self.contents[on]:
            return None
        reverts = "".join(f"\n\nThis reverts commit {u.sha}." for u in self.commits[sha].reverts)
        title = self.commits[sha].title
        return self._made((on,), after, f"{title}{reverts}\n\n(cherry picked from commit {sha})")

    def merge(self, ours: str, theirs: str, base: str) -> str:
        """Merge by three ways: what only one side changed is as that side has it."""
        o, t, b = self.contents[ours], self.contents[theirs], self.contents[base]
        every = o | t | b
        merged = frozenset(c for c in every if c in (t if (c in o) == (c in b) else o))
        return self._made((ours, theirs), merged, "Merge branch 'x'")

    def reached(self, sha: str) -> set[str]:
        found, left = {sha}, [sha]
        while left:
            fresh = [p for p in self.commits[left.pop()].parents if p not in found]
            found.update(fresh)
            left += fresh
        return found

    def between(self, base: str, head: str) -> Commits:
        """What head has and base lacks, oldest first."""
        new: Iterable[str] = self.reached(head) - self.reached(base)
        return Commits(commits=tuple(self.commits[sha] for sha in sorted(new)))
