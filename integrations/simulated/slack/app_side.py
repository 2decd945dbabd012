"""Slack's side towards the bot's app: slash commands, clicks and events, signed as Slack does.

An app that has connected by Socket Mode gets them there, any other one at its request URL.
"""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from integrations.simulated.server import Now
from integrations.simulated.slack.forms import Forms, values_of
from integrations.simulated.slack.messages import Message
from integrations.simulated.slack.sockets import Sockets
from integrations.simulated.slack.workspace import Workspace, as_object

SLOWEST = 3.0
"""Seconds after which Slack tells the person that the app did not answer."""


@dataclass(frozen=True)
class AppReply:
    """What the app answered. `status` 0: nobody listened, or it took too long."""

    status: int
    text: str
    seconds: float
    body: str = ""


class AppSide:
    """Posts to the app's request URL. `url` is set when the app listens."""

    def __init__(self, space: Workspace, now: Now, secret: str) -> None:
        self._space = space
        self._now = now
        self._secret = secret
        self._serial = 0
        self._session: aiohttp.ClientSession | None = None
        self.sockets = Sockets()
        self.forms = Forms()
        self.by_socket = False
        """Whether the app has Socket Mode switched on: then Slack asks no URL."""
        self.url = ""
        self.last: tuple[bytes, dict[str, str]] | None = None
        """Body and headers of the last request, to be sent again."""

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def slash(
        self, user: str, command: str, text: str, channel: str, *, team: str | None = None
    ) -> AppReply:
        """Send a slash command; an answer in its body is shown to that person only."""
        reply = await self._form(
            "slash_commands",
            {
                "token": "deprecated",
                "team_id": team or self._space.team,
                "team_domain": "quantivista",
                "channel_id": channel,
                "channel_name": self._space.name_of(channel),
                "user_id": user,
                "user_name": self._space.name_of(user),
                "command": command,
                "text": text,
                "api_app_id": "A1",
                "is_enterprise_install": "false",
                "response_url": "http://127.0.0.1:9/response",
                "trigger_id": self._id("trigger"),
            },
        )
        self._show(user, channel, reply)
        return reply

    async def click(self, user: str, channel: str, ts: str, action_id: str, value: str) -> AppReply:
        """Press a button of a message."""
        found = self._space.channel(channel).messages.get(ts)
        message = found or next(m for m in self._space.ephemerals if m.ts == ts)
        action = {"block_id": "b1"} | _action(message, action_id, value)
        payload = {
            "type": "block_actions",
            "user": {
                "id": user,
                "username": self._space.name_of(user),
                "team_id": self._space.team,
            },
            "api_app_id": "A1",
            "token": "deprecated",
            "container": {
                "type": "message",
                "message_ts": ts,
                "channel_id": channel,
                "is_ephemeral": message.user is not None,
            },
            "trigger_id": self.forms.trigger(user, self._id("trigger")),
            "team": {"id": self._space.team, "domain": "quantivista"},
            "channel": {"id": channel, "name": self._space.name_of(channel)},
            "message": as_object(message, with_metadata=False),
            "state": {"values": {}},
            "response_url": "http://127.0.0.1:9/response",
            "actions": [action | {"action_ts": f"{time.time():.6f}"}],
        }
        if self.by_socket:
            return await self._by_socket("interactive", payload)
        return await self._form("interactive", {"payload": json.dumps(payload)})

    async def submit(self, user: str, written: dict[str, str]) -> dict[str, str]:
        """Send the form that is open before a person; what the app finds amiss, by field."""
        view = self.forms.shown[user]
        payload = {
            "type": "view_submission",
            "team": {"id": self._space.team, "domain": "quantivista"},
            "user": {
                "id": user,
                "username": self._space.name_of(user),
                "team_id": self._space.team,
            },
            "api_app_id": "A1",
            "token": "deprecated",
            "trigger_id": self._id("trigger"),
            "view": view | {"state": {"values": values_of(view, written)}},
            "response_urls": [],
        }
        if self.by_socket:
            answer = await self.sockets.deliver("interactive", payload)
        else:
            reply = await self._form("interactive", {"payload": json.dumps(payload)})
            answer = json.loads(reply.body) if reply.body else {} if reply.status else None
        return self.forms.answered(user, answer)

    async def mention(
        self,
        user: str,
        channel: str,
        text: str,
        thread: str | None = None,
        *,
        by_app: str | None = None,
    ) -> AppReply:
        """Say something to the bot, in a thread or not; the message appears in the channel."""
        ts = self._space.next_ts(self._now())
        said = f"<@UBOT> {text.removeprefix('@releasebot').strip()}"
        message = Message(
            channel=channel,
            ts=ts,
            text=said,
            thread_ts=thread,
            author=user,
            serial=self._space.next_serial(),
        )
        self._space.channel(channel).messages[ts] = message
        event: dict[str, Any] = {
            "type": "app_mention",
            "user": user,
            "text": said,
            "ts": ts,
            "channel": channel,
            "event_ts": ts,
        }
        if thread:
            event["thread_ts"] = thread
        if by_app:
            event["bot_id"] = by_app
        body = {
            "token": "deprecated",
            "team_id": self._space.team,
            "api_app_id": "A1",
            "event": event,
            "type": "event_callback",
            "event_id": self._id("Ev"),
            "event_time": int(time.time()),
            "authorizations": [{"team_id": self._space.team, "user_id": "UBOT", "is_bot": True}],
        }
        if self.by_socket:
            return await self._by_socket("events_api", body)
        return await self.send(json.dumps(body).encode(), "application/json")

    async def _by_socket(self, kind: str, payload: dict[str, Any]) -> AppReply:
        started = time.perf_counter()
        answer = await self.sockets.deliver(kind, payload)
        took = time.perf_counter() - started
        if answer is None:
            return AppReply(0, "the app did not respond", took)
        return AppReply(200, str(answer.get("text", "")), took)

    async def again(self, *, retry: int | None = None) -> AppReply:
        """Send the last request once more: the very bytes, or with Slack's retry headers."""
        if self.last is None:
            raise RuntimeError("nothing was sent yet")
        body, headers = self.last
        extra = {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        return await self._post(body, headers | (extra if retry else {}))

    async def _form(self, kind: str, fields: dict[str, str]) -> AppReply:
        if self.by_socket:
            return await self._by_socket(kind, dict(fields))
        body = urlencode(fields).encode()
        return await self.send(body, "application/x-www-form-urlencoded")

    async def send(
        self, body: bytes, content_type: str, *, secret: str | None = None, age: float = 0.0
    ) -> AppReply:
        """Sign and post a body; another secret forges it, an age makes it stale."""
        stamp = str(int(time.time() - age))
        base = b"v0:" + stamp.encode() + b":" + body
        signature = hmac.new((secret or self._secret).encode(), base, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signature}",
        }
        self.last = (body, headers)
        return await self._post(body, headers)

    async def _post(self, body: bytes, headers: dict[str, str]) -> AppReply:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(SLOWEST)
            self._session = aiohttp.ClientSession(timeout=timeout)
        started = time.perf_counter()
        try:
            async with self._session.post(self.url, data=body, headers=headers) as answer:
                text = await answer.text()
                took = time.perf_counter() - started
                return AppReply(answer.status, _text_of(text), took, text)
        except (aiohttp.ClientError, TimeoutError):
            return AppReply(0, "the app did not respond", time.perf_counter() - started)

    def _show(self, user: str, channel: str, reply: AppReply) -> None:
        """Show what the app answered at once to the one who asked."""
        if not reply.text:
            return
        message = Message(
            channel=channel,
            ts=self._space.next_ts(self._now()),
            text=reply.text,
            user=user,
            serial=self._space.next_serial(),
        )
        self._space.ephemerals.append(message)

    def _id(self, kind: str) -> str:
        self._serial += 1
        return f"{kind}.{time.time_ns()}.{self._serial}"


def _text_of(body: str) -> str:
    try:
        parsed = json.loads(body)
    except ValueError:
        return body
    return str(parsed.get("text", "")) if isinstance(parsed, dict) else body


def _action(message: Message, action_id: str, value: str) -> dict[str, Any]:
    """Write the pressed element as Slack does: a button's value, or an overflow's option."""
    for block in message.blocks:
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            if element["action_id"] == action_id and element["type"] == "overflow":
                text = {"type": "plain_text", "text": "Details"}
                option = {"text": text, "value": value}
                return {"type": "overflow", "action_id": action_id, "selected_option": option}
            if element["action_id"] == action_id and element["type"] == "checkboxes":
                return _ticked(block, element, value)
    return {"type": "button", "action_id": action_id, "value": value}


def _ticked(block: dict[str, Any], element: dict[str, Any], value: str) -> dict[str, Any]:
    """Write what is ticked once that box was pressed: all of it, not what changed."""
    before = {option["value"] for option in element.get("initial_options", [])}
    chosen = [one for one in element["options"] if one["value"] in before ^ {value}]
    return {
        "type": "checkboxes",
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "selected_options": chosen,
    }
