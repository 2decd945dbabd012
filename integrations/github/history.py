"""Commits between two others, what they say that they revert, and the files that they touch.

A part of `GitHubHost`. What GitHub tells of a sha never changes, so it is kept and asked for once.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from bot.domain.commits import Commit, Commits, Undo, read_commit
from bot.errors import ForbiddenError, MissingError
from integrations.github.pool import Json, Pool

T = TypeVar("T")

PAGE = 100
"""Rows of one page: GitHub's most."""

MOST_FILES = 3000
"""Files that GitHub tells of one commit, some hundreds on a page."""

KEPT = 2000
"""Answers that are kept, the last used; a range of 250 commits takes some hundreds."""


class Histories:
    """What `GitHubHost` knows of commits and of what lies between them."""

    _pool: Pool
    _kept: OrderedDict[tuple[object, ...], Any]

    async def commits(self, repository: str, base: str, head: str, most: int) -> Commits:
        """List what head has and base lacks, with the pull requests followed that are reverted."""

        async def read() -> Commits:
            path = f"/repos/{repository}/compare/{quote(base)}...{quote(head)}"
            rows: list[Json] = []
            page, total = 1, 1
            while len(rows) < min(total, most):
                answer = await self._pool.get(path, per_page=PAGE, page=page)
                total, found = int(answer["total_commits"]), answer.get("commits") or []
                rows += found
                page += 1
                if not found:
                    break
            commits = [await self._with_pulls(_commit(row, repository), repository) for row in rows]
            whole = total <= most and len(rows) >= total
            return Commits(commits=tuple(commits[:most]), whole=whole)

        return await self._once(("commits", repository, base, head, most), read, _all_followed)

    async def files(self, repository: str, commit: str) -> tuple[str, ...] | None:
        """List the paths that a commit touches, before and after."""

        async def read() -> tuple[str, ...] | None:
            rows: list[Json] = []
            path = f"/repos/{repository}/commits/{commit}"
            page, more = 1, True
            while more and len(rows) < MOST_FILES:
                headers, answer = await self._pool.headed(path, page=page)
                rows += answer.get("files") or []
                more = 'rel="next"' in headers.get("link", "")
                page += 1
            if len(rows) >= MOST_FILES:
                return None
            names = (row.get(key) for row in rows for key in _NAMES)
            return tuple(dict.fromkeys(name for name in names if name))

        return await self._once(("files", repository, commit), read)

    async def _with_pulls(self, commit: Commit, repository: str) -> Commit:
        """Follow the pull requests that it says it reverts to the commits that they came in by."""
        if not commit.pulls:
            return commit
        merged = [await self._merged_as(repository, number) for number in commit.pulls]
        undone = tuple(Undo(sha=sha) for sha in merged if sha)
        return commit.model_copy(
            update={
                "reverts": (*commit.reverts, *undone),
                "unclear": commit.unclear or None in merged,
            }
        )

    async def _merged_as(self, repository: str, number: int) -> str | None:
        """Say which commit a pull request came in by; None where that can't be told.

        Without the right to read pull requests the revert is not known as one.
        """

        async def read() -> str | None:
            try:
                pull = await self._pool.get(f"/repos/{repository}/pulls/{number}")
            except (MissingError, ForbiddenError):
                return None
            return pull.get("merge_commit_sha") if pull.get("merged_at") else None

        return await self._once(("pull", repository, number), read, bool)

    async def _once(
        self,
        key: tuple[object, ...],
        read: Callable[[], Awaitable[T]],
        final: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Ask once; what is not final (a right is missing, say) is asked again."""
        if key in self._kept:
            self._kept.move_to_end(key)
            kept: T = self._kept[key]
            return kept
        found = await read()
        if final(found):
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def _all_followed(found: Commits) -> bool:
    return not any(commit.pulls and commit.unclear for commit in found.commits)


_NAMES = ("filename", "previous_filename")


def _commit(row: Json, repository: str) -> Commit:
    told = row.get("commit") or {}
    login = (row.get("author") or {}).get("login")
    return read_commit(
        sha=row["sha"],
        parents=tuple(parent["sha"] for parent in row.get("parents") or ()),
        author=login or (told.get("author") or {}).get("name"),
        message=told.get("message") or "",
        repository=repository,
    )
