"""`SlackChat`: the `Chat` port. Posts, finds, updates, attaches; says who belongs to what."""

from datetime import datetime, timedelta
from html import unescape
from typing import Any

import structlog

from bot.errors import MissingError, PermanentError, TemporaryError
from bot.ports import Checkup, Clock, Message, Still
from integrations.calls import Told, untold
from integrations.slack import blocks, files
from integrations.slack.doctor import Wanted, examine
from integrations.slack.web import SlackWeb, sent_only_if

log = structlog.get_logger()

EVENT_TYPE = "release_bot"
GROUP_FRESH = timedelta(seconds=60)
GROUP_STALE = timedelta(hours=1)
PERSON_FRESH = timedelta(minutes=5)
LOOK_BACK = 100
"""Messages that are searched for one of ours."""


class SlackChat:
    """The workspace. `team`: its id, if the catalogue names it; others are outsiders."""

    def __init__(
        self,
        token: str,
        clock: Clock,
        *,
        base_url: str,
        team: str | None,
        seconds: float = 10.0,
        told: Told = untold,
    ) -> None:
        self._web = SlackWeb(token, base_url, seconds, told)
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

    async def post(
        self, channel: str, message: Message, thread: str | None = None, still: Still | None = None
    ) -> str:
        """Post once: a lost answer is the caller's to look for."""
        call = self._web.client(again=False).chat_postMessage(
            channel=channel,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            **self._content(message),
            **self._metadata(message),
        )
        with sent_only_if(still):
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

    async def attach(
        self,
        channel: str,
        thread: str,
        name: str,
        png: bytes,
        text: str,
        still: Still | None = None,
    ) -> None:
        """Show a picture once: a lost answer is the caller's to look for."""
        await files.upload(self._web, files.Place(channel, thread), name, png, text, still)

    async def attached(self, channel: str, thread: str, name: str, since: datetime) -> bool:
        """Look for a picture by its name."""
        return await files.is_there(self._web, files.Place(channel, thread), name, since)

    async def topic(self, channel: str) -> str:
        """Read a topic, as whoever wrote it typed it."""
        answer = await self._web.read(
            self._web.client(again=True).conversations_info(channel=channel)
        )
        return unescape(str((answer["channel"].get("topic") or {}).get("value") or ""))

    async def set_topic(self, channel: str, text: str) -> None:
        """Replace a topic; the same one twice does no harm."""
        call = self._web.client(again=True).conversations_setTopic(channel=channel, topic=text)
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

    async def check(
        self,
        channels: tuple[str, ...],
        usergroups: tuple[str, ...] = (),
        app_token: str | None = None,
        *,
        topic: bool = False,
    ) -> Checkup:
        """Look at token, team, scopes, channels, groups and Socket Mode, for `doctor`."""
        return await examine(self._web, Wanted(self._team, channels, usergroups, app_token, topic))
