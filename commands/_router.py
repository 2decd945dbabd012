"""From an invocation to the handler of its verb. `app` hands `Router.handle` to the inbox."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import commands
from bot.domain.catalog import Catalog
from bot.domain.emergency import channels
from bot.domain.reasons import Reason
from bot.domain.requests import Asker
from bot.engine.decisions import Decisions
from bot.engine.environments import Environments
from bot.engine.halting import Halting
from bot.engine.inbox import Answer
from bot.engine.lending import Lending
from bot.engine.locking import Locking
from bot.engine.pod_logs import PodLines
from bot.engine.queries import Queries
from bot.engine.reviewing import Reviewing
from bot.engine.stops import Stops
from bot.engine.surveys import Surveyor
from bot.engine.world import World
from bot.errors import UserError
from bot.ports import Invocation
from commands import env
from commands._clicks import handle_click, parse_click
from commands._context import Context
from commands._grammar import Words, closest, take_apart

Handler = Callable[[Any, Context], Awaitable[Answer]]
"""A verb's own `handle`, which takes what its `parse` made."""

DEFAULT = "release"
NOT_BUILT = ("train", "diff")
"""Verbs that are planned and refused in words until they are built."""


def discover() -> dict[str, ModuleType]:
    """Find the verbs: each file here whose name has no underscore in front."""
    names = [m.name for m in pkgutil.iter_modules(commands.__path__) if m.name[0] != "_"]
    modules = [importlib.import_module(f"commands.{name}") for name in names]
    ordered = sorted(modules, key=lambda m: (m.VERB != DEFAULT, m.VERB))
    return {module.VERB: module for module in ordered}


class Router:
    """Reads what was said and lets the verb's own file answer it."""

    def __init__(self, world: World, catalog: Callable[[], Catalog]) -> None:
        self._world = world
        self._catalog = catalog
        self._verbs = discover()
        self._surveyor = Surveyor(world)

    async def handle(self, invocation: Invocation, at: datetime) -> Answer:
        """Answer one invocation. Raises UserError for what can't be understood or done."""
        self._right_channel(invocation)
        ctx = await self._context(invocation, at)
        handler, request = self.read(invocation, ctx)
        return await handler(request, ctx)

    def read(self, invocation: Invocation, ctx: Context) -> tuple[Handler, Any]:
        """Understand what was said: the request, and who answers it. Nothing is asked or done yet.

        Raises UserError for what can't be understood.
        """
        if invocation.kind in ("click", "form"):
            request = parse_click(
                invocation.action or "", invocation.value or "", invocation.words or None
            )
            return handle_click, request
        words = take_apart(invocation.words)
        if invocation.command != DEFAULT:
            # A slash command of its own says the verb.
            words = Words((invocation.command, *words.plain), words.options)
        module, rest = self._verb(words, ctx)
        return module.handle, module.parse(rest, ctx)

    async def _context(self, invocation: Invocation, at: datetime) -> Context:
        asker = Asker(
            user=invocation.user,
            channel=invocation.channel,
            thread=invocation.thread,
            via=invocation.kind,
            by_app=invocation.by_app,
        )
        queries = Queries(self._world)
        return Context(
            asker=asker,
            catalog=self._catalog(),
            decisions=Decisions(self._world, asker, invocation.key, at),
            lending=Lending(self._world, asker, invocation.key, at),
            stops=Stops(self._world, asker, invocation.key, at),
            locking=Locking(self._world, asker, invocation.key, at),
            halting=Halting(self._world, asker, invocation.key, at),
            reviewing=Reviewing(self._world, asker, invocation.key, at),
            queries=queries,
            pod_lines=PodLines(self._world, asker, invocation.key, at),
            environments=Environments(
                self._world, asker, invocation.key, at, self._surveyor, _drawn_at(invocation)
            ),
            surveyor=self._surveyor,
            now=self._world.clock.now(),
            verbs={m.USAGE: m.HELP for m in self._verbs.values()},
            here=await self._here(invocation, queries),
        )

    async def _here(self, invocation: Invocation, queries: Queries) -> str | None:
        """Find whose thread it was said in; a click names its release itself."""
        if invocation.kind in ("click", "form"):
            return None
        return await queries.release_of_thread(invocation.channel, invocation.thread)

    def _right_channel(self, invocation: Invocation) -> None:
        slack = self._catalog().slack
        here = invocation.channel in slack.channels or self._is_review(invocation)
        if slack.channels and not here:
            named = ", ".join(f"<#{channel}>" for channel in slack.channels)
            raise UserError(f"I answer in {named} only.", Reason.WRONG_CHANNEL)

    def _is_review(self, invocation: Invocation) -> bool:
        """An emergency is reviewed where it is announced, which is no channel for releases."""
        first = invocation.words.split()[:1] if invocation.words else []
        review = invocation.action == "release:reviewed" or first == ["review"]
        return review and invocation.channel in channels(self._catalog())

    def _verb(self, words: Words, ctx: Context) -> tuple[ModuleType, Words]:
        if not words.plain:
            return self._verbs["help"], Words((), words.options)
        first = words.plain[0].lower()
        rest = Words(words.plain[1:], words.options)
        if first in NOT_BUILT and first not in ctx.catalog.services:
            raise UserError(
                f"`{first}` isn't built yet. `/release help` lists what is.", Reason.NOT_BUILT
            )
        if first in self._verbs and (first != DEFAULT or len(words.plain) > 3):  # noqa: PLR2004 - /release release S V E
            return self._verbs[first], rest
        self._maybe_a_verb(first, words, ctx)
        return self._verbs[DEFAULT], words

    def _maybe_a_verb(self, first: str, words: Words, ctx: Context) -> None:
        """A slip in a verb must not read as a service that is not there."""
        if first in ctx.catalog.services:
            return
        if first in env.VERBS:
            raise UserError(
                f"`{first}` is about environments. Say `/env {first} …`, or `env {first} …` here.",
                Reason.NOT_UNDERSTOOD,
            )
        known = [*self._verbs, *ctx.catalog.services]
        guess = closest(known, first)
        if guess is None and len(words.plain) == 1:
            raise UserError(
                f'"{words.plain[0]}" is neither a verb nor a service. `/release help` lists the '
                "verbs.",
                Reason.NOT_UNDERSTOOD,
            )
        if guess in self._verbs and guess != DEFAULT:
            raise UserError(
                f'There is no verb "{words.plain[0]}". Did you mean {guess}?',
                Reason.NOT_UNDERSTOOD,
            )


def _drawn_at(invocation: Invocation) -> datetime | None:
    """Tell when the message was posted whose button was pressed: its time stamp says."""
    if invocation.kind != "click" or invocation.message_ts is None:
        return None
    try:
        return datetime.fromtimestamp(float(invocation.message_ts), UTC)
    except (ValueError, OverflowError, OSError):
        return None
