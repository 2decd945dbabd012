"""What the simulated GitHub knows: repositories, commits, tags, checks, alerts, workflows, runs."""

import hashlib
import io
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Object = dict[str, Any]


@dataclass
class Commit:
    """One commit. `author` is a GitHub login, `files` are the paths that it touches.

    Not `linked`: the author is a name that belongs to no account.
    """

    sha: str
    author: str
    message: str
    at: datetime
    parents: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    linked: bool = True


@dataclass
class Run:
    """One workflow run."""

    id: int
    repository: str
    workflow: str
    title: str
    inputs: dict[str, str]
    branch: str
    created_at: datetime
    listed_at: datetime
    number: int = 1
    """The how-manieth run of its workflow it is."""
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    junit: tuple[int, int, int] | None = None
    cancelling: bool = False
    sha: str | None = None
    actor: str = "release-bot[bot]"
    event: str = "workflow_dispatch"
    deployment: int | None = None
    """The Deployment that its job made, where the job names an environment."""


class RunFailedError(Exception):
    """Raised by `on_success`: a step of the run came to nothing, as `kubectl` does sometimes."""


OnSuccess = Callable[[Run], Awaitable[None] | None]


@dataclass
class Workflow:
    """A workflow file and how its runs go. Times are in seconds.

    `listing_delay`: a new run is listed so late. `inputs`: those that it declares; None: any.
    `junit`: passed, failed and skipped tests in its artifact. `dedupes`: its first step ends a
    run when an older one has the same release_id. `hangs`: its runs never end. `environment`: its
    job says `environment: ${{ inputs.environment }}`, so that GitHub makes a Deployment for it.
    """

    file: str
    state: str = "active"
    queue: float = 1.0
    duration: float = 5.0
    conclusion: str = "success"
    listing_delay: float = 0.0
    inputs: tuple[str, ...] | None = None
    junit: tuple[int, int, int] | None = None
    dedupes: bool = True
    hangs: bool = False
    environment: bool = False
    on_success: OnSuccess | None = None
    run_details: bool = True
    """Whether a dispatch answers with the run; older servers do not."""


@dataclass
class Repository:
    """One repository."""

    name: str
    number: int = 1
    default_branch: str = "main"
    archived: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    """Commits of the default branch, oldest first."""
    tags: dict[str, str] = field(default_factory=dict)
    annotated: dict[str, Object] = field(default_factory=dict)
    """Tag objects by their own sha."""
    checks: dict[str, list[Object]] = field(default_factory=dict)
    analyses: list[Object] = field(default_factory=list)
    alerts: list[Object] = field(default_factory=list)
    scanning: bool = True
    workflows: dict[str, Workflow] = field(default_factory=dict)
    deployments: dict[int, Object] = field(default_factory=dict)
    """Deployments by id, oldest first, each with its statuses, oldest first."""
    statuses: dict[str, list[Object]] = field(default_factory=dict)
    """Commit statuses by sha, oldest first."""

    def commit_of(self, ref: str) -> Commit | None:
        """Follow a sha (or its beginning), a tag or the default branch to a commit."""
        ref = ref.removeprefix("refs/tags/").removeprefix("refs/heads/")
        if ref == self.default_branch and self.order:
            return self.commits[self.order[-1]]
        sha = self.tags.get(ref, ref)
        while sha in self.annotated:
            sha = self.annotated[sha]["object"]["sha"]
        if sha in self.commits:
            return self.commits[sha]
        found = [c for s, c in self.commits.items() if len(sha) >= 7 and s.startswith(sha)]  # noqa: PLR2004 - git's own shortest
        return found[0] if len(found) == 1 else None

    def between(self, base: str, head: str) -> tuple[list[Commit], int]:
        """Commits that head has and base lacks, oldest first, and how many base has beyond."""
        here, there = self.reached(head), self.reached(base)
        ahead = [commit for sha, commit in self.commits.items() if sha in here - there]
        return ahead, len(there - here)

    def reached(self, sha: str) -> set[str]:
        """A commit and all that came before it."""
        found, left = {sha}, [sha]
        while left:
            fresh = [p for p in self.commits[left.pop()].parents if p not in found]
            found.update(fresh)
            left += fresh
        return found


def make_sha(*parts: object) -> str:
    """Make a sha from what identifies a commit here."""
    return hashlib.sha1("|".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def stamp(moment: datetime | None) -> str | None:
    """Write a moment as GitHub does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def junit_zip(counts: tuple[int, int, int]) -> bytes:
    """Make the artifact's zip: one JUnit file with that many passed, failed and skipped tests."""
    passed, failed, skipped = counts
    cases = [f'<testcase classname="smoke" name="ok {n}"/>' for n in range(passed)]
    bad = '<failure message="no"/>'
    cases += [f'<testcase name="bad {n}">{bad}</testcase>' for n in range(failed)]
    cases += [f'<testcase name="off {n}"><skipped/></testcase>' for n in range(skipped)]
    total = passed + failed + skipped
    head = f'<testsuite name="smoke" tests="{total}" failures="{failed}">'
    xml = f"{head}{''.join(cases)}</testsuite>"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("junit.xml", xml)
    return packed.getvalue()


def run_object(run: Run, url: str) -> Object:
    """Write a run as the API does."""
    base = f"{url}/repos/{run.repository}/actions/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.workflow,
        "display_title": run.title,
        "run_number": run.number,
        "event": run.event,
        "head_branch": run.branch,
        "head_sha": run.sha or make_sha(run.repository, run.branch),
        "head_repository": {"full_name": run.repository},
        "actor": {"login": run.actor},
        "triggering_actor": {"login": run.actor},
        "path": f".github/workflows/{run.workflow}",
        "status": run.status,
        "conclusion": run.conclusion,
        "url": base,
        "html_url": f"https://github.example/{run.repository}/actions/runs/{run.id}",
        "created_at": stamp(run.created_at),
        "updated_at": stamp(run.ended_at or run.started_at or run.created_at),
        "run_started_at": stamp(run.started_at or run.created_at),
        "run_attempt": 1,
        "artifacts_url": f"{base}/artifacts",
    }
