"""The sender's side: hands one report to a bot, with the token that the surroundings give.

Used by `release-bot evidence submit`. In GitHub Actions the job's own OIDC token is asked for.
"""

import asyncio
import os
from typing import Any
from urllib.parse import quote

import aiohttp

from bot.errors import PermanentError, TemporaryError

SECONDS = 60.0
PAUSES = (2.0, 8.0, 30.0)
"""Seconds between tries; a report that was taken already is answered as such."""

OWN_TOKEN = "RELEASE_BOT_EVIDENCE_TOKEN"  # noqa: S105 - a variable's name
JOB_URL, JOB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


async def submit(  # noqa: PLR0913 - what is sent where
    bot: str,
    service: str,
    version: str,
    query: dict[str, str],
    report: bytes,
    *,
    audience: str,
    pauses: tuple[float, ...] = PAUSES,
) -> dict[str, Any]:
    """Hand it over and give the bot's answer.

    Raises PermanentError where it is refused, TemporaryError where nobody took it at last.
    """
    about = f"{quote(service, safe='')}/{quote(version, safe='')}"
    url = f"{bot.rstrip('/')}/evidence/{about}"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        for pause in (*pauses, None):
            try:
                token = await _token(session, audience)
                return await _sent(session, url, query, token, report)
            except TemporaryError:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
    raise TemporaryError("the bot was not asked")


async def _sent(
    session: aiohttp.ClientSession, url: str, query: dict[str, str], token: str, report: bytes
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    try:
        # A redirect would carry the token to somebody else.
        async with session.post(
            url, params=query, data=report, headers=headers, allow_redirects=False
        ) as answer:
            said = await _json(answer)
            if answer.status in (200, 201):
                return said
            sentence = str(said.get("error") or f"The bot answered {answer.status}.")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryError(f"The bot at {url} does not answer.") from error
    if answer.status in (429, 500, 502, 503, 504):
        raise TemporaryError(sentence)
    raise PermanentError(sentence)


async def _json(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        found = await answer.json(content_type=None)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _token(session: aiohttp.ClientSession, audience: str) -> str:
    own = os.environ.get(OWN_TOKEN)
    if own:
        return own
    url, key = os.environ.get(JOB_URL), os.environ.get(JOB_TOKEN)
    if not url or not key:
        raise PermanentError(
            f"There is no token. Set {OWN_TOKEN}, or give the job permission id-token: write."
        )
    try:
        async with session.get(
            url, params={"audience": audience}, headers={"Authorization": f"bearer {key}"}
        ) as answer:
            said = await _json(answer)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryError("GitHub does not answer when asked for a token.") from error
    if not isinstance(said.get("value"), str):
        raise TemporaryError(f"GitHub gave no token: it answered {answer.status}.")
    return str(said["value"])
