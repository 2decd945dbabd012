"""Looks at a repository's webhooks for `release-bot doctor`. Used by `doctor`; only reads."""

from urllib.parse import urlsplit

from bot.errors import PermanentError, TemporaryError
from bot.ports import Finding
from integrations.github.app_rights import EVENTS
from integrations.github.pool import Json, Pool

PATH = "/github/webhooks"


async def repository_hooks(pool: Pool, name: str) -> list[Finding] | None:
    """Judge the webhooks that lead to the bot. None: there is none here, or they can't be read.

    Then an organization's or an App's may do the same; only what has arrived tells.
    """
    try:
        rows: list[Json] = await pool.get(f"/repos/{name}/hooks", per_page=100)
    except (TemporaryError, PermanentError):
        # Reading them is a right of its own that the bot needs for nothing else.
        return None
    ours = [row for row in rows if urlsplit(row["config"].get("url") or "").path == PATH]
    return [_judged(name, ours[-1])] if ours else None


def _judged(name: str, hook: Json) -> Finding:
    config, last = hook["config"], hook.get("last_response") or {}
    missing = [event for event in EVENTS if not {event, "*"} & set(hook.get("events") or ())]
    code = last.get("code")
    if not hook.get("active"):
        return _bad(name, "Its webhook is switched off.", "Tick Active in its settings.")
    if config.get("content_type") != "json":
        return _bad(name, "Its webhook sends forms.", "Set its content type to application/json.")
    if not config.get("secret"):
        remedy = "Set its secret to what GITHUB_WEBHOOK_SECRET is."
        return _bad(name, "Its webhook has no secret, so each delivery is refused.", remedy)
    if code is not None and not 200 <= code < 300:  # noqa: PLR2004 - HTTP
        remedy = (
            "401: its secret is not what GITHUB_WEBHOOK_SECRET is. 404: GITHUB_WEBHOOK_SECRET is "
            "not set in the bot. Else: check its URL, and that GitHub can reach it."
        )
        told = f": {last['message']}" if last.get("message") else ""
        return _bad(name, f"Its last webhook was answered {code}{told}.", remedy)
    if missing:
        remedy = "Add them to the webhook, or leave it: polling finds the same, later."
        return _bad(name, f"Its webhook does not tell of {', '.join(missing)}.", remedy)
    said = f"Its last webhook was answered {code}." if code else "Its webhook is set up, and new."
    return Finding(good=True, subject=name, sentence=said)


def _bad(name: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=name, sentence=sentence, remedy=remedy)
