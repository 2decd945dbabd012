"""The inbox: accepts what Slack sends with one insert, and works it off afterwards.

`Inbox` is the `Intake` that `app` hands to the receivers. What was acknowledged is never lost:
the row is marked done in the transaction of the change that it caused, together with its reply.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import WAITING
from bot.engine import hints
from bot.engine.deciding import Change
from bot.engine.effects import HeadStart
from bot.engine.faults import fault_id
from bot.engine.world import World
from bot.errors import PermanentError, StaleLeaseError, StoreError, TemporaryError, UserError
from bot.ports import Invocation, Message, Reply, Webhook
from bot.store import audit, inbox, outbox, releases
from bot.store.audit import written
from bot.store.session import Session
from bot.views import answers, forms, refusals

log = structlog.get_logger()

INSERT_SECONDS = 1.5
"""All the time that storing a command may take: Slack shows a time-out after 3 s."""

ANSWER_FIRST_SECONDS = 0.0005
"""How long the work waits so that Slack's answer goes out before it: the work keeps the loop."""

TRIES = 5
"""How often a command whose work ended with a bug is tried before its user hears of it."""

Answer = Change | Message | None
Handler = Callable[[Invocation, datetime], Awaitable[Answer]]
"""What `commands` offers: from an invocation to a change to make or a message to show."""


