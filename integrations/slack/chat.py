"""`SlackChat`: the `Chat` port. Posts, finds, updates, whispers; says who belongs to what."""

from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.errors import MissingError, PermanentError, TemporaryError
from bot.ports import Clock, Finding, Message
from integrations.slack import blocks
from integrations.slack.web import SlackWeb

log = structlog.get_logger()

EVENT_TYPE = "release_bot"
GROUP_FRESH = timedelta(seconds=60)
GROUP_STALE = timedelta(hours=1)
PERSON_FRESH = timedelta(minutes=5)
LOOK_BACK = 100
"""Messages that are searched for one of ours."""

SCOPES = (
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "groups:history",
    "usergroups:read",
    "users:read",
)


class SlackChat:
    """The workspace. `team`: its id, if the catalogue names it; others are outsiders."""

    def __init__(
        self, token: str, clock: Clock, *, base_url: str, team: str | None, seconds: float = 10.0
    ) -> None:
        self._web = SlackWeb(token, base_url, seconds)
        self._clock = clock
        self._team = team
        self._groups: dict[str, tuple[tuple[str, ...], datetime]] = {}
        self._outsiders: dict[str, tuple[bool, datetime]] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._web.close()

    async def auth(self) -> dict[str, str]:
        """Ask who the bot is: `team_id`, `user_id`, `bot_id`."""
        found = await self._web.read(self._web.client(again=True).auth_test())
        return {key: found[key] for key in ("team_id", "user_id", "bot_id")}

    def _content(self, message: Message) -> dict[str, Any]:
        content: dict[str, Any] = {"text": message.text[:40000]}
        shown = blocks.fitted(message.blocks)
        wrong = blocks.problem(shown)
        if wrong is not None:
            # The words must arrive all the same; the shape is our fault, and logged as such.
            log.error("blocks_invalid", problem=wrong, key=message.key)
        elif shown:
            content["blocks"] = shown
        return content

    def _metadata(self, message: Message) -> dict[str, Any]:
        payload = {"key": message.key or "", "reason": message.reason or ""}
        return {"metadata": {"event_type": EVENT_TYPE, "event_payload": payload}}

    async def post(self, channel: str, message: Message, thread: str | None = None) -> str:
        """Post once: a lost answer is the caller's to look for."""
        call = self._web.client(again=False).chat_postMessage(
            channel=channel,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            **self._content(message),
            **self._metadata(message),
        )
        answer = await self._web.read(call, write=True)
        return str(answer["ts"])

    async def find(self, channel: str, key: str, thread: str | None = None) -> str | None:
        """Find a message of ours by its key."""
        api = self._web.client(again=True)
        if thread is None:
            call = api.conversations_history(
                channel=channel, limit=LOOK_BACK, include_all_metadata=True
            )
        else:
            call = api.conversations_replies(
                channel=channel, ts=thread, limit=LOOK_BACK, include_all_metadata=True
            )
        answer = await self._web.read(call)
        for row in answer["messages"]:
            metadata = row.get("metadata") or {}
            payload = metadata.get("event_payload") or {}
            if metadata.get("event_type") == EVENT_TYPE and payload.get("key") == key:
                return str(row["ts"])
        return None

    async def update(self, channel: str, ts: str, message: Message) -> None:
        """Replace a message; the same content twice does no harm, so lost answers are repeated."""
        call = self._web.client(again=True).chat_update(
            channel=channel, ts=ts, **self._content(message), **self._metadata(message)
        )
        await self._web.read(call)

    async def whisper(
        self, channel: str, user: str, message: Message, thread: str | None = None
    ) -> None:
        """Show a message to one person only."""
        call = self._web.client(again=False).chat_postEphemeral(
            channel=channel, user=user, thread_ts=thread, **self._content(message)
        )
        await self._web.read(call)

    async def members(self, usergroup: str) -> tuple[tuple[str, ...], datetime]:
        """List a group's members; from a copy of up to an hour where Slack doesn't answer."""
        now = self._clock.now()
        known = self._groups.get(usergroup)
        if known is not None and now - known[1] < GROUP_FRESH:
            return known
        try:
            call = self._web.client(again=True).usergroups_users_list(usergroup=usergroup)
            answer = await self._web.read(call)
        except (TemporaryError, PermanentError) as error:
            if known is not None and now - known[1] < GROUP_STALE:
                return known
            why = f"user group {usergroup} can't be read: {error}"
            raise TemporaryError(why, 30.0) from error
        self._groups[usergroup] = (tuple(answer["users"]), now)
        return self._groups[usergroup]

    async def is_outsider(self, user: str) -> bool:
        """Whether somebody is a guest, a bot, gone, or of another workspace."""
        now = self._clock.now()
        known = self._outsiders.get(user)
        if known is not None and now - known[1] < PERSON_FRESH:
            return known[0]
        try:
            answer = await self._web.read(self._web.client(again=True).users_info(user=user))
        except MissingError:
            return True
        except PermanentError as error:
            raise TemporaryError(f"Slack doesn't say who {user} is: {error}", 30.0) from error
        self._outsiders[user] = (self._outside(answer["user"]), now)
        return self._outsiders[user][0]

    def _outside(self, user: dict[str, Any]) -> bool:
        flags = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")
        other = self._team is not None and user.get("team_id") not in (None, self._team)
        return other or any(user.get(flag) for flag in flags)

    async def check(self, channels: tuple[str, ...]) -> list[Finding]:
        """Look at token, team, scopes and channels, for `doctor`."""
        try:
            answer = await self._web.read(self._web.client(again=True).auth_test())
        except (TemporaryError, PermanentError) as error:
            remedy = "Set SLACK_BOT_TOKEN to the app's bot token (xoxb-…)."
            return [Finding(good=False, subject="Slack", sentence=f"{error}", remedy=remedy)]
        found = [Finding(good=True, subject="Slack", sentence=f"Signed in to {answer['team']}.")]
        if self._team is not None and answer["team_id"] != self._team:
            found.append(
                _bad(
                    f"The token is for {answer['team_id']}, the catalogue names {self._team}.",
                    "Install the app there, or change slack.team.",
                )
            )
        found += _scopes(dict(answer.headers))
        for channel in channels:
            found += await self._check_channel(channel)
        return found

    async def _check_channel(self, channel: str) -> list[Finding]:
        try:
            call = self._web.client(again=True).conversations_info(channel=channel)
            info = (await self._web.read(call))["channel"]
        except (TemporaryError, PermanentError) as error:
            return [_bad(f"Channel {channel}: {error}", "Check the id in slack.channels.")]
        if not info.get("is_member"):
            return [_bad(f"The bot is not in #{info['name']}.", "Say /invite @releasebot there.")]
        return []


def _scopes(headers: dict[str, str]) -> list[Finding]:
    given = {key.lower(): value for key, value in headers.items()}.get("x-oauth-scopes", "")
    missing = sorted(set(SCOPES) - {scope.strip() for scope in given.split(",")})
    if not missing:
        return []
    remedy = "Add them to the app (deploy/slack-manifest.yaml has them) and install it again."
    return [_bad(f"Scopes are missing: {', '.join(missing)}.", remedy)]


def _bad(sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject="Slack", sentence=sentence, remedy=remedy)
