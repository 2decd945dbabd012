"""Deployments, their statuses and commit statuses: GitHub's own view of a release.

A part of `GitHubHost`. It writes what it is told and finds what is there; it decides nothing.
"""

import json
from datetime import datetime, timedelta
from urllib.parse import quote

from bot.domain.hosting import (
    CommitStatus,
    Deployment,
    DeploymentRequest,
    DeploymentSearch,
    DeploymentStatus,
)
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from bot.ports import Finding
from integrations.github.pool import Json, Pool

TASK = "release-bot"
"""Task of our Deployments: automation that waits for GitHub's own `deploy` leaves them alone."""

PAYLOAD_KEY = "release_bot"
"""Under this key a Deployment's payload holds the release's id."""

SKEW = timedelta(seconds=30)
"""How much earlier than its cause a Deployment may seem made: two clocks are never the same."""

PAGES = 3
"""Pages of 100 Deployments that are looked through at the most."""

CANDIDATES = 5
"""Deployments that may be a run's job's, whose statuses are read at the most."""

NOWHERE = "0" * 40
"""No commit: what is asked for it is refused after the right to ask was checked."""

_HOST_WIDTH = 140
"""Characters of a description that GitHub takes."""


class Deployments:
    """What `GitHubHost` does to show a release where developers look."""

    _pool: Pool

    async def create_deployment(self, wanted: DeploymentRequest) -> int:
        """Make a Deployment; its id. No contexts are required: the gates have been asked."""
        body = {
            "ref": wanted.commit,
            "task": TASK,
            "auto_merge": False,
            "required_contexts": [],
            "environment": wanted.environment,
            "description": wanted.description[:_HOST_WIDTH],
            "payload": {PAYLOAD_KEY: wanted.release},
        }
        made = await self._pool.post(f"/repos/{wanted.repository}/deployments", body)
        if not made or "id" not in made:
            raise PermanentError("GitHub took the Deployment and made none")
        return int(made["id"])

    async def find_deployment(self, wanted: DeploymentSearch) -> Deployment | None:
        """Find a release's own Deployment, else the one that its workflow's job made."""
        names = {name.casefold() for name in wanted.environments}
        jobs: list[Json] = []
        for row in await self._recent(wanted.repository, wanted.since - SKEW):
            if released(row) == wanted.release:
                return Deployment(id=row["id"], ours=True)
            if released(row) is None and row["environment"].casefold() in names:
                jobs.append(row)
        if wanted.run is None:
            return None
        for row in sorted(jobs, key=lambda found: found["id"])[:CANDIDATES]:
            if await self._made_by(wanted.repository, row["id"], wanted.run):
                return Deployment(id=row["id"], ours=False)
        return None

    async def _recent(self, repository: str, since: datetime) -> list[Json]:
        """Read Deployments, newest first, back to that moment."""
        rows: list[Json] = []
        for page in range(1, PAGES + 1):
            path = f"/repos/{repository}/deployments"
            found = await self._pool.get(path, per_page=100, page=page)
            young = [row for row in found if datetime.fromisoformat(row["created_at"]) >= since]
            rows += young
            if len(young) < 100:  # noqa: PLR2004 - a full page
                break
        return rows

    async def _made_by(self, repository: str, number: int, run: int) -> bool:
        """Whether a run's job made it: then its statuses lead to that run."""
        rows = await self._statuses(repository, number)
        links = [str(row.get(key) or "") for row in rows for key in ("log_url", "target_url")]
        return any(f"/actions/runs/{run}/" in f"{link}/" for link in links)

    async def _statuses(self, repository: str, number: int) -> list[Json]:
        path = f"/repos/{repository}/deployments/{number}/statuses"
        found: list[Json] = await self._pool.get(path, per_page=100)
        return found

    async def show_deployment(self, repository: str, number: int, shown: DeploymentStatus) -> None:
        """Add a status to a Deployment."""
        body: dict[str, object] = {
            "state": shown.state,
            "description": shown.description[:_HOST_WIDTH],
            "target_url": shown.link,
            "auto_inactive": shown.auto_inactive,
        }
        if shown.environment is not None:
            body["environment"] = shown.environment
        await self._pool.post(f"/repos/{repository}/deployments/{number}/statuses", body)

    async def shown_deployment(self, repository: str, number: int) -> tuple[str, str] | None:
        """Read a Deployment's newest status; GitHub lists them newest first."""
        rows = await self._statuses(repository, number)
        if not rows:
            return None
        newest = max(rows, key=lambda row: row["id"])
        return str(newest["state"]), str(newest.get("description") or "")

    async def show_commit(self, repository: str, commit: str, shown: CommitStatus) -> None:
        """Set a commit's status of that context."""
        body = {
            "state": shown.state,
            "context": shown.context,
            "description": shown.description[:_HOST_WIDTH],
            "target_url": shown.link,
        }
        await self._pool.post(f"/repos/{repository}/statuses/{quote(commit)}", body)

    async def check_view(self, repository: str) -> list[Finding]:
        """Say for `doctor` whether the bot may show releases here; nothing is made by asking.

        Both are asked for a commit that does not exist. GitHub looks at the right first: who has
        it hears that there is no such commit, who has not is refused.
        """
        base = f"/repos/{repository}"
        asked = (
            ("Deployments", f"{base}/deployments", {"ref": NOWHERE, "environment": TASK}),
            ("Commit statuses", f"{base}/statuses/{NOWHERE}", {"state": "pending"}),
        )
        found = []
        for right, path, body in asked:
            said = await self._asked_right(right, path, body)
            if said is not None:
                sentence, remedy = said
                found.append(
                    Finding(good=False, subject=repository, sentence=sentence, remedy=remedy)
                )
        return found

    async def _asked_right(self, right: str, path: str, body: Json) -> tuple[str, str] | None:
        """Say what is wrong with a right, and what to do; None: it is there."""
        try:
            await self._pool.post(path, body)
        except (ForbiddenError, MissingError):
            return (
                f"{right}: the bot may not write them, so GitHub does not show releases.",
                f"Give the token or App {right}: write. Releases work without it.",
            )
        except PermanentError:
            return None
        except TemporaryError as error:
            said = f"{right}: {error}, so it is not known whether the bot may write them."
            return said, "Run this again in a minute."
        return None


def released(row: Json) -> str | None:
    """Read the release out of a Deployment's payload; GitHub gives it back as JSON or as text."""
    payload = row.get("payload")
    if isinstance(payload, str):
        try:
            payload = json.loads(payload or "{}")
        except ValueError:
            return None
    found = payload.get(PAYLOAD_KEY) if isinstance(payload, dict) else None
    return found if isinstance(found, str) else None
