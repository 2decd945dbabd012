"""Deployments and commit statuses of the simulated GitHub, with its refusals and its listing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError, page
from integrations.simulated.github.world import Object, Repository, Run, make_sha, stamp
from integrations.simulated.server import Now

DEPLOYMENT_STATES = (
    "error", "failure", "inactive", "in_progress", "queued", "pending", "success",
)  # fmt: skip
COMMIT_STATES = ("error", "failure", "pending", "success")
WIDTH = 140
BOT = {"login": "release-bot[bot]", "type": "Bot"}
ACTIONS = {"login": "github-actions[bot]", "type": "Bot"}


class Shown:
    """Keeps and answers what GitHub shows beside commits and environments."""

    def __init__(
        self,
        now: Now,
        find: Callable[[web.Request], Repository],
        tell: Callable[[str, Object], None],
    ) -> None:
        self._now = now
        self._find = find
        self._tell = tell
        self._next_id = 100
        self.denied: set[str] = set()
        """Rights that the bot lacks: `deployments`, `statuses`."""
        self.listing_delay = 0.0
        """Seconds after which a new Deployment is listed."""

    def routes(self) -> list[tuple[str, str, Any]]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        return [
            ("GET", repo + "/deployments", self._list),
            ("POST", repo + "/deployments", self._create),
            ("GET", repo + "/deployments/{id}/statuses", self._list_statuses),
            ("POST", repo + "/deployments/{id}/statuses", self._add_status),
            ("POST", repo + "/statuses/{sha}", self._set_commit_status),
            ("GET", repo + "/commits/{sha}/status", self._combined),
        ]

    # What a job with `environment:` does.

    def job_begins(self, repo: Repository, run: Run) -> Object:
        """Make the Deployment of a run's job, of the commit that its workflow runs at."""
        head = run.sha or make_sha(repo.name, run.branch)
        made = self._made(repo, head, run.inputs.get("environment", "production"), {})
        made |= {"task": "deploy", "creator": ACTIONS, "ref": run.branch}
        run.deployment = made["id"]
        return made

    def job_waits(self, repo: Repository, run: Run) -> None:
        """Show that the job waits for a rule."""
        self._job_status(repo, repo.deployments[run.deployment or 0], run, "waiting")

    def job_goes_on(self, repo: Repository, run: Run) -> None:
        """Show that the job is at work."""
        self._job_status(repo, repo.deployments[run.deployment or 0], run, "in_progress")

    def job_ends(self, repo: Repository, run: Run, conclusion: str) -> None:
        """Show how the job ended."""
        made = repo.deployments[run.deployment or 0]
        self._job_status(repo, made, run, "success" if conclusion == "success" else "failure")

    def _job_status(self, repo: Repository, made: Object, run: Run, state: str) -> None:
        link = f"https://github.example/{repo.name}/actions/runs/{run.id}/job/1"
        body = {"state": state, "target_url": link, "log_url": link, "auto_inactive": True}
        about = {
            "id": run.id,
            "display_title": run.title,
            "actor": {"login": run.actor},
            "triggering_actor": {"login": run.actor},
        }
        self._added(repo, made, body, ACTIONS, about)

    # The API.

    def _allowed(self, right: str) -> None:
        if right in self.denied:
            raise GitHubError(403, "Resource not accessible by integration")

    def _one(self, request: web.Request) -> tuple[Repository, Object]:
        repo = self._find(request)
        made = repo.deployments.get(int(request.match_info["id"]))
        if made is None:
            raise GitHubError(404, "Not Found")
        return repo, made

    async def _list(self, request: web.Request) -> list[Object]:
        repo = self._find(request)
        now = self._now() - timedelta(seconds=self.listing_delay)
        wanted = [(key, request.query.get(key)) for key in ("sha", "environment", "task", "ref")]
        rows = [
            made
            for made in reversed(repo.deployments.values())
            if made["created_at"] <= (stamp(now) or "")
            and all(value in (None, made[key]) for key, value in wanted)
        ]
        return page(request, rows)

    async def _create(self, request: web.Request) -> web.Response:
        self._allowed("deployments")
        repo, body = self._find(request), await request.json()
        commit = repo.commit_of(str(body.get("ref")))
        if commit is None:
            raise GitHubError(422, f"No ref found for: {body.get('ref')}")
        if body.get("auto_merge", True) or body.get("required_contexts") is None:
            raise GitHubError(409, "Conflict: Commit status checks failed for this ref.")
        self._short(body)
        environment = body.get("environment", "production")
        made = self._made(repo, commit.sha, environment, body.get("payload") or {})
        made |= {key: body[key] for key in ("task", "description") if key in body}
        return web.json_response(made, status=201)

    def _short(self, body: Object) -> None:
        if len(body.get("description") or "") > WIDTH:
            raise GitHubError(422, "Validation Failed: description is too long")

    def _made(self, repo: Repository, sha: str, environment: str, payload: Object) -> Object:
        self._next_id += 1
        made: Object = {
            "id": self._next_id,
            "sha": sha,
            "ref": sha,
            "task": "deploy",
            "payload": payload,
            "environment": environment,
            "original_environment": environment,
            "description": None,
            "creator": BOT,
            "created_at": stamp(self._now()),
            "transient_environment": False,
            "production_environment": environment == "production",
            "statuses": [],
        }
        repo.deployments[self._next_id] = made
        return made

    async def _list_statuses(self, request: web.Request) -> list[Object]:
        _, made = self._one(request)
        return page(request, list(reversed(made["statuses"])))

    async def _add_status(self, request: web.Request) -> web.Response:
        self._allowed("deployments")
        repo, made = self._one(request)
        body = await request.json()
        if body.get("state") not in DEPLOYMENT_STATES:
            raise GitHubError(422, "Validation Failed: state is not included in the list")
        self._short(body)
        return web.json_response(self._added(repo, made, body, BOT), status=201)

    def _added(
        self,
        repo: Repository,
        made: Object,
        body: Object,
        creator: Object,
        run: Object | None = None,
    ) -> Object:
        self._next_id += 1
        status = {
            "id": self._next_id,
            "state": body["state"],
            "description": body.get("description", ""),
            "target_url": body.get("target_url", ""),
            "log_url": body.get("log_url", body.get("target_url", "")),
            "environment": body.get("environment", made["environment"]),
            "creator": creator,
            "created_at": stamp(self._now()),
        }
        made["statuses"].append(status)
        about = {"repository": {"full_name": repo.name}, "sender": creator, "workflow_run": run}
        whole = {"action": "created", "deployment_status": status, **about}
        shown = {key: value for key, value in made.items() if key != "statuses"}
        self._tell("deployment_status", whole | {"deployment": shown})
        if body["state"] == "success" and body.get("auto_inactive", True):
            self._retire(repo, made)
        return status

    def _retire(self, repo: Repository, newest: Object) -> None:
        """Older Deployments of the environment go inactive, but never those of production."""
        for made in repo.deployments.values():
            older = made["id"] < newest["id"] and made["environment"] == newest["environment"]
            good = bool(made["statuses"]) and made["statuses"][-1]["state"] == "success"
            if older and good and not made["production_environment"]:
                self._added(repo, made, {"state": "inactive"}, BOT)

    async def _set_commit_status(self, request: web.Request) -> web.Response:
        self._allowed("statuses")
        repo, body = self._find(request), await request.json()
        commit = repo.commits.get(request.match_info["sha"])
        if commit is None:
            raise GitHubError(422, f"No commit found for SHA: {request.match_info['sha']}")
        if body.get("state") not in COMMIT_STATES:
            raise GitHubError(422, "Validation Failed: state is not included in the list")
        self._short(body)
        status = {
            "context": body.get("context", "default"),
            "state": body["state"],
            "description": body.get("description"),
            "target_url": body.get("target_url"),
            "creator": BOT,
            "created_at": stamp(self._now()),
        }
        repo.statuses.setdefault(commit.sha, []).append(status)
        return web.json_response(status, status=201)

    async def _combined(self, request: web.Request) -> Object:
        sha = request.match_info["sha"]
        newest = {row["context"]: row for row in self._find(request).statuses.get(sha, [])}
        states = {row["state"] for row in newest.values()}
        bad = states & {"failure", "error"}
        state = "failure" if bad else "pending" if "pending" in states or not states else "success"
        return {"state": state, "sha": sha, "statuses": page(request, list(newest.values()))}
