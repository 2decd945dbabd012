"""GitHub's own gate: runs that wait for the bot's word, and the word itself.

A part of `GitHubHost`. The path of the answer is made from the repository and the run: the address
that a webhook brings is never called (GitHub docs: Creating custom deployment protection rules).
"""

from typing import Literal
from urllib.parse import quote

from bot.domain.protection import WaitingRun
from bot.errors import MissingError
from integrations.github.pool import Json
from integrations.github.references import References
from integrations.github.runs import run_of

COMMENT_WIDTH = 1000
"""Characters of a comment that are sent; what a person reads beside a run is shorter."""

OWN_CODE = frozenset({"workflow_dispatch", "repository_dispatch", "push", "schedule"})
"""Events whose runs are of the repository's own branch of that name; a pull request's may be of a
fork's, whose default branch is called the same."""

OWN_TAGS = OWN_CODE | {"release"}
"""Events whose runs are of the repository's own tag, where they are of a tag."""

CONTAINED = frozenset({"identical", "behind"})
"""How a commit compares with a branch that has it (GitHub docs: Compare two commits)."""


class Gating(References):
    """What `GitHubHost` knows of runs that wait."""

    async def default_branch(self, repository: str) -> str:
        """Name the default branch, as it is now: it may be another one at any time."""
        found = await self._pool.get(f"/repos/{repository}")
        return str(found["default_branch"])

    async def waiting_run(self, repository: str, run_id: int) -> WaitingRun:
        """Read a run and who started it."""
        row = await self._pool.get(f"/repos/{repository}/actions/runs/{run_id}")
        actor = row.get("triggering_actor") or row.get("actor") or {}
        home = (row.get("head_repository") or {}).get("full_name") or repository
        here, event = home.lower() == repository.lower(), row.get("event")
        return WaitingRun(
            run=run_of(row),
            actor=str(actor.get("login") or ""),
            commit=str(row.get("head_sha") or ""),
            on_default=here and event in OWN_CODE and await self._on_default(repository, row),
            own_code=here and event in OWN_TAGS,
        )

    async def _on_default(self, repository: str, row: Json) -> bool:
        """Whether a run is of the default branch: a tag of that name is none.

        GitHub gives the name of a branch or tag, and not which of them it is: its commit has to be
        there.
        """
        commit, branch = row.get("head_sha"), await self.default_branch(repository)
        if not commit or row.get("head_branch") != branch:
            return False
        base = f"/repos/{repository}"
        try:
            found = await self._pool.get(f"{base}/git/ref/heads/{quote(branch)}")
            tip = found["object"]["sha"]
            compared = await self._pool.get(f"{base}/compare/{tip}...{commit}", per_page=1)
        except MissingError:
            return False
        return compared["status"] in CONTAINED

    async def tags_at(self, repository: str, ref: str, commit: str) -> tuple[str, ...]:
        """List the tags that lead to a commit: the one it was started on, else all of them."""
        found = await self.tag(repository, ref.removeprefix("refs/tags/")) if ref else None
        if found is not None and found.commit == commit:
            return (found.name,)
        tags = await self.tags(repository)
        return tuple(name for name, sha in tags.commits.items() if sha == commit)

    async def answer_gate(
        self,
        repository: str,
        run_id: int,
        environment: str,
        comment: str,
        state: Literal["approved", "rejected"] | None = None,
    ) -> None:
        """Answer for an environment of a run; without `state` only say how it stands."""
        body: Json = {"environment_name": environment, "comment": comment[:COMMENT_WIDTH]}
        if state is not None:
            body["state"] = state
        await self._pool.post(
            f"/repos/{repository}/actions/runs/{run_id}/deployment_protection_rule", body
        )
