"""Receives commands, mentions and clicks over HTTP: checks, parses, stores, acknowledges.

A listener only makes an `Invocation` and hands it to the intake; the work comes after the ack.
With `process_before_response` Bolt answers when the listener returns, in well under 1 ms.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.ports import Intake, Invocation

log = structlog.get_logger()

LARGEST = 2**20
"""Bytes of a request body; Slack's own payloads stay far below."""

OPEN_SECONDS = 2.0
"""How long Slack may take to open a form: it waits 3 s for our answer meanwhile."""

_STAMP = re.compile(r"\d{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_MENTION = re.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>\s*")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
QUIET_SECONDS = 60.0
"""How long a refusal of the same kind is not logged again."""

SHAPE_ERRORS = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What reading a body raises that is not as Slack documents it."""

Ack = Callable[..., Awaitable[Any]]
Command = Literal["release", "env", "scan"]


class SlackReceiver:
    """Bolt's app for one workspace. `commands`: slash commands by the names that they have here."""

    def __init__(
        self,
        intake: Intake,
        *,
        signing_secret: str,
        token: str,
        team: str | None,
        base_url: str,
        commands: Mapping[str, Command],
    ) -> None:
        self._intake = intake
        self._team = team
        self._bot_user: str | None = None
        self._logged: dict[str, float] = {}
        self._app = AsyncApp(
            # Without a name Bolt reads the source of every frame above it to find one.
            name="release-bot",
            signing_secret=signing_secret,
            client=AsyncWebClient(token=token, base_url=base_url.rstrip("/") + "/"),
            process_before_response=True,
            authorize=self._authorized(token, team),
            logger=None,
        )
        self._app.error(self._malformed)
        self._listen(commands)

    @property
    def bolt(self) -> AsyncApp:
        """The Bolt app: Socket Mode hands it what comes in by another way."""
        return self._app

    def knows_itself(self, bot_user: str) -> None:
        """Take the bot's own user id, once Slack has said it."""
        self._bot_user = bot_user

    def _authorized(
        self, token: str, team: str | None
    ) -> Callable[..., Awaitable[AuthorizeResult]]:
        async def authorize(**_: Any) -> AuthorizeResult:
            # Bolt's own way asks Slack on the first request: a slow Slack would make it late.
            return AuthorizeResult(
                enterprise_id=None,
                team_id=team,
                bot_token=token,
                bot_id="",
                bot_user_id=self._bot_user or "",
            )

        return authorize

    def _listen(self, commands: Mapping[str, Command]) -> None:
        app = self._app
        for name, command in commands.items():
            app.command(name)(self._command(command))
        app.command(re.compile(r"^/"))(self._other_command)
        app.action(re.compile(r"^(release|env):"))(self._click)
        app.action(re.compile(r".*"))(_nothing)
        app.event("app_mention")(self._mention)
        app.event(re.compile(r".*"))(_nothing)
        app.view(re.compile(r"^release:"))(self._submitted)
        app.view(re.compile(r".*"))(_nothing)
        app.shortcut(re.compile(r".*"))(_nothing)
        app.options(re.compile(r".*"))(_nothing)

    def _command(self, command: Command) -> Callable[[Ack, dict[str, Any]], Awaitable[None]]:
        async def listen(ack: Ack, body: dict[str, Any]) -> None:
            await self._said(ack, body, command)

        return listen

    async def _said(self, ack: Ack, body: dict[str, Any], command: Command) -> None:
        if self._foreign(body.get("team_id")):
            await ack(text="This bot serves another workspace.")
            return
        invocation = _made(
            key=body["trigger_id"],
            kind="command",
            user=body["user_id"],
            channel=body["channel_id"],
            team=body["team_id"],
            command=command,
            words=body.get("text") or "",
        )
        await self._accept(ack, invocation)

    async def _other_command(self, ack: Ack, body: dict[str, Any]) -> None:
        name = body.get("command")
        await ack(
            text=f"The bot has no command {name}. It listens to `/release`, `/env` and `/scan`; "
            "`/release help` lists what they do."
        )

    async def _click(self, ack: Ack, body: dict[str, Any]) -> None:
        team = (body.get("team") or {}).get("id") or body["user"].get("team_id")
        if self._foreign(team):
            await ack()
            return
        action = body["actions"][0]
        container, message = body.get("container") or {}, body.get("message") or {}
        invocation = _made(
            key=body["trigger_id"],
            kind="click",
            user=body["user"]["id"],
            channel=(body.get("channel") or {}).get("id") or container.get("channel_id") or "",
            team=team or "",
            action=action["action_id"],
            value=_value(action),
            message_ts=container.get("message_ts"),
            thread=message.get("thread_ts"),
        )
        form = self._intake.form(invocation)
        if form is not None and await self._opened(invocation.key, form):
            await ack()
            return
        await self._accept(ack, invocation)

    async def _opened(self, trigger: str, form: dict[str, Any]) -> bool:
        """Open a form at once: its trigger lives 3 s. False: Slack did not, or not in time."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._app.client.views_open(trigger_id=trigger, view=form)
        except (SlackApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            self._warn(200, f"a form was not opened ({type(error).__name__})")
            return False
        return True

    async def _submitted(self, ack: Ack, body: dict[str, Any]) -> None:
        """Take what was written in a form. What is wrong with it is shown at its field."""
        view, user = body["view"], body["user"]
        team = (body.get("team") or {}).get("id") or user.get("team_id")
        if self._foreign(team):
            await ack()
            return
        value, _, channel = view["private_metadata"].rpartition(":")
        (field, written), *_ = _written(view["state"]["values"])
        invocation = _made(
            # The same form sent twice is one answer.
            key=view["id"],
            kind="form",
            user=user["id"],
            channel=channel,
            team=team or "",
            action=view["callback_id"],
            value=value,
            words=written,
        )
        reply = await self._intake.accept(invocation)
        if reply.amiss is None:
            await ack()
        else:
            await ack(response_action="errors", errors={field: reply.amiss})

    async def _mention(self, ack: Ack, body: dict[str, Any]) -> None:
        event = body["event"]
        if self._foreign(body.get("team_id")) or not event.get("user"):
            await ack()
            return
        invocation = _made(
            key=body["event_id"],
            kind="mention",
            user=event["user"],
            channel=event["channel"],
            team=body.get("team_id") or "",
            words=_MENTION.sub("", event.get("text") or ""),
            thread=event.get("thread_ts") or event.get("ts"),
            by_app=bool(event.get("bot_id")),
        )
        await self._accept(ack, invocation)

    def _foreign(self, team: str | None) -> bool:
        return self._team is not None and team is not None and team != self._team

    async def _malformed(self, error: Exception) -> BoltResponse:
        """Refuse a body that was signed and still has not the shape that Slack documents."""
        if not isinstance(error, SHAPE_ERRORS):
            raise error
        self._warn(400, f"the body has no known shape ({type(error).__name__})")
        return BoltResponse(status=400, body='{"error": "the body has no known shape"}')

    async def _accept(self, ack: Ack, invocation: Invocation) -> None:
        reply = await self._intake.accept(invocation)
        if reply.text is not None and invocation.kind == "command":
            await ack(text=reply.text)
        else:
            await ack()

    # HTTP.

    def route(self) -> web.RouteDef:
        """The route for every request of Slack's."""
        return web.post("/slack/events", self._receive)

    async def _receive(self, request: web.Request) -> web.Response:
        wrong = self._wrong_headers(request)
        if wrong is not None:
            return self._refuse(401, wrong)
        if (request.content_length or 0) > LARGEST:
            return self._refuse(413, "the body is over 1 MB")
        raw = await _limited(request)
        if raw is None:
            return self._refuse(413, "the body is over 1 MB")
        try:
            body = raw.decode()
        except UnicodeDecodeError:
            return self._refuse(400, "the body is not UTF-8")
        return await self._dispatch(request, body)

    async def _dispatch(self, request: web.Request, body: str) -> web.Response:
        headers: dict[str, str | Sequence[str]] = dict(request.headers.items())
        try:
            sent = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)
            answer = await self._app.async_dispatch(sent)
        except SHAPE_ERRORS as error:
            return self._refuse(400, f"the body has no known shape ({type(error).__name__})")
        if answer.status == 401:  # noqa: PLR2004 - HTTP
            return self._refuse(401, "the signature is wrong or too old")
        if answer.status == 404:  # noqa: PLR2004 - HTTP
            # Nothing here listens for it; Slack would send it again.
            return web.Response(status=200)
        kind = answer.first_headers_without_set_cookie().get("content-type", "text/plain")
        return web.Response(status=answer.status, text=answer.body, content_type=kind.split(";")[0])

    def _wrong_headers(self, request: web.Request) -> str | None:
        """Check the form of the headers first: Bolt answers 500 to what it does not expect."""
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not _STAMP.fullmatch(stamp):
            return "there is no valid time stamp"
        return None if _SIGNATURE.fullmatch(signature) else "there is no valid signature"

    def _refuse(self, status: int, why: str) -> web.Response:
        self._warn(status, why)
        return web.json_response({"error": why}, status=status)

    def _warn(self, status: int, why: str) -> None:
        now = monotonic()
        if now - self._logged.get(why, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._logged[why] = now
            log.warning("slack_request_refused", status=status, why=why)


def _made(**fields: Any) -> Invocation:
    """Make an invocation of what any database can hold and UTF-8 can say.

    PostgreSQL takes no zero byte, and half a surrogate pair, which JSON can escape, has no bytes.
    """
    fit = {
        name: _UNFIT.sub("\ufffd", one) if isinstance(one, str) else one
        for name, one in fields.items()
    }
    return Invocation.model_validate(fit)


def _value(action: dict[str, Any]) -> str:
    """Read what an element carries. Boxes carry nothing of their own: their row's id does."""
    if action.get("type") == "checkboxes":
        row = action["block_id"].removeprefix(f"{action['action_id']}:")
        chosen = ".".join(option["value"] for option in action.get("selected_options") or ())
        return f"{row}:{chosen}"
    return action.get("value") or (action.get("selected_option") or {}).get("value") or ""


def _written(values: dict[str, dict[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """List a form's fields with what was written in each."""
    return [
        (block, element.get("value") or "")
        for block, elements in values.items()
        for element in elements.values()
    ]


async def _nothing(ack: Ack) -> None:
    await ack()


async def _limited(request: web.Request) -> bytes | None:
    """Read the body, but not more than is allowed."""
    parts, size = [], 0
    async for part in request.content.iter_chunked(2**16):
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)
