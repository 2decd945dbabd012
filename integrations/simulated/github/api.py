"""The HTTP API of the simulated GitHub, with the paths, shapes and refusals of the real one."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiohttp import web

from integrations.simulated.github.answering import GitHubError, answering, page
from integrations.simulated.github.branching import Branching
from integrations.simulated.github.gates import Gates
from integrations.simulated.github.history import History
from integrations.simulated.github.hooks import Hooks, Postman, suite_ended, tag_pushed
from integrations.simulated.github.packages import Packages
from integrations.simulated.github.rights import APP_ID, Rights
from integrations.simulated.github.runs import Runner
from integrations.simulated.github.shown import Shown
from integrations.simulated.github.watching import Watching
from integrations.simulated.github.world import (
    Object,
    Repository,
    Run,
    Workflow,
    junit_zip,
    make_sha,
    run_object,
    stamp,
)
from integrations.simulated.server import Now, SimulatedServer, Sleep


class SimulatedGitHub(SimulatedServer):
    """api.github.com on loopback, and its control surface."""

    def __init__(self, now: Now, sleep: Sleep, *, token: str | None = None) -> None:
        super().__init__(now, sleep)
        self.token = token
        self.repositories: dict[str, Repository] = {}
        self.dispatches: list[Run] = []
        """Every dispatch that was accepted: what was really started."""
        self.budget = {"limit": 5000, "remaining": 4999}
        self.post = Postman(sleep, self.spawn)
        self.rights = Rights(now, lambda: self.hooks, self._of)
        self.shown = Shown(now, self._of, self.post.tell)
        self.gates = Gates(sleep, self._of, lambda: self.url, self.post, APP_ID)
        self.branching = Branching(now, self._of)
        self.packages = Packages(self._of)
        self.history = History(now, self._of, self.repository)
        self.watching = Watching(self._of, lambda: self.url)
        self._runs = Runner(now, sleep, lambda: self.url, self.post, self.shown, self.gates)

    @property
    def hooks(self) -> Hooks:
        """Where webhooks go, and what goes wrong with them."""
        return self.post.hooks

    @property
    def delivering(self) -> bool:
        """Whether a webhook is on its way at this moment."""
        return self.post.delivering > 0

    @property
    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return list(self._runs.runs.values())

    # The control surface.

    def repository(self, name: str) -> Repository:
        """Get a repository; it is made when first named."""
        return self.repositories.setdefault(name, Repository(name))

    def add_commit(
        self, name: str, author: str = "ana", message: str = "Work", files: tuple[str, ...] = ()
    ) -> str:
        """Add a commit to the default branch; its sha."""
        return self.history.commit(name, author, message, files)

    def add_tag(self, name: str, tag: str, sha: str, *, annotated: bool = False) -> None:
        """Tag a commit; an annotated tag points at a tag object. Moves a tag that is there."""
        repo = self.repository(name)
        if annotated:
            own = make_sha("tag", name, tag, sha)
            repo.annotated[own] = {
                "sha": own,
                "tag": tag,
                "message": tag,
                "object": {"type": "commit", "sha": sha, "url": ""},
            }
            repo.tags[tag] = own
        else:
            repo.tags[tag] = sha

    def add_check(
        self, name: str, sha: str, check: str, conclusion: str | None = "success"
    ) -> None:
        """Add a check run to a commit; None: it still runs."""
        runs = self.repository(name).checks.setdefault(sha, [])
        runs.append(
            {
                "id": len(runs) + 1,
                "name": check,
                "head_sha": sha,
                "status": "completed" if conclusion else "in_progress",
                "conclusion": conclusion,
                "html_url": f"https://github.example/{name}/runs/{len(runs) + 1}",
                "started_at": stamp(self.now()),
            }
        )

    def add_analysis(self, name: str, sha: str, tool: str = "CodeQL") -> None:
        """Say that code scanning has analysed a commit."""
        repo = self.repository(name)
        repo.analyses.insert(
            0,
            {
                "id": len(repo.analyses) + 1,
                "ref": f"refs/heads/{repo.default_branch}",
                "commit_sha": sha,
                "analysis_key": ".github/workflows/ci.yml:security",
                "category": "/language:python",
                "tool": {"name": tool, "version": "2.0"},
                "created_at": stamp(self.now()),
                "results_count": 0,
                "error": "",
            },
        )

    def add_alert(self, name: str, severity: str, path: str = "src/app.py") -> None:
        """Open a code-scanning alert of a severity at a path."""
        repo = self.repository(name)
        ref = f"refs/heads/{repo.default_branch}"
        repo.alerts.append(
            {
                "number": len(repo.alerts) + 1,
                "state": "open",
                "rule": {
                    "id": "py/example",
                    "severity": "error",
                    "security_severity_level": severity,
                    "description": "Example",
                },
                "tool": {"name": "CodeQL"},
                "html_url": f"https://github.example/{name}/security/code-scanning",
                "most_recent_instance": {"ref": ref, "state": "open", "location": {"path": path}},
            }
        )

    def add_workflow(self, name: str, workflow: Workflow) -> Workflow:
        """Add a workflow file."""
        self.repository(name).workflows[workflow.file] = workflow
        return workflow

    def seed_release(
        self,
        name: str,
        tag: str,
        *,
        commits: Sequence[tuple[str, ...]] = (),
        checks: tuple[str, ...] = (),
        analysis: bool = True,
        annotated: bool = False,
    ) -> str:
        """Commit, tag, check and scan in one go; the tagged sha.

        `commits`: author, message and the files touched, of each.
        """
        sha = ""
        for author, message, *files in commits or [("ana", f"Release {tag}")]:
            sha = self.add_commit(name, author, message, tuple(files))
        self.add_tag(name, tag, sha, annotated=annotated)
        for check in checks:
            self.add_check(name, sha, check)
        if analysis:
            self.add_analysis(name, sha)
        return sha

    def fails(self, file: str, conclusion: str = "failure") -> None:
        """Let the workflow's runs end badly, in every repository."""
        for repo in self.repositories.values():
            if file in repo.workflows:
                repo.workflows[file].conclusion = conclusion

    def push_tag(self, name: str, tag: str, sha: str) -> None:
        """Push a tag, new or moved, as a person does: GitHub tells of it."""
        repo = self.repository(name)
        before = repo.tags.get(tag)
        self.add_tag(name, tag, sha)
        for event, payload in tag_pushed(name, tag, before, sha, self.now()):
            self.post.send(event, payload)

    def start_run(
        self, name: str, file: str, inputs: dict[str, str], actor: str, ref: str | None = None
    ) -> Run:
        """Start a workflow as a person does on GitHub's page, on the default branch or on a ref."""
        repo = self.repository(name)
        run = self._runs.start(repo, repo.workflows[file], inputs)
        run.actor = actor
        if ref is not None:
            # A tag is told from a branch by `refs/tags/`; the run has but its name.
            commit = repo.commit_of(repo.tags.get(ref.removeprefix("refs/tags/"), ref))
            run.branch, run.sha = ref.removeprefix("refs/tags/"), commit.sha if commit else None
        self.spawn(self._runs.carry_out(repo, run, repo.workflows[file]))
        return run

    def run_again(self, run: Run, actor: str) -> None:
        """Start a finished run anew, as *Re-run all jobs* does."""
        self.spawn(self._runs.again(self.repository(run.repository), run, actor))

    def end_suite(self, name: str, sha: str, conclusion: str = "success") -> None:
        """Tell that a check suite of a commit has ended."""
        self.post.send("check_suite", suite_ended(name, sha, conclusion, self.now()))

    # The API.

    def routes(self) -> list[web.RouteDef]:
        """Paths of the real API."""
        repo = "/repos/{owner}/{repo}"
        table: list[tuple[str, str, Any]] = [
            ("GET", repo, self._repo),
            ("GET", repo + "/git/ref/tags/{tag:.+}", self._ref),
            ("GET", repo + "/git/matching-refs/tags/{tag:.*}", self._matching),
            ("GET", repo + "/git/tags/{sha}", self._tag_object),
            ("GET", repo + "/commits/{sha}/check-runs", self._check_runs),
            ("GET", repo + "/code-scanning/analyses", self._analyses),
            ("GET", repo + "/code-scanning/alerts", self._alerts),
            ("POST", repo + "/actions/workflows/{file}/dispatches", self._dispatch),
            ("GET", repo + "/actions/workflows/{file}/runs", self._list_runs),
            ("GET", repo + "/actions/runs", self._list_runs),
            ("GET", repo + "/actions/runs/{id}", self._run),
            ("POST", repo + "/actions/runs/{id}/cancel", self._cancel),
            ("GET", repo + "/actions/runs/{id}/artifacts", self._artifacts),
            ("GET", repo + "/actions/artifacts/{id}/zip", self._artifact),
            ("GET", "/blob/{id}", self._blob),
            ("GET", "/user", self._user),
            ("GET", "/rate_limit", self._rate),
            *self.shown.routes(),
            *self.gates.routes(),
            *self.branching.routes(),
            *self.packages.routes(),
            *self.history.routes(),
            *self.watching.routes(),
            *self.rights.routes(),
        ]
        return [web.route(method, path, answering(self, run)) for method, path, run in table]

    def _of(self, request: web.Request) -> Repository:
        name = f"{request.match_info['owner']}/{request.match_info['repo']}"
        if name not in self.repositories:
            raise GitHubError(404, "Not Found")
        return self.repositories[name]

    async def _repo(self, request: web.Request) -> Object:
        repo = self._of(request)
        return {
            "id": repo.number,
            "full_name": repo.name,
            "name": repo.name.split("/")[1],
            "default_branch": repo.default_branch,
            "html_url": f"https://github.example/{repo.name}",
            "archived": repo.archived,
        }

    async def _ref(self, request: web.Request) -> Object:
        repo, tag = self._of(request), request.match_info["tag"]
        if tag not in repo.tags:
            raise GitHubError(404, "Not Found")
        return self._ref_object(repo, tag)

    def _ref_object(self, repo: Repository, tag: str) -> Object:
        sha = repo.tags[tag]
        kind = "tag" if sha in repo.annotated else "commit"
        return {"ref": f"refs/tags/{tag}", "object": {"type": kind, "sha": sha, "url": ""}}

    async def _matching(self, request: web.Request) -> list[Object]:
        repo, prefix = self._of(request), request.match_info["tag"]
        return [self._ref_object(repo, tag) for tag in sorted(repo.tags) if tag.startswith(prefix)]

    async def _tag_object(self, request: web.Request) -> Object:
        repo, sha = self._of(request), request.match_info["sha"]
        if sha not in repo.annotated:
            raise GitHubError(404, "Not Found")
        return repo.annotated[sha]

    async def _check_runs(self, request: web.Request) -> Object:
        repo = self._of(request)
        runs = repo.checks.get(request.match_info["sha"], [])
        newest = {run["name"]: run for run in runs}
        return {"total_count": len(newest), "check_runs": page(request, list(newest.values()))}

    def _scanning(self, request: web.Request) -> Repository:
        repo = self._of(request)
        if not repo.scanning:
            raise GitHubError(
                403,
                "Advanced Security must be enabled for this repository to use code scanning.",
            )
        return repo

    async def _analyses(self, request: web.Request) -> list[Object]:
        repo = self._scanning(request)
        if not repo.analyses:
            raise GitHubError(404, "no analysis found")
        return page(request, repo.analyses)

    async def _alerts(self, request: web.Request) -> list[Object]:
        repo = self._scanning(request)
        state, ref = request.query.get("state"), request.query.get("ref")
        found = [
            a
            for a in repo.alerts
            if state in (None, a["state"]) and ref in (None, a["most_recent_instance"]["ref"])
        ]
        return page(request, found)

    async def _dispatch(self, request: web.Request) -> Object | web.Response:
        repo, file = self._of(request), request.match_info["file"]
        if file not in repo.workflows:
            raise GitHubError(404, "Not Found")
        body: Object = await request.json()
        workflow, inputs = repo.workflows[file], body.get("inputs") or {}
        if body.get("ref") != repo.default_branch and body.get("ref") not in repo.tags:
            raise GitHubError(422, f"No ref found for: {body.get('ref')}")
        unknown = set(inputs) - set(workflow.inputs or inputs)
        if unknown:
            raise GitHubError(422, f"Unexpected inputs provided: {sorted(unknown)}")
        run = self._runs.start(repo, workflow, inputs)
        self.dispatches.append(run)
        self.spawn(self._runs.carry_out(repo, run, workflow))
        if not (body.get("return_run_details") and workflow.run_details):
            return web.Response(status=204)
        whole = run_object(run, self.url)
        return {
            "workflow_run_id": run.id,
            "run_url": whole["url"],
            "html_url": whole["html_url"],
        }

    async def _list_runs(self, request: web.Request) -> Object:
        """Runs of one workflow, or of the whole repository."""
        repo, file, now = self._of(request), request.match_info.get("file"), self.now()
        since = re.sub(r"^[>=]+", "", request.query.get("created", ""))
        event = request.query.get("event")
        found = [
            run_object(run, self.url)
            for run in reversed(self.runs)
            if run.repository == repo.name
            and file in (None, run.workflow)
            and event in (None, run.event)
            and run.listed_at <= now
            and (not since or (stamp(run.created_at + timedelta(seconds=1)) or "") >= since)
        ]
        return {"total_count": len(found), "workflow_runs": page(request, found)}

    def _one(self, request: web.Request) -> Run:
        repo = self._of(request)
        run = self._runs.runs.get(int(request.match_info["id"]))
        if run is None or run.repository != repo.name:
            raise GitHubError(404, "Not Found")
        return run

    async def _run(self, request: web.Request) -> Object:
        return run_object(self._one(request), self.url)

    async def _cancel(self, request: web.Request) -> Object | web.Response:
        run = self._one(request)
        if run.status == "completed":
            raise GitHubError(409, "Cannot cancel a workflow run that is completed.")
        run.cancelling = True
        return web.json_response({}, status=202)

    async def _artifacts(self, request: web.Request) -> Object:
        run = self._one(request)
        if run.junit is None or run.status != "completed":
            return {"total_count": 0, "artifacts": []}
        base = f"{self.url}/repos/{run.repository}/actions/artifacts/{run.id}"
        artifact = {
            "id": run.id,
            "name": "junit",
            "size_in_bytes": len(junit_zip(run.junit)),
            "expired": False,
            "archive_download_url": f"{base}/zip",
        }
        return {"total_count": 1, "artifacts": [artifact]}

    async def _artifact(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{self.url}/blob/{request.match_info['id']}?sig=abc")

    async def _blob(self, request: web.Request) -> web.Response:
        run = self._runs.runs[int(request.match_info["id"])]
        packed = junit_zip(run.junit or (0, 0, 0))
        return web.Response(body=packed, content_type="application/zip")

    async def _user(self, _request: web.Request) -> Object:
        return {"login": "release-bot[bot]", "id": 1, "type": "Bot"}

    async def _rate(self, _request: web.Request) -> Object:
        core = {**self.budget, "reset": int(self.now().timestamp()) + 3600}
        return {"resources": {"core": core}, "rate": core}
