"""Branches, pull requests and tags of a whole repository: for the reports.

A part of `GitHubHost`. A few pages for each repository, however many environments ask; what a
repository has beyond the limits is said to be left out.
"""

from urllib.parse import quote

from bot.domain.behind import Tags
from bot.domain.facts import Tag
from bot.domain.namespaces import Branches, Pull
from bot.errors import MissingError, PermanentError
from integrations.github.pool import Json, Pool

MOST_BRANCHES = 5000
MOST_PULLS = 1000
MOST_TAGS = 5000
PAGE = 100
"""Rows of one page."""


class References:
    """What `GitHubHost` knows of a repository's branches and tags."""

    _pool: Pool

    async def tag(self, repository: str, name: str) -> Tag | None:
        """Look a tag up and follow it to its commit."""
        try:
            found = await self._pool.get(f"/repos/{repository}/git/ref/tags/{quote(name)}")
        except MissingError:
            return None
        # Older servers answer a prefix with a list of what begins so: that is no such tag.
        if isinstance(found, list) or found.get("ref") != f"refs/tags/{name}":
            return None
        return Tag(name=name, commit=await self._followed(repository, found["object"]))

    async def _followed(self, repository: str, target: Json) -> str:
        for _ in range(10):
            if target["type"] != "tag":
                return str(target["sha"])
            found = await self._pool.get(f"/repos/{repository}/git/tags/{target['sha']}")
            target = found["object"]
        raise PermanentError("a tag of a tag of a tag: GitHub leads to no commit")

    async def tags(self, repository: str) -> Tags:
        """List tags with the commits that they lead to (GitHub follows annotated ones)."""
        rows = await self._twice(f"/repos/{repository}/tags", MOST_TAGS)
        commits = {row["name"]: row["commit"]["sha"] for row in rows}
        return Tags(commits=commits, whole=len(rows) < MOST_TAGS)

    async def branches(self, repository: str) -> Branches:
        """List branches, and the pull requests that changed last."""
        base = f"/repos/{repository}"
        heads = await self._twice(f"{base}/branches", MOST_BRANCHES)
        pulls = await self._pool.pages(
            f"{base}/pulls", None, MOST_PULLS, state="all", sort="updated", direction="desc"
        )
        return Branches(
            heads=frozenset(row["name"] for row in heads),
            pulls=tuple(_pull(row, repository) for row in pulls),
            whole=len(heads) < MOST_BRANCHES,
            pulls_whole=len(pulls) < MOST_PULLS,
        )

    async def _twice(self, path: str, most: int) -> list[Json]:
        """Read a list; where it has several pages read it again, and take what either had.

        Pages go by number: what is deleted between two of them lets another row fall between.
        """
        rows = await self._pool.pages(path, None, most)
        if len(rows) < PAGE:
            return rows
        again = await self._pool.pages(path, None, most)
        return list({row["name"]: row for row in (*rows, *again)}.values())


def _pull(row: Json, repository: str) -> Pull:
    head = row["head"]
    # A fork that was deleted has no repository any more.
    home = (head.get("repo") or {}).get("full_name") or ""
    state = "merged" if row.get("merged_at") else row["state"]
    return Pull(
        number=row["number"],
        branch=head["ref"],
        foreign=home.lower() != repository.lower(),
        state=state,
        merged_at=row.get("merged_at"),
    )
