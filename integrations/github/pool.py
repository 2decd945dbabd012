"""Worker threads, each with a GitHub client of its own, and the translation of errors.

PyGithub is synchronous, and one client must never be used by two threads at once: answers can be
swapped. Its default retry repeats POST, which can dispatch twice: here only reads are repeated.
"""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
import urllib3
from github import Auth, Github, GithubException, GithubRetry
from github.Requester import Requester

from bot.domain.hosting import Budget
from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from integrations.calls import Told, timed, untold

T = TypeVar("T")
Json = Any

LONGEST_RATE_WAIT = 1
"""Seconds that a worker may sleep for a rate limit; past that the caller waits, not the worker."""


@dataclass(frozen=True)
class Credentials:
    """A token, or a GitHub App's id, private key (PEM) and installation id."""

    token: str | None = None
    app_id: str | None = None
    private_key: str | None = None
    installation_id: int | None = None

    @property
    def given(self) -> bool:
        """Whether there is enough to sign in."""
        return bool(self.token or (self.app_id and self.private_key and self.installation_id))

    def auth(self) -> Auth.Auth:
        """Make PyGithub's own value. Installation tokens are renewed by PyGithub."""
        if self.token:
            return Auth.Token(self.token)
        app = Auth.AppAuth(self.app_id or "", self.private_key or "")
        return app.get_installation_auth(self.installation_id or 0)


class Pool:
    """Runs calls on worker threads, within a time limit."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        seconds: float,
        workers: int,
        told: Told = untold,
    ) -> None:
        self._url = url
        self._told = told
        self._credentials = credentials
        self._seconds = seconds
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="github")
        self.budget: Budget | None = None
        """Requests in an hour and those left of them, as GitHub last said."""
        self.calls: Counter[str] = Counter()
        """Requests that were asked for, by kind: `read tags`, `write deployments`."""

    def close(self) -> None:
        """Let the threads end; a call under way ends by its own socket's time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, path: str, **query: Any) -> Json:
        """Read one page."""
        kind = f"read {kind_of(path)}"
        return await self.call(lambda api: self._ask(api, "GET", path, query, None)[1], kind=kind)

    async def headed(self, path: str, **query: Any) -> tuple[dict[str, str], Json]:
        """Read one page with the answer's headers, whose names are in lower case."""
        kind = f"read {kind_of(path)}"
        return await self.call(lambda api: self._ask(api, "GET", path, query, None), kind=kind)

    def beside(self, credentials: Credentials) -> "Pool":
        """Make a small pool on the same server that signs in as somebody else."""
        return Pool(self._url, credentials, self._seconds, 1, self._told)

    async def post(self, path: str, body: Json) -> Json:
        """Write. Raises TemporaryError(unknown=True) where it may have had its effect."""
        return await self.call(
            lambda api: self._ask(api, "POST", path, {}, body)[1],
            write=True,
            kind=f"write {kind_of(path)}",
        )

    async def pages(self, path: str, key: str | None, most: int, **query: Any) -> list[Json]:
        """Read pages of 100 until one is not full, at most so many rows."""
        rows: list[Json] = []
        page = 1
        while len(rows) < most:
            answer = await self.get(path, per_page=100, page=page, **query)
            found = answer[key] if key else answer
            rows += found
            if len(found) < 100:  # noqa: PLR2004 - a full page
                break
            page += 1
        return rows[:most]

    def _ask(
        self, api: Requester, verb: str, path: str, query: dict[str, Any], body: Json
    ) -> tuple[dict[str, str], Json]:
        try:
            headers, data = api.requestJsonAndCheck(verb, path, query, input=body)
        except GithubException as error:
            self._note_budget(error.headers or {})
            raise
        self._note_budget(headers)
        return headers, data

    def _note_budget(self, given: Mapping[str, Any]) -> None:
        """Note what an answer tells of the hour; an answer of an earlier hour came late."""
        headers = {key.lower(): value for key, value in given.items()}
        left, limit = headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-limit")
        if left is None or limit is None:
            return
        reset = headers.get("x-ratelimit-reset")
        resets_at = datetime.fromtimestamp(int(reset), UTC) if reset else None
        before = self.budget.resets_at if self.budget else None
        if before is None or resets_at is None or resets_at >= before:
            self.budget = Budget(limit=int(limit), remaining=int(left), resets_at=resets_at)

    async def call(
        self,
        work: Callable[[Requester], T],
        *,
        write: bool = False,
        kind: str = "read artifacts",
    ) -> T:
        """Run it on a worker. Errors come out translated by meaning; `kind` is for the metrics."""
        self.calls[kind] += 1
        with timed(self._told, kind):
            return await self._called(work, write=write)

    async def _called(self, work: Callable[[Requester], T], *, write: bool) -> T:
        if not self._credentials.given:
            raise PermanentError(
                "GitHub isn't configured: set GITHUB_TOKEN or the GITHUB_APP_ ones"
            )
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds * 2):
                return await loop.run_in_executor(self._threads, self._work, work)
        except (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError) as error:
            why = f"GitHub didn't answer for {self._seconds:g} s"
            raise TemporaryError(why, unknown=write) from error
        except requests.exceptions.RetryError as error:
            said = re.search(r"too many (\d{3})", str(error))
            answered = f"GitHub answered {said[1]}" if said else "GitHub answered with errors"
            raise TemporaryError(answered, unknown=write) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TemporaryError("the connection to GitHub failed", unknown=write) from error
        except GithubException as error:
            raise translated(error, write=write) from error

    def _work(self, work: Callable[[Requester], T]) -> T:
        if not hasattr(self._own, "api"):
            client = Github(
                base_url=self._url,
                auth=self._credentials.auth(),
                timeout=int(max(1, self._seconds)),
                retry=GithubRetry(
                    total=3,
                    allowed_methods=["GET", "HEAD"],
                    secondary_rate_wait=LONGEST_RATE_WAIT,
                    max_rate_limit_wait=LONGEST_RATE_WAIT,
                    backoff_factor=0.1,
                    respect_retry_after_header=False,
                ),
                seconds_between_requests=None,
                seconds_between_writes=None,
                lazy=True,
            )
            self._own.api = client.requester
        api: Requester = self._own.api
        return work(api)


