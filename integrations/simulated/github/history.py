"""The commit graph of the simulated GitHub: branches, merges, reverts, and what compares them."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError, page
from integrations.simulated.github.world import Commit, Object, Repository, make_sha, stamp
from integrations.simulated.server import Now

UNPAGED = 250
"""Commits of a comparison that is asked for without pages."""

FILES_PAGE = 300
"""Files on one page of a commit."""


class History:
    """Makes commits by repository, and answers for them."""

    def __init__(
        self,
        now: Now,
        find: Callable[[web.Request], Repository],
        repository: Callable[[str], Repository],
    ) -> None:
        self._now = now
        self._find = find
        self._repository = repository

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        return [
            ("GET", repo + "/compare/{range:.+}", self._compare),
            ("GET", repo + "/commits/{sha}", self._one),
        ]

    # The control surface.

    def commit(
        self,
        name: str,
        author: str = "ana",
        message: str = "Work",
        files: tuple[str, ...] = (),
        *,
        on: str | None = None,
    ) -> str:
        """Add a commit to the default branch, or on top of a commit beside it; its sha."""
        repo = self._repository(name)
        tip = on or (repo.order[-1] if repo.order else None)
        return self._added(repo, author, message, files, (tip,) if tip else (), aside=bool(on))

    def merge(self, name: str, sha: str, message: str | None = None) -> str:
        """Merge a commit into the default branch; the merge's sha."""
        repo = self._repository(name)
        words = message or f"Merge branch '{sha[:7]}'"
        return self._added(repo, "ana", words, (), (repo.order[-1], sha), aside=False)

    def revert(self, name: str, sha: str, author: str = "ana", *, on: str | None = None) -> str:
        """Revert a commit as `git revert` does: a merge is reverted to its first parent."""
        repo = self._repository(name)
        commit = repo.commits[sha]
        words = f"This reverts commit {sha}"
        if len(commit.parents) > 1:
            words += f", reversing\nchanges made to {commit.parents[0]}"
        title = commit.message.partition("\n")[0]
        return self.commit(name, author, f'Revert "{title}"\n\n{words}.', commit.files, on=on)

    def pick(self, name: str, sha: str, *, on: str | None = None) -> str:
        """Pick a commit as `git cherry-pick -x` does."""
        commit = self._repository(name).commits[sha]
        words = f"{commit.message}\n\n(cherry picked from commit {sha})"
        return self.commit(name, commit.author, words, commit.files, on=on)

    def _added(
        self,
        repo: Repository,
        author: str,
        message: str,
        files: tuple[str, ...],
        parents: tuple[str, ...],
        *,
        aside: bool,
    ) -> str:
        sha = make_sha(repo.name, author, message, len(repo.commits))
        repo.commits[sha] = Commit(sha, author, message, self._now(), parents, files)
        if not aside:
            repo.order.append(sha)
        return sha

    # The API.

    async def _compare(self, request: web.Request) -> Object:
        repo = self._find(request)
        base, _, head = request.match_info["range"].partition("...")
        first, last = repo.commit_of(base), repo.commit_of(head)
        if first is None or last is None:
            raise GitHubError(404, "Not Found")
        commits, behind = repo.between(first.sha, last.sha)
        paged = "page" in request.query or "per_page" in request.query
        shown = page(request, commits) if paged else commits[:UNPAGED]
        url = f"https://github.example/{repo.name}/compare/{first.sha[:7]}...{last.sha[:7]}"
        files = {file for commit in commits for file in commit.files}
        return {
            "html_url": url,
            "status": _status(len(commits), behind),
            "ahead_by": len(commits),
            "behind_by": behind,
            "total_commits": len(commits),
            "commits": [_shown(commit) for commit in shown],
            "files": _files(sorted(files)[:FILES_PAGE])
            if request.query.get("page", "1") == "1"
            else [],
        }

    async def _one(self, request: web.Request) -> Object | web.Response:
        repo = self._find(request)
        commit = repo.commit_of(request.match_info["sha"])
        if commit is None:
            sha = request.match_info["sha"]
            raise GitHubError(422, f"No commit found for SHA: {sha}")
        number = int(request.query.get("page", "1"))
        files = commit.files[(number - 1) * FILES_PAGE : number * FILES_PAGE]
        whole = {**_shown(commit), "files": _files(files)}
        if len(commit.files) <= number * FILES_PAGE:
            return whole
        link = f'<{request.url.with_query(page=number + 1)}>; rel="next"'
        return web.json_response(whole, headers={"Link": link})


def _status(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


def _shown(commit: Commit) -> Object:
    author = {"name": commit.author, "date": stamp(commit.at)}
    return {
        "sha": commit.sha,
        "author": {"login": commit.author} if commit.linked else None,
        "commit": {"message": commit.message, "author": author},
        "parents": [{"sha": sha} for sha in commit.parents],
    }


def _files(names: Any) -> list[Object]:
    return [{"filename": name, "status": "modified"} for name in names]
