"""Looks at a GitHub App's installation for `release-bot doctor`: permissions, events, deliveries.

Used by `doctor`, where the bot signs in as an App. Asks as the App itself (by its key), which an
installation's token may not. Only reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from github import Auth

from bot.errors import PermanentError, TemporaryError
from bot.ports import Finding
from integrations.github.gate_doctor import of_events
from integrations.github.pool import Credentials, Json, Pool

PERMISSIONS = {
    "metadata": ("Metadata", "read"),
    "contents": ("Contents", "read"),
    "actions": ("Actions", "write"),
    "checks": ("Checks", "read"),
    "statuses": ("Commit statuses", "write"),
    "deployments": ("Deployments", "write"),
    "security_events": ("Code scanning alerts", "read"),
}
"""What the App must be given, by the API's name, as GitHub's pages call it, and how much of it."""

FOR_PASSING = {"pull_requests": ("Pull requests", "read")}
"""Likewise, for environments that come and go with pull requests."""

EVENTS = ("workflow_run", "check_suite", "create", "push")
"""Events that make the bot look sooner than it would by itself."""

_ENOUGH = {"read": ("read", "write", "admin"), "write": ("write", "admin")}


@dataclass(frozen=True)
class _AsApp(Credentials):
    """The App itself, not its installation."""

    def auth(self) -> Auth.Auth:
        return Auth.AppAuth(self.app_id or "", self.private_key or "")


def _is_app(credentials: Credentials) -> bool:
    return credentials.given and not credentials.token


async def installation(
    pool: Pool, credentials: Credentials, passing: str | None = None, *, gated: bool = False
) -> list[Finding]:
    """Compare what the installation was given with what the bot needs; nothing for a token.

    `gated`: GitHub is to ask the bot somewhere before a job may deploy.
    """
    if not _is_app(credentials):
        return []
    own = pool.beside(
        _AsApp(
            app_id=credentials.app_id,
            private_key=credentials.private_key,
            installation_id=credentials.installation_id,
        )
    )
    try:
        given = await own.get(f"/app/installations/{credentials.installation_id}")
        needed = PERMISSIONS | (FOR_PASSING if passing is not None else {})
        gates = of_events(given) if gated else []
        return [*_judged(given, needed), *gates, *await _deliveries(own)]
    except (TemporaryError, PermanentError) as error:
        said = str(error).removesuffix(". `release-bot doctor` says more")
        remedy = "Check GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and GITHUB_APP_INSTALLATION_ID."
        return [_bad(f"The installation can't be read: {said}.", remedy)]
    finally:
        own.close()


def _judged(given: Json, needed: Mapping[str, tuple[str, str]]) -> list[Finding]:
    whose = (given.get("account") or {}).get("login", "an account")
    if given.get("suspended_at"):
        sentence = f"Its installation for {whose} is suspended."
        return [_bad(sentence, "An owner of the organization can lift that.")]
    have = given.get("permissions") or {}
    remedy = f"Change the App's permissions, then accept them for {whose}."
    bad = [
        _bad(f"{name}: {level} is missing (it has {have.get(key, 'none')}).", remedy)
        for key, (name, level) in needed.items()
        if have.get(key) not in _ENOUGH[level]
    ]
    return [*(bad or [_good(f"All {len(needed)} permissions for {whose}.")]), *_events(given)]


def _events(given: Json) -> list[Finding]:
    missing = [event for event in EVENTS if event not in (given.get("events") or ())]
    if not missing:
        return []
    sentence = f"It is not told of {', '.join(missing)}, so the bot learns of them by polling."
    return [_bad(sentence, "Subscribe the App to these events.")]


async def _deliveries(own: Pool) -> list[Finding]:
    """Look how the last webhooks of the App were answered."""
    rows: list[Json] = await own.get("/app/hook/deliveries", per_page=50)
    return judged_deliveries("GitHub App", rows)


def judged_deliveries(subject: str, rows: Iterable[Any]) -> list[Finding]:
    """Say what came of the newest deliveries; they are listed newest first."""
    told = list(rows)
    if not told:
        return []
    newest = told[0]
    failed = [row for row in told if not 200 <= int(row.get("status_code") or 0) < 300]  # noqa: PLR2004 - HTTP
    if not 200 <= int(newest.get("status_code") or 0) < 300:  # noqa: PLR2004 - HTTP
        sentence = (
            f"The last webhook ({newest['event']}, {newest['delivered_at']}) was answered "
            f"{newest.get('status_code') or 'not at all'}: {newest.get('status')}; "
            f"{len(failed)} of the last {len(told)} failed."
        )
        remedy = "401: set GITHUB_WEBHOOK_SECRET to the App's. Else: check URL and network."
        finding = Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
        return [finding]
    sentence = f"Its last webhook was taken at {newest['delivered_at']}."
    return [Finding(good=True, subject=subject, sentence=sentence)]


def _good(sentence: str) -> Finding:
    return Finding(good=True, subject="GitHub App", sentence=sentence)


def _bad(sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject="GitHub App", sentence=sentence, remedy=remedy)