_KINDS = {
    ("git", "tags"): "tags",
    ("git", "ref"): "tags",
    ("git", "matching-refs"): "tags",
    ("commits", "check-runs"): "checks",
    ("commits", "status"): "checks",
    ("actions", "runs"): "runs",
    ("actions", "artifacts"): "artifacts",
    ("actions", "dispatches"): "dispatches",
    ("actions", "workflows"): "workflows",
}
"""What a path below a repository is about, by its first part and the first other one that is named
here; the last parts go first."""


def kind_of(path: str) -> str:
    """Name what a request is about, without names or numbers of things."""
    parts = path.strip("/").split("/")[3:]
    if not parts:
        return "repositories"
    named = (_KINDS.get((parts[0], part)) for part in reversed(parts[1:]))
    return next((kind for kind in named if kind), parts[0])


def translated(error: GithubException, *, write: bool) -> Exception:
    """Translate by meaning: wait, missing, forbidden, refused."""
    headers = {key.lower(): value for key, value in (error.headers or {}).items()}
    message = str((error.data or {}).get("message", "") if isinstance(error.data, dict) else "")
    status = error.status
    if status == 429 or (status == 403 and "rate limit" in message.lower()):  # noqa: PLR2004 - HTTP
        return TemporaryError("GitHub's rate limit is used up", _rate_wait(headers))
    if status >= 500:  # noqa: PLR2004 - HTTP
        return TemporaryError(f"GitHub answered {status}", unknown=write)
    if status == 404:  # noqa: PLR2004 - HTTP
        return MissingError(f"GitHub has no such thing: {message or status}")
    if status in (401, 403):
        return ForbiddenError(
            f"GitHub refused: {message or status}. `release-bot doctor` says more"
        )
    return PermanentError(f"GitHub refused: {message or status}")


def _rate_wait(headers: dict[str, str]) -> float:
    """Seconds until GitHub takes requests again, by its own clock."""
    if "retry-after" in headers:
        return float(headers["retry-after"])
    reset, served = headers.get("x-ratelimit-reset"), headers.get("date")
    if reset is None or served is None:
        return 60.0
    return max(1.0, int(reset) - parsedate_to_datetime(served).timestamp())
