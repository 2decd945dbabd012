"""Looks for `release-bot doctor` whether GitHub asks the bot where the catalogue wants it to.

Used by `doctor` for each environment with `github_gate: true`. Only reads (GitHub docs: REST API
endpoints for protection rules; Creating custom deployment protection rules).
"""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from bot.errors import MissingError, PermanentError, TemporaryError
from bot.ports import Finding
from integrations.github.pool import Credentials, Json, Pool

Gated = Mapping[str, tuple[tuple[str, ...], ...]]
"""By repository, the names of each environment that is to be gated: GitHub's may be any of them."""

EVENTS = {
    "deployment_protection_rule": "no job is asked about, and each waits for 30 days",
    "deployment_status": "a deployment that goes past the bot is seen in the cluster only",
}
"""Events that the App must be subscribed to, and what follows where it is not."""

DOCS = "docs/protection.md says how."


def of_credentials(credentials: Credentials, gated: Gated) -> list[Finding]:
    """Say where the bot signs in as somebody whom GitHub does not ask."""
    if not gated or not credentials.token:
        return []
    said = "GitHub asks Apps only, and the bot signs in with GITHUB_TOKEN."
    return [_bad("GitHub's gate", said, f"Sign in as a GitHub App instead; {DOCS}")]


def of_events(given: Json) -> list[Finding]:
    """Say which events the App's installation is not told of."""
    told = given.get("events") or ()
    remedy = "Subscribe the App to it, and tick it under Permissions & events."
    return [
        _bad("GitHub App", f"It is not told of {event}: {so}.", remedy)
        for event, so in EVENTS.items()
        if event not in told
    ]


async def of_repository(
    pool: Pool, credentials: Credentials, name: str, places: Iterable[tuple[str, ...]]
) -> list[Finding]:
    """Look at each environment's rules in one repository."""
    return [
        found
        for names in places
        if (found := await _of_environment(pool, credentials, name, names)) is not None
    ]


async def _of_environment(
    pool: Pool, credentials: Credentials, repository: str, names: tuple[str, ...]
) -> Finding | None:
    """Look at the first of its names that GitHub knows."""
    for name in names:
        path = f"/repos/{repository}/environments/{quote(name, '')}/deployment_protection_rules"
        try:
            answer = await pool.get(path)
        except MissingError:
            continue
        except TemporaryError as error:
            said = f"Environment {name}: its rules are not known. {error}."
            return _bad(repository, said, "Run this again in a minute.")
        except PermanentError:
            said = f"Environment {name}: the bot may not read its rules."
            return _bad(repository, said, "Give the App Actions: read.")
        return _judged(repository, name, answer, credentials.app_id)
    said = f"GitHub has no environment {names[0]}, so no job for it is ever asked about."
    return _bad(repository, said, f"Make it there and switch the bot's rule on; {DOCS}")


def _judged(repository: str, name: str, answer: Json, app_id: str | None) -> Finding | None:
    rules = answer.get("custom_deployment_protection_rules") or ()
    ours = [rule for rule in rules if str((rule.get("app") or {}).get("id")) == app_id]
    if any(rule.get("enabled") for rule in ours):
        return None
    said = f"Environment {name}: the bot's rule is not switched on, so jobs pass it by."
    return _bad(repository, said, f"Settings, Environments, {name}, Deployment protection rules.")


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
