"""The Web API that the bot calls, and the small `/_client` API for the terminal."""

import json
from html import escape
from typing import Any

from aiohttp import web

from integrations.simulated.server import Now, SimulatedServer, Sleep
from integrations.simulated.slack.app_side import AppSide
from integrations.simulated.slack.files import Uploads
from integrations.simulated.slack.limits import Rates, SlackError, check_blocks
from integrations.simulated.slack.messages import Message
from integrations.simulated.slack.workspace import Channel, User, Workspace, as_object

SCOPES = (
    *("app_mentions:read", "channels:history", "channels:read", "channels:write.topic"),
    *("chat:write", "commands", "files:write", "groups:history", "groups:read"),
    *("groups:write.topic", "usergroups:read", "users:read"),
)

LONGEST_TOPIC = 250

NEEDED = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.info": "channels:read",
    "conversations.setTopic": "channels:write.topic",
    "files.completeUploadExternal": "files:write",
    "files.getUploadURLExternal": "files:write",
    "users.info": "users:read",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
}
"""The scope that each method asks for."""


class SimulatedSlack(SimulatedServer):
    """slack.com on loopback. `app` is Slack's side towards the bot: it signs and posts."""

    def __init__(
        self,
        now: Now,
        sleep: Sleep,
        *,
        signing_secret: str,
        bot_token: str = "xoxb-simulated",
        app_token: str = "xapp-simulated",
        team: str = "T123",
    ) -> None:
        super().__init__(now, sleep)
        self.token = bot_token
        self.app_token = app_token
        self.space = Workspace(team)
        self.rates = Rates()
        self.uploads = Uploads()
        self.app = AppSide(self.space, now, signing_secret)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.scopes = set(SCOPES)
        """What the app was given when it was installed."""
        self.upload_url = ""
        """Where files are to be sent, if that is to be anywhere else than here."""
        self.socket_mode = True
        """Whether the app has Socket Mode switched on."""

    def add_user(self, user_id: str, name: str, *, guest: bool = False) -> None:
        """Add a person."""
        self.space.users[user_id] = User(user_id, name, guest=guest)

    def add_channel(self, channel_id: str, name: str) -> None:
        """Add a channel that the bot is in."""
        self.space.channels[channel_id] = Channel(channel_id, name)

    def add_group(self, group_id: str, users: list[str]) -> None:
        """Add a user group."""
        self.space.groups[group_id] = users

    def routes(self) -> list[web.RouteDef]:
        """The API's methods, and the terminal's."""
        return [
            web.post("/api/{method}", self._method),
            web.get("/api/{method}", self._method),
            web.post("/upload/v1/{ticket}", self.uploads.take),
            web.get("/_socket", self.app.sockets.handle),
            web.get("/_client/news", self._news),
            web.post("/_client/say", self._say),
            web.post("/_client/click", self._click),
            web.post("/_client/submit", self._submit),
        ]

    async def _method(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        if method == "apps.connections.open":
            return self._open_connection(given)
        if given != self.token:
            return web.json_response({"ok": False, "error": "invalid_auth"}, headers=headers)
        args = await _arguments(request)
        self.calls.append((method, args))
        needed = NEEDED.get(method)
        if needed is not None and needed not in self.scopes:
            body = {"ok": False, "error": "missing_scope", "needed": needed}
            return web.json_response(body, headers=headers)
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if handler is None:
            return web.json_response({"ok": False, "error": "unknown_method"}, headers=headers)
        try:
            answer = handler(args)
        except SlackError as error:
            body = {"ok": False, "error": error.error}
            if error.detail:
                body["response_metadata"] = {"messages": [f"[ERROR] {error.detail}"]}
            return web.json_response(body, headers=headers)
        except KeyError as error:
            body = {"ok": False, "error": "invalid_arguments", "missing": str(error)}
            return web.json_response(body, headers=headers)
        if isinstance(answer, float):
            body = {"ok": False, "error": "ratelimited"}
            late = {"Retry-After": str(int(answer + 0.999))}
            return web.json_response(body, status=429, headers=headers | late)
        return web.json_response({"ok": True, **answer}, headers=headers)

    def _open_connection(self, given: str) -> web.Response:
        """Socket Mode: give an app that shows its app-level token an address to connect to."""
        self.calls.append(("apps.connections.open", {}))
        if given != self.app_token or not self.socket_mode:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        ticket = self.app.sockets.ticket()
        url = self.url.replace("http://", "ws://")
        return web.json_response({"ok": True, "url": f"{url}/_socket?ticket={ticket}"})

    def _auth_test(self, _args: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": "https://simulated.slack.example/",
            "team": "QuantiVista",
            "team_id": self.space.team,
            "user": "releasebot",
            "user_id": "UBOT",
            "bot_id": "B1",
        }

    def _chat_postMessage(self, args: dict[str, Any]) -> dict[str, Any] | float:  # noqa: N802 - Slack's name
        channel = self.space.channel(args["channel"], to_write=True)
        check_blocks(args.get("blocks") or [])
        wait = self.rates.post(channel.id, self.now())
        if wait is not None:
            return wait
        ts = self.space.next_ts(self.now())
        message = self._message(args, ts)
        channel.messages[ts] = message
        shown = as_object(message, with_metadata=True)
        return {"channel": channel.id, "ts": ts, "message": shown}

    def _message(self, args: dict[str, Any], ts: str) -> Message:
        return Message(
            channel=args["channel"],
            ts=ts,
            text=args.get("text") or "",
            blocks=args.get("blocks") or [],
            metadata=args.get("metadata"),
            thread_ts=args.get("thread_ts"),
            serial=self.space.next_serial(),
        )

    def _chat_update(self, args: dict[str, Any]) -> dict[str, Any] | float:
        message = self.space.message(args["channel"], args["ts"])
        if message.author != "bot":
            raise SlackError("cant_update_message")
        check_blocks(args.get("blocks") or [])
        wait = self.rates.update(self.now())
        if wait is not None:
            return wait
        message.history.append(message.text)
        message.text = args.get("text") or ""
        message.blocks = args.get("blocks") or []
        message.metadata = args.get("metadata") or message.metadata
        message.edited = True
        message.serial = self.space.next_serial()
        return {"channel": message.channel, "ts": message.ts, "text": message.text}

    def _chat_postEphemeral(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        channel = self.space.channel(args["channel"], to_write=True)
        check_blocks(args.get("blocks") or [])
        if args["user"] not in self.space.users:
            raise SlackError("user_not_in_channel")
        ts = self.space.next_ts(self.now())
        message = self._message(args | {"channel": channel.id}, ts)
        message.user = args["user"]
        self.space.ephemerals.append(message)
        return {"message_ts": ts}

    def _files_getUploadURLExternal(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        return self.uploads.begin(args, self.upload_url or self.url)

    def _files_completeUploadExternal(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        channel = self.space.channel(args["channel_id"], to_write=True)
        thread = args.get("thread_ts")
        if thread is not None and thread not in channel.messages:
            raise SlackError("thread_not_found")
        files = self.uploads.complete(args["files"])
        ts = self.space.next_ts(self.now())
        said = {"channel": channel.id, "text": args.get("initial_comment"), "thread_ts": thread}
        message = self._message(said, ts)
        message.files = files
        channel.messages[ts] = message
        return {"files": [{"id": file.id, "title": file.title} for file in files]}

    def _views_open(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"view": self.app.forms.open(args["trigger_id"], args["view"])}

    def _conversations_history(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._listed(list(reversed(self.space.roots(args["channel"]))), args)

    def _conversations_replies(self, args: dict[str, Any]) -> dict[str, Any]:
        root = self.space.message(args["channel"], args["ts"])
        oldest = float(args.get("oldest") or 0)
        replies = self.space.replies(args["channel"], args["ts"])
        return self._listed([root, *(m for m in replies if float(m.ts) > oldest)], args)

    def _listed(self, found: list[Message], args: dict[str, Any]) -> dict[str, Any]:
        limit = int(args.get("limit", 100))
        whole = str(args.get("include_all_metadata", "")).lower() in ("true", "1")
        rows = [as_object(m, with_metadata=whole) for m in found[:limit]]
        return {"messages": rows, "has_more": len(found) > limit}

    def _conversations_info(self, args: dict[str, Any]) -> dict[str, Any]:
        channel = self.space.channel(args["channel"])
        fields = {"id": channel.id, "name": channel.name, "is_archived": channel.archived}
        topic = {"value": escape(channel.topic, quote=False), "creator": "UBOT", "last_set": 0}
        return {"channel": fields | {"is_member": channel.member, "topic": topic}}

    def _conversations_setTopic(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Slack's name
        channel = self.space.channel(args["channel"], to_write=True)
        if len(args["topic"]) > LONGEST_TOPIC:
            raise SlackError("too_long")
        channel.topic = args["topic"]
        return {"channel": {"id": channel.id, "topic": {"value": args["topic"]}}}

    def _users_info(self, args: dict[str, Any]) -> dict[str, Any]:
        user = self.space.users.get(args["user"])
        if user is None:
            raise SlackError("user_not_found")
        fields = {
            "id": user.id,
            "name": user.name,
            "tz": user.tz,
            "team_id": user.team or self.space.team,
            "deleted": False,
            "is_bot": False,
            "is_restricted": user.guest,
            "is_ultra_restricted": False,
        }
        return {"user": fields}

    def _usergroups_users_list(self, args: dict[str, Any]) -> dict[str, Any] | float:
        wait = self.rates.group(self.now())
        if wait is not None:
            return wait
        if args["usergroup"] not in self.space.groups:
            raise SlackError("no_such_subteam")
        return {"users": self.space.groups[args["usergroup"]]}

    def _usergroups_list(self, _args: dict[str, Any]) -> dict[str, Any]:
        return {"usergroups": [{"id": name, "handle": name} for name in self.space.groups]}

    # What the terminal asks.

    async def _news(self, request: web.Request) -> web.Response:
        """Give what is newer than a serial number, in order."""
        after = int(request.query.get("after", "0"))
        rows = [m for c in self.space.channels.values() for m in c.messages.values()]
        rows += self.space.ephemerals
        fresh = sorted((m for m in rows if m.serial > after), key=lambda m: m.serial)
        shown = [_for_client(m, self.space) for m in fresh]
        return web.json_response({"serial": self.space.serial, "messages": shown})

    async def _say(self, request: web.Request) -> web.Response:
        args = await request.json()
        if args["text"].startswith("/"):
            command, _, words = args["text"].partition(" ")
            reply = await self.app.slash(args["user"], command, words, args["channel"])
        else:
            reply = await self.app.mention(
                args["user"], args["channel"], args["text"], args.get("thread")
            )
        return web.json_response({"status": reply.status, "text": reply.text})

    async def _click(self, request: web.Request) -> web.Response:
        args = await request.json()
        # Who clicks elsewhere has left the form that was open before them.
        self.app.forms.shown.pop(args["user"], None)
        reply = await self.app.click(
            args["user"], args["channel"], args["ts"], args["action_id"], args["value"]
        )
        form = self.app.forms.asks(args["user"])
        return web.json_response({"status": reply.status, "text": reply.text, "form": form})

    async def _submit(self, request: web.Request) -> web.Response:
        args = await request.json()
        errors = await self.app.submit(args["user"], args["written"])
        return web.json_response({"status": 200, "errors": errors})


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Read arguments as JSON or as a form, whose structured fields are JSON inside."""
    if request.content_type == "application/json":
        body: dict[str, Any] = await request.json()
        return body
    args: dict[str, Any] = dict(request.query) | dict(await request.post())
    for key in ("blocks", "metadata", "view"):
        if isinstance(args.get(key), str):
            args[key] = json.loads(args[key])
    return args


def _for_client(message: Message, space: Workspace) -> dict[str, Any]:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "thread_ts": message.thread_ts,
        "user": message.user,
        "edited": message.edited,
        "serial": message.serial,
        "text": message.rendered(space.name_of),
        "buttons": [
            {"label": b.label, "action_id": b.action_id, "value": b.value, "confirm": b.confirm}
            for b in message.buttons()
        ],
    }
