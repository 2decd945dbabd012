"""`GitHubHost`: the `SourceHost` port. Parses GitHub's JSON into facts; decides nothing."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from github.Requester import Requester

from bot.domain.facts import CheckRun, Diff, Scan
from bot.domain.hosting import OWN_CONTEXT, Budget
from bot.domain.packages import PackageChange
from bot.domain.runs import Run, TestCounts
from bot.domain.versions import Version, VersionError
from bot.errors import ConflictError, ForbiddenError, MissingError, PermanentError
from bot.ports import Checkup
from integrations.calls import Told, untold
from integrations.github import junit
from integrations.github.alerts import Watched
from integrations.github.comparing import comparison, packages
from integrations.github.deployments import Deployments
from integrations.github.doctor import Wanted, examine
from integrations.github.gate import Gating
from integrations.github.gate_doctor import Gated
from integrations.github.history import Histories
from integrations.github.pool import Credentials, Json, Pool
from integrations.github.runs import run_of

MOST_COMMITS = 500
"""Commits of a comparison that are read for their authors."""

PAGE = 100
"""Rows of a page; GitHub gives no more."""

MOST_ROWS = 1000
"""Rows of checks, analyses or alerts that are read at the most."""

MOST_RUNS = 300
"""Runs of one repository that one look reads; an older one that still runs is read by itself."""

SKEW = timedelta(seconds=30)
"""How much earlier than its intent a run may seem to be made: two clocks are never the same."""

_BY_RULE = {"error": "high", "warning": "medium", "note": "low"}
"""Severity of an alert whose rule has no security severity (GitHub docs: SARIF levels)."""


class GitHubHost(Deployments, Gating, Histories, Watched):
    """GitHub for every repository of the catalogue."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        seconds: float = 10.0,
        workers: int = 8,
        told: Told = untold,
    ) -> None:
        self._pool = Pool(url, credentials, seconds, workers, told)
        self._credentials = credentials
        self._kept = OrderedDict()

    @property
    def remaining(self) -> int | None:
        """Requests left in the present hour, as GitHub last said."""
        budget = self._pool.budget
        return budget.remaining if budget else None

    def budget(self) -> Budget | None:
        """Give the hour's budget as GitHub last told it."""
        return self._pool.budget

    @property
    def calls(self) -> Mapping[str, int]:
        """Requests that this process has asked for, by kind, for the metrics."""
        return dict(self._pool.calls)

    async def close(self) -> None:
        """Let the worker threads end."""
        self._pool.close()

    async def newest_tags(self, repository: str, pattern: str, limit: int) -> tuple[str, ...]:
        """List versions, newest first, whose tags match the pattern."""
        before, _, after = pattern.partition("{version}")
        path = f"/repos/{repository}/git/matching-refs/tags/{quote(before)}"
        rows = await self._pool.pages(path, None, MOST_ROWS)
        names = {row["ref"].removeprefix("refs/tags/") for row in rows}
        found = []
        for name in names:
            version = name.removeprefix(before).removesuffix(after)
            try:
                found.append((Version(version), version))
            except VersionError:
                continue
        ordered = sorted(found, key=lambda row: row[0], reverse=True)
        return tuple(version for _, version in ordered[:limit])

    async def diff(self, repository: str, base: str, head: str) -> Diff:
        """Compare two commits or tags."""
        path = f"/repos/{repository}/compare/{quote(base)}...{quote(head)}"
        found = await self._pool.get(path, per_page=PAGE)
        commits, page = list(found.get("commits") or ()), 2
        while len(commits) < min(int(found["total_commits"]), MOST_COMMITS):
            more = (await self._pool.get(path, per_page=PAGE, page=page)).get("commits")
            if not more:
                break
            commits, page = [*commits, *more], page + 1
        return comparison(found | {"commits": commits})

    async def packages(
        self, repository: str, base: str, head: str
    ) -> tuple[PackageChange, ...] | None:
        """Compare the packages of two commits; None where the repository has no graph of them."""
        path = f"/repos/{repository}/dependency-graph/compare/{quote(base)}...{quote(head)}"
        try:
            return packages(await self._pool.get(path))
        except (ForbiddenError, MissingError):
            return None

    async def checks(self, repository: str, commit: str) -> tuple[CheckRun, ...]:
        """List the newest check run of each name, and the commit's statuses alike."""
        base = f"/repos/{repository}/commits/{commit}"
        rows = await self._pool.pages(
            f"{base}/check-runs", "check_runs", MOST_ROWS, filter="latest"
        )
        statuses = await self._pool.pages(f"{base}/status", "statuses", MOST_ROWS)
        # The bot's own are of plans, and no check of anything.
        others = (s for s in statuses if not s["context"].startswith(OWN_CONTEXT))
        found = {s["context"]: _from_status(s) for s in others}
        for row in sorted(rows, key=lambda r: (r.get("started_at") or "", r["id"])):
            found[row["name"]] = CheckRun(
                name=row["name"],
                conclusion=row["conclusion"] if row["status"] == "completed" else None,
                url=row.get("html_url"),
            )
        return tuple(found.values())

    async def scan(self, repository: str, commit: str, path: str | None) -> Scan:
        """Read code scanning for exactly this commit.

        Alerts are kept by GitHub for a ref, not for a commit: they are read for the ref that the
        commit's analysis names, which is the nearest that the API offers.
        """
        base = f"/repos/{repository}/code-scanning"
        try:
            analyses = await self._pool.pages(f"{base}/analyses", None, MOST_ROWS)
        except MissingError:
            return Scan(status="missing")
        except ForbiddenError as error:
            if "enabled" in str(error):
                return Scan(status="not_enabled")
            raise
        refs = {a["ref"] for a in analyses if a["commit_sha"] == commit and not a.get("error")}
        if not refs:
            return Scan(status="missing")
        alerts: dict[int, Json] = {}
        for ref in sorted(refs):
            rows = await self._pool.pages(f"{base}/alerts", None, MOST_ROWS, state="open", ref=ref)
            alerts |= {row["number"]: row for row in rows}
        counts = _counted(alerts.values(), path)
        url = next((a["html_url"] for a in alerts.values()), None)
        return Scan(status="analysed", url=url, **counts)

    async def dispatch(
        self, repository: str, workflow: str, inputs: Mapping[str, str]
    ) -> Run | None:
        """Start a workflow on the default branch; an older server doesn't say which run it is."""
        body = {
            "ref": await self.default_branch(repository),
            "inputs": dict(inputs),
            "return_run_details": True,
        }
        path = f"/repos/{repository}/actions/workflows/{quote(workflow)}/dispatches"
        answer = await self._pool.post(path, body)
        if not answer or "workflow_run_id" not in answer:
            return None
        return Run(
            id=answer["workflow_run_id"],
            url=answer["html_url"],
            status="queued",
            branch=body["ref"],
        )

    async def runs(self, repository: str, since: datetime) -> tuple[Run, ...]:
        """List the dispatched runs of a repository since then, newest first."""
        rows = await self._pool.pages(
            f"/repos/{repository}/actions/runs",
            "workflow_runs",
            MOST_RUNS,
            event="workflow_dispatch",
            created=_since(since),
        )
        return tuple(run_of(row) for row in rows)

    async def run(self, repository: str, run_id: int) -> Run:
        """Read one run."""
        return run_of(await self._pool.get(f"/repos/{repository}/actions/runs/{run_id}"))

    async def cancel_run(self, repository: str, run_id: int) -> None:
        """Ask a run to stop; one that has ended is left as it is."""
        try:
            await self._pool.post(f"/repos/{repository}/actions/runs/{run_id}/cancel", None)
        except (ConflictError, PermanentError) as error:
            if isinstance(error, MissingError | ForbiddenError):
                raise

    async def test_counts(self, repository: str, run_id: int, artifact: str) -> TestCounts | None:
        """Read the counts from the run's JUnit artifact; None where it has none."""
        path = f"/repos/{repository}/actions/runs/{run_id}/artifacts"
        found = await self._pool.get(path, name=artifact, per_page=100)
        rows = [a for a in found["artifacts"] if a["name"] == artifact and not a.get("expired")]
        if not rows:
            return None
        if int(rows[0].get("size_in_bytes") or 0) > junit.LARGEST:
            raise PermanentError("the junit artifact is over 20 MB")
        return junit.count(await self._download(path.rsplit("/runs/", 1)[0], rows[0]["id"]))

    async def _download(self, base: str, artifact: int) -> bytes:
        def fetch(api: Requester) -> bytes:
            # The zip lies behind a redirect to a host that must not see our token; requests
            # drops the Authorization header when the host changes.
            _, _, parts = api.getStream(f"{base}/artifacts/{artifact}/zip", chunk_size=2**16)
            packed = b""
            for part in parts:
                packed += part
                if len(packed) > junit.LARGEST:
                    raise PermanentError("the junit artifact is over 20 MB")
            return packed

        return await self._pool.call(fetch)

    async def check(
        self,
        repositories: Mapping[str, Iterable[str]],
        passing: str | None = None,
        numbers: Mapping[str, Collection[str]] | None = None,
        gated: Gated | None = None,
    ) -> Checkup:
        """Look at each repository and the workflows that it should have, for `doctor`.

        `numbers`: what the catalogue takes for the repositories' numbers. `gated`: environments
        for which GitHub is to ask the bot.
        """
        view, wanted = self.check_view, Wanted(passing, numbers or {}, gated or {})
        return await examine(self._pool, self._credentials, repositories, view, wanted)


def _from_status(status: Json) -> CheckRun:
    state = status["state"]
    conclusion = None if state == "pending" else state
    return CheckRun(name=status["context"], conclusion=conclusion, url=status.get("target_url"))


def _counted(alerts: Iterable[Json], path: str | None) -> dict[str, int]:
    counts = dict.fromkeys(("critical", "high", "medium", "low"), 0)
    for alert in alerts:
        where = ((alert.get("most_recent_instance") or {}).get("location") or {}).get("path") or ""
        if path is not None and not f"{where}/".startswith(f"{path.strip('/')}/"):
            continue
        rule = alert.get("rule") or {}
        severity = rule.get("security_severity_level") or _BY_RULE.get(
            rule.get("severity") or "", "high"
        )
        counts[severity] += 1
    return counts


def _since(moment: datetime) -> str:
    return f">={(moment - SKEW).strftime('%Y-%m-%dT%H:%M:%SZ')}"