class Inbox:
    """Takes commands in and works them off, each in a task of its own."""

    def __init__(self, world: World, handle: Handler, take_up: Callable[[HeadStart], None]) -> None:
        self._world = world
        self._handle = handle
        self._take_up = take_up
        self._at_work: set[asyncio.Task[None]] = set()
        self._working = False
        self._keys: set[str] = set()

    async def accept(self, invocation: Invocation) -> Reply:
        """Store it and wake the worker. Never raises: an unknown outcome is said in words."""
        try:
            if invocation.kind == "form":
                await self._check_form(invocation)
            await self._take(invocation)
        except UserError as refusal:
            return Reply(amiss=refusal.sentence)
        except (TimeoutError, TemporaryError) as error:
            log.error("command_not_confirmed", key=invocation.key, error=str(error))
            return _said(invocation, answers.not_confirmed(invocation))
        except Exception:
            error_id = fault_id()
            log.exception("command_not_stored", key=invocation.key, error_id=error_id)
            return _said(invocation, answers.bug(error_id).text)
        return Reply()

    def form(self, invocation: Invocation) -> dict[str, Any] | None:
        """Give the form that a click asks for; None: it asks for none."""
        return forms.asked_for(invocation)

    async def _check_form(self, invocation: Invocation) -> None:
        """Raise UserError where the plan is another by now: the form is still open, and says so."""
        release_id, _, digest = (invocation.value or "").partition(":")
        async with asyncio.timeout(INSERT_SECONDS), self._world.store.read() as session:
            release = await releases.get(session, release_id)
        if release is None:
            raise refusals.no_such_release(release_id)
        refusals.check_digest(release, digest)
        if release.state not in WAITING:
            raise refusals.too_late(release, (invocation.action or "").removeprefix("release:"))

    async def _take(self, invocation: Invocation) -> None:
        """Store it, and where this process works at all, begin at once: a click has no time."""
        now, real = self._world.clock.now(), self._world.clock.real()
        taken = real if self._working else None
        async with asyncio.timeout(INSERT_SECONDS), self._world.store.write() as session:
            new = await inbox.insert(session, invocation, now, taken=taken)
        if new and taken is not None:
            self._begin(invocation, now, 1, ANSWER_FIRST_SECONDS)

    async def hint(self, webhook: Webhook) -> bool:
        """Note a webhook and wake the releases that it may concern; False: it was not noted."""
        try:
            woken = await hints.take(self._world, webhook)
        except TemporaryError as error:
            # Polling finds what a lost hint would have told.
            log.warning("webhook_lost", delivery=webhook.delivery, error=str(error))
            return False
        if woken:
            self._world.work.tell()
        return True

    async def run(self) -> None:
        """Work until the process ends."""
        self._working = True
        while self._world.commands.open:
            try:
                started = await self.start_due()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
                started = 0
            if not started:
                await self._world.commands.rest()

    async def start_due(self) -> int:
        """Take up what is due; count it."""
        async with self._world.store.read() as session:
            if await inbox.next_due(session) is None:
                return 0
        async with self._world.store.write() as session:
            now, real = self._world.clock.now(), self._world.clock.real()
            claimed = await inbox.claim(session, now, real, self._keys)
        for invocation, at, attempts in claimed:
            self._begin(invocation, at, attempts)
        return len(claimed)

    def _begin(
        self, invocation: Invocation, at: datetime, attempts: int, after: float = 0.0
    ) -> None:
        self._keys.add(invocation.key)
        task = asyncio.create_task(self._guarded(invocation, at, attempts, after))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def settle(self) -> None:
        """Wait until every command that is under way has been answered."""
        while self._at_work:
            await asyncio.gather(*self._at_work, return_exceptions=True)
            await asyncio.sleep(0)

    async def _guarded(
        self, invocation: Invocation, at: datetime, attempts: int, after: float
    ) -> None:
        # A task of its own: what is bound here is bound for this command only. The release that
        # it is about joins as soon as that is known (`deciding`).
        bind_contextvars(key=invocation.key)
        await asyncio.sleep(after)
        taken_up = False
        try:
            taken_up = await self._work_off(invocation, at)
        except StaleLeaseError:
            log.info("command_done_elsewhere")
        except TemporaryError as error:
            log.warning("command_waits", error=str(error))
            await self._later(invocation, timedelta(seconds=error.delay))
        except Exception:
            error_id = fault_id()
            log.exception("command_failed", error_id=error_id)
            if attempts < TRIES:
                await self._later(invocation, timedelta(seconds=2**attempts))
            else:
                await self._finish(invocation, answers.bug(error_id))
        finally:
            self._keys.discard(invocation.key)
            if not taken_up:
                self._world.work.tell()
                self._world.mail.tell()

    async def _work_off(self, invocation: Invocation, at: datetime) -> bool:
        """Do what it asks; True: the reconciler goes on, and wakes the others when it has acted.

        Traffic comes before the card that tells of it: drawing one keeps the loop for 5 ms.
        """
        try:
            answer = await self._handle(invocation, at)
            if answer is not None and not isinstance(answer, Message):
                return await self._apply(invocation, answer)
            await self._finish(invocation, answer)
        except UserError as refusal:
            await self._refuse(invocation, refusal)
        except StoreError:
            raise
        except PermanentError as error:
            await self._finish(invocation, answers.outside_said_no(str(error)))
        except TemporaryError as error:
            await self._finish(invocation, answers.outside_silent(str(error)))
        return False

    async def _apply(self, invocation: Invocation, change: Change) -> bool:
        async with self._world.store.write() as session:
            came_of_it = await change(session)
            message = None if isinstance(came_of_it, HeadStart) else came_of_it
            await self._reply(session, invocation, message)
        if not isinstance(came_of_it, HeadStart):
            return False
        self._take_up(came_of_it)
        return True

    async def _finish(self, invocation: Invocation, message: Message | None) -> None:
        async with self._world.store.write() as session:
            await self._reply(session, invocation, message)

    async def _refuse(self, invocation: Invocation, refusal: UserError) -> None:
        log.info("refused", reason=refusal.code, user=invocation.user)
        now = self._world.clock.now()
        async with self._world.store.write() as session:
            await audit.append(
                session,
                AuditTag.RELEASE_REFUSED,
                "request",
                now,
                actor=invocation.user,
                reason=str(refusal.code),
                asked=written(invocation.words or invocation.action),
                value=invocation.value,
                channel=invocation.channel,
                via=invocation.kind,
            )
            await self._reply(session, invocation, answers.refused(refusal))

    async def _reply(
        self, session: Session, invocation: Invocation, message: Message | None
    ) -> None:
        now = self._world.clock.now()
        if message is not None:
            await outbox.put(
                session,
                "whisper",
                f"reply:{invocation.key}",
                message,
                now,
                channel=invocation.channel,
                user=invocation.user,
                thread=invocation.thread,
            )
        await inbox.finish(session, invocation.key, now)

    async def _later(self, invocation: Invocation, delay: timedelta) -> None:
        try:
            async with self._world.store.write() as session:
                await inbox.retry(session, invocation.key, self._world.clock.now() + delay)
        except TemporaryError as error:
            # Its lease runs out, and whoever is alive then takes it up.
            log.warning("command_left", error=str(error))


def _said(invocation: Invocation, text: str) -> Reply:
    """Answer at once: at the field of a form, else as a message."""
    return Reply(amiss=text) if invocation.kind == "form" else Reply(text=text)
