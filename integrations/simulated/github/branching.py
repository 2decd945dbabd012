"""Branches, pull requests and lists of tags of the simulated GitHub."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError, page
from integrations.simulated.github.world import Object, Repository, make_sha, stamp
from integrations.simulated.server import Now


@dataclass
class PullRequest:
    """One pull request. `fork`: its branch lives in another repository."""

    number: int
    branch: str
    opened_at: datetime
    closed_at: datetime | None = None
    merged: bool = False
    fork: bool = False
    merged_as: str | None = None
    """The commit that it came in by."""


@dataclass
class _Known:
    branches: dict[str, None] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)


class Branching:
    """Keeps branches and pull requests by repository, and answers for them."""

    def __init__(self, now: Now, find: Callable[[web.Request], Repository]) -> None:
        self._now = now
        self._find = find
        self._known: dict[str, _Known] = {}
        self._meanwhile: list[Callable[[], object]] = []

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        return [
            ("GET", repo + "/branches", self._branches),
            ("GET", repo + "/git/ref/heads/{branch:.+}", self._head),
            ("GET", repo + "/pulls", self._pulls),
            ("GET", repo + "/pulls/{number}", self._one_pull),
            ("GET", repo + "/tags", self._tags),
        ]

    # The control surface.

    def branch(self, name: str, branch: str) -> None:
        """Push a branch."""
        self._of(name).branches[branch] = None

    def open(self, name: str, number: int, branch: str, *, fork: bool = False) -> None:
        """Open a pull request from a branch, which is pushed with it unless it is a fork's."""
        known = self._of(name)
        known.pulls[number] = PullRequest(number, branch, self._now(), fork=fork)
        if not fork:
            known.branches[branch] = None

    def close(
        self,
        name: str,
        number: int,
        *,
        merge: bool,
        delete: bool = False,
        merged_as: str | None = None,
    ) -> None:
        """Merge or close a pull request, and delete its branch if so wanted."""
        known = self._of(name)
        pull = known.pulls[number]
        pull.closed_at, pull.merged, pull.merged_as = self._now(), merge, merged_as
        if delete:
            self.delete(name, pull.branch)

    def delete(self, name: str, branch: str) -> None:
        """Delete a branch."""
        self._of(name).branches.pop(branch, None)

    def meanwhile(self, act: Callable[[], object]) -> None:
        """Do that once, right after the next page of branches or tags was made."""
        self._meanwhile.append(act)

    def _then(self, made: list[Object]) -> list[Object]:
        if self._meanwhile:
            self._meanwhile.pop(0)()
        return made

    def _of(self, name: str) -> _Known:
        return self._known.setdefault(name, _Known())

    # The API.

    async def _branches(self, request: web.Request) -> list[Object]:
        repo = self._find(request)
        names = sorted({repo.default_branch, *self._of(repo.name).branches})
        return self._then([_branch(repo, name) for name in page(request, names)])

    async def _head(self, request: web.Request) -> Object:
        repo, name = self._find(request), request.match_info["branch"]
        if name not in (repo.default_branch, *self._of(repo.name).branches):
            raise GitHubError(404, "Not Found")
        own = name == repo.default_branch and repo.order
        sha = repo.order[-1] if own else make_sha(repo.name, name)
        return {"ref": f"refs/heads/{name}", "object": {"type": "commit", "sha": sha}}

    async def _pulls(self, request: web.Request) -> list[Object]:
        repo = self._find(request)
        pulls = self._of(repo.name).pulls.values()
        wanted = request.query.get("state", "open")
        rows = [p for p in pulls if wanted in ("all", "closed" if p.closed_at else "open")]
        newest = request.query.get("direction", "desc") == "desc"
        rows.sort(key=lambda p: (p.closed_at or p.opened_at, p.number), reverse=newest)
        return [_pull(repo, pull) for pull in page(request, rows)]

    async def _one_pull(self, request: web.Request) -> Object:
        repo = self._find(request)
        pull = self._of(repo.name).pulls.get(int(request.match_info["number"]))
        if pull is None:
            raise GitHubError(404, "Not Found")
        return _pull(repo, pull)

    async def _tags(self, request: web.Request) -> list[Object]:
        repo = self._find(request)
        names = sorted(repo.tags, reverse=True)
        return self._then([_tag(repo, name) for name in page(request, names)])


def _branch(repo: Repository, name: str) -> Object:
    return {"name": name, "commit": {"sha": make_sha(repo.name, name), "url": ""}}


def _tag(repo: Repository, name: str) -> Object:
    commit = repo.commit_of(f"refs/tags/{name}")
    return {"name": name, "commit": {"sha": commit.sha if commit else "", "url": ""}}


def _pull(repo: Repository, pull: PullRequest) -> Object:
    home = "somebody/fork" if pull.fork else repo.name
    closed = stamp(pull.closed_at)
    return {
        "number": pull.number,
        "state": "closed" if closed else "open",
        "head": {"ref": pull.branch, "repo": {"full_name": home}},
        "created_at": stamp(pull.opened_at),
        "closed_at": closed,
        "merged_at": closed if pull.merged else None,
        "merge_commit_sha": pull.merged_as,
        "html_url": f"https://github.example/{repo.name}/pull/{pull.number}",
    }
