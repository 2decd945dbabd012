"""Looks at Slack for `release-bot doctor`: token, team, scopes, channels, groups, Socket Mode.

Used by `chat`. Only reads, apart from the address for Socket Mode, which is asked for and not
used. Never says a token.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import time

from bot.errors import ForbiddenError, PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from integrations.dates import ahead
from integrations.slack.web import SlackWeb

SCOPES = {
    "app_mentions:read": "take commands inside a thread",
    "channels:history": "find a message whose sending was uncertain",
    "channels:read": "see whether it is in a channel",
    "channels:write.topic": "show in a channel's topic what stops releases",
    "chat:write": "post cards and answers",
    "commands": "take slash commands",
    "files:write": "attach charts, so charts are left out and the thread has words only",
    "groups:history": "find a message in a private channel whose sending was uncertain",
    "groups:read": "see whether it is in a private channel",
    "groups:write.topic": "show in a private channel's topic what stops releases",
    "usergroups:read": "know who has a role by user group",
    "users:read": "know guests and people from elsewhere, who have no rights",
}
"""Scopes of deploy/slack-manifest.yaml, and what the bot can't do without each."""

OF_TOPICS = ("channels:write.topic", "groups:write.topic")
"""Scopes that only `slack.topic` of the catalogue needs."""

AT_ONCE = 8
"""Calls beside each other: Slack takes some fifty a minute of each kind."""


@dataclass(frozen=True)
class Wanted:
    """What the settings and the catalogue say of the workspace."""

    team: str | None
    channels: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    app_token: str | None = None
    topic: bool = False


async def examine(web: SlackWeb, wanted: Wanted) -> Checkup:
    """Look at all of it. A token that doesn't work is one finding, and the rest isn't asked."""
    began = time()
    try:
        answer = await web.read(web.client(again=True).auth_test())
    except (TemporaryError, PermanentError) as error:
        return Checkup(findings=(_unknown_token(error),))
    headers = {key.lower(): value for key, value in dict(answer.headers).items()}
    off = ahead(headers.get("date"), began, time())
    found = [_good("Slack", f"Signed in to {answer['team']}."), *_team(answer["team_id"], wanted)]
    found += _scopes(headers, wanted)
    turns = asyncio.Semaphore(AT_ONCE)
    looks = await asyncio.gather(
        *(_channel(web, channel, turns) for channel in wanted.channels),
        _groups(web, wanted.usergroups),
        _socket(web, wanted.app_token),
    )
    found += [finding for look in looks for finding in look]
    return Checkup(findings=tuple(found), ahead=off)


def _unknown_token(error: Exception) -> Finding:
    if isinstance(error, TemporaryError):
        remedy = "Check SLACK_API_URL and the network: slack.com must be reachable by HTTPS."
    else:
        remedy = "Set SLACK_BOT_TOKEN to the app's bot token (xoxb-…)."
    return _bad("Slack", _said(error), remedy)


def _team(team: str, wanted: Wanted) -> list[Finding]:
    if wanted.team in (None, team):
        return []
    sentence = f"The token is for {team}, the catalogue names {wanted.team}."
    return [_bad("Slack", sentence, "Install the app there, or change slack.team.")]


def _scopes(headers: Mapping[str, str], wanted: Wanted) -> list[Finding]:
    given = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    asked = {s: what for s, what in SCOPES.items() if wanted.topic or s not in OF_TOPICS}
    missing = {scope: what for scope, what in asked.items() if scope not in given}
    remedy = "Add it to the app (deploy/slack-manifest.yaml has it) and install the app again."
    bad = [
        _bad("Slack scopes", f"{scope} is missing: without it the bot can't {what}.", remedy)
        for scope, what in missing.items()
    ]
    return bad or [_good("Slack scopes", f"All {len(asked)} are there.")]


async def _channel(web: SlackWeb, channel: str, turns: asyncio.Semaphore) -> list[Finding]:
    subject = f"Slack channel {channel}"
    try:
        async with turns:
            call = web.client(again=True).conversations_info(channel=channel)
            info = (await web.read(call))["channel"]
    except TemporaryError as error:
        return [_bad(subject, _said(error), "Run this again in a minute.")]
    except ForbiddenError as error:
        return [_bad(subject, f"It can't be read: {_said(error)}", "Give the app its scopes.")]
    except PermanentError as error:
        remedy = "Check the id in the catalogue; a private channel is seen once the bot is in it."
        return [_bad(subject, _said(error), remedy)]
    name = f"#{info['name']}"
    if info.get("is_archived"):
        return [_bad(subject, f"{name} is archived.", "Name another one in the catalogue.")]
    if not info.get("is_member"):
        return [_bad(subject, f"The bot is not in {name}.", "Say /invite @releasebot there.")]
    return [_good(subject, f"The bot is in {name}.")]


async def _groups(web: SlackWeb, wanted: Iterable[str]) -> list[Finding]:
    """Look whether the groups that hold roles are there: an absent one lets nobody approve."""
    names = tuple(dict.fromkeys(wanted))
    if not names:
        return []
    try:
        call = web.client(again=True).usergroups_list(include_disabled=False)
        there = {group["id"] for group in (await web.read(call))["usergroups"]}
    except (TemporaryError, PermanentError) as error:
        remedy = "Give the app the scope usergroups:read; roles by user group are closed without."
        return [_bad("Slack user groups", f"They can't be read: {_said(error)}", remedy)]
    remedy = "Mend its id in the catalogue's roles or owners, or enable the group in Slack."
    bad = [
        _bad("Slack user groups", f"There is no group {name}, so nobody is in it.", remedy)
        for name in names
        if name not in there
    ]
    return bad or [_good("Slack user groups", f"{len(names)} of {len(names)} are there.")]


async def _socket(web: SlackWeb, token: str | None) -> list[Finding]:
    """Ask for an address to connect to, and leave it unused: it lapses by itself."""
    if token is None:
        return []
    try:
        await web.read(web.client(again=True).apps_connections_open(app_token=token))
    except TemporaryError as error:
        return [_bad("Slack Socket Mode", _said(error), "Run this again in a minute.")]
    except PermanentError as error:
        remedy = (
            "Set SLACK_APP_TOKEN to an app-level token (xapp-…) with the scope connections:write, "
            "and switch Socket Mode on in the app."
        )
        return [_bad("Slack Socket Mode", f"No connection can be opened: {_said(error)}", remedy)]
    return [_good("Slack Socket Mode", "Connections can be opened.")]


def _said(error: Exception) -> str:
    """Write an error as a sentence, without the advice to ask the doctor."""
    return str(error).removesuffix(". `release-bot doctor` says more") + "."


def _good(subject: str, sentence: str) -> Finding:
    return Finding(good=True, subject=subject, sentence=sentence)


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
