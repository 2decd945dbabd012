"""Delivers what the store holds: cards, thread lines, replies (DESIGN §4.6, §5 Slack).

One message a second a channel; the newest state of a card wins; lines of a thread that wait go
out together as one message. A message whose sending may have worked is looked for by its key
before it is sent again.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from structlog.contextvars import bound_contextvars

from bot.domain.checklists import Tick
from bot.domain.releases import Release
from bot.engine import record
from bot.engine.charts import Charts
from bot.engine.duties import Duty
from bot.engine.faults import fault_id
from bot.engine.pace import Pace
from bot.engine.world import World
from bot.errors import (
    MissingError,
    PermanentError,
    RateLimitedError,
    StaleLeaseError,
    TemporaryError,
)
from bot.ports import Message
from bot.store import approvals, cards, outbox, releases, reviews, ticks
from bot.store.session import Session
from bot.store.tables import CardRow, OutboxRow
from bot.views import card as card_view

log = structlog.get_logger()

LINES_IN_ONE = 12
"""Most thread lines that go out as one message: a section holds 3,000 characters."""

GATHER_SECONDS = 0.1
"""How long a sender that was woken waits: the work that a click asked for goes before its telling,
and what a tick says in quick succession goes out together."""

CARD_FIRST = timedelta(seconds=0.2)
"""How long after its card's turn a line in the card's thread looks for it."""

CARD_PACE = timedelta(seconds=1)
"""Between two updates of one card that nobody waits for: what lies between is not shown."""

GIVE_UP = 8
"""Tries for a message that Slack refuses for good reasons of its own."""


class Outbox:
    """Sends what is due. One sender a process; a message's row says what was begun."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pace = Pace()
        self._duty = Duty(world, "slack")
        self._charts = Charts(world, self._pace, self._duty)
        self.at_work = self._charts.at_work
        self._drawn_at: dict[str, datetime] = {}
        self._late_cards: list[tuple[str, datetime]] = []
        self._late_rows: list[tuple[list[int], datetime]] = []

    async def run(self) -> None:
        """Work until the process ends."""
        while self._world.mail.open:
            try:
                await self.send_due()
            except TemporaryError as error:
                log.warning("database_unreachable", error=str(error))
            except StaleLeaseError:
                log.warning("duty_lost", duty="slack")
            await self._world.mail.rest(await self._till_next())
            await asyncio.sleep(GATHER_SECONDS)

    async def settle(self) -> None:
        """Wait until no chart is under way."""
        await self.at_work.settle()

    async def stop(self) -> None:
        """Let a chart that is under way end soon; one cut short is looked for before a repeat."""
        await self.at_work.end()

    async def _till_next(self) -> float | None:
        due = await self._next_due()
        return max((due - self._world.clock.now()).total_seconds(), 0.02) if due else None

    async def _next_due(self) -> datetime | None:
        try:
            async with self._world.store.read() as session:
                times = [await cards.next_due(session), await outbox.next_due(session)]
        except TemporaryError:
            return None
        return min((t for t in times if t is not None), default=None)

    async def send_due(self) -> int:
        """Send what may go out now; count what was tried."""
        if not await self._duty.held():
            return 0
        now = self._world.clock.now()
        self._pace.begin()
        async with self._world.store.read() as session:
            due_cards = await cards.due(session, now)
            due_rows = await outbox.due(session, now)
            threaded = [row for row in due_rows if row.kind in ("line", "chart")]
            told = {row.release_id for row in threaded if row.release_id}
            threads_of = await cards.places(session, told)
        whispers = [row for row in due_rows if row.kind == "whisper"]
        posts = [row for row in due_rows if row.kind == "post"]
        threads = _by_thread([row for row in due_rows if row.kind == "line"])
        work = [self._whisper(row) for row in whispers]
        await asyncio.gather(
            *(self._guarded(w, [r.id]) for w, r in zip(work, whispers, strict=True))
        )
        for card in due_cards:
            await self._guarded_card(card)
        await self._threads(threads, threads_of)
        for row in posts:
            await self._guarded(self._post(row), [row.id])
        for row in due_rows:
            if row.kind == "chart":
                await self._chart(row, threads_of.get(row.release_id or ""))
        await self._postpone()
        return len(due_cards) + len(due_rows)

    async def _threads(self, threads: list[list[OutboxRow]], places: Mapping[str, CardRow]) -> None:
        """Tell each thread in order: what follows a message that has to wait waits behind it."""
        stopped: set[str] = set()
        for rows in threads:
            release_id = rows[0].release_id or ""
            if release_id in stopped:
                continue
            waiting = len(self._late_rows)
            sending = self._lines(rows, places.get(release_id))
            with bound_contextvars(release=release_id):
                done = await self._guarded(sending, [row.id for row in rows])
            if not done or len(self._late_rows) > waiting:
                stopped.add(release_id)

    async def _postpone(self) -> None:
        """Give what had to wait its own time, all in one transaction."""
        late_cards, late_rows = self._late_cards, self._late_rows
        if not late_cards and not late_rows:
            return
        self._late_cards, self._late_rows = [], []
        async with self._world.store.write() as session:
            for release_id, at in late_cards:
                await cards.postpone(session, release_id, at)
            for ids, at in late_rows:
                await outbox.postpone(session, ids, at)

    async def _guarded(self, sending: Awaitable[None], ids: list[int | None]) -> bool:
        rows = [row_id for row_id in ids if row_id is not None]
        later = await self._outcome(sending)
        if later is None:
            return True
        async with self._world.store.write() as session:
            await outbox.later(session, rows, later)
        return False

    async def _guarded_card(self, card: CardRow) -> None:
        with bound_contextvars(release=card.release_id):
            later = await self._outcome(self._card(card))
        if later is None:
            return
        async with self._world.store.write() as session:
            await cards.later(session, card.release_id, later)

    async def _outcome(self, sending: Awaitable[None]) -> datetime | None:
        """Send; say when to try again, or None when it is done with."""
        now = self._world.clock.now()
        try:
            await sending
        except StaleLeaseError:
            raise
        except TemporaryError as error:
            log.warning("slack_waits", error=str(error))
            return now + timedelta(seconds=max(error.delay, 1.0))
        except PermanentError as error:
            log.error("slack_refused", error=str(error))
            return now + timedelta(minutes=1)
        except Exception:
            log.exception("message_failed", error_id=fault_id())
            return now + timedelta(minutes=1)
        return None

    # Cards.

    async def _card(self, card: CardRow) -> None:
        now = self._world.clock.now()
        allowed = self._card_at(card, now)
        if allowed > now:
            self._late_cards.append((card.release_id, allowed))
            return
        message = await self._drawn(card)
        if message is None:
            return
        ts, shows = card.ts, card.wanted
        if ts is None:
            async with self._world.store.write() as session:
                await cards.begin_post(session, card.release_id)
            ts = await self._earlier(card.channel, message, tried=card.attempts > 0)
            if ts is None:
                ts = await self._posted(card.channel, message)
            else:
                # It shows what was true when it was posted: an update follows.
                shows = card.sent
        elif not await self._updated(card, ts, message):
            return
        self._drawn_at[card.release_id] = now
        async with self._world.store.write() as session:
            if card.ts is None:
                # The record first: whoever tells of a change locks its head before the card's row.
                await record.note_card(session, card, message, ts, now)
            await cards.sent(session, card.release_id, ts, shows)

    def _card_at(self, card: CardRow, now: datetime) -> datetime:
        """When the card may go out."""
        if card.ts is None:
            return self._pace.post_at(card.channel, now)
        soonest = now if card.urgent else self._drawn_at.get(card.release_id, now) + CARD_PACE
        return max(soonest, self._pace.update_at(now, urgent=card.urgent))

    async def _drawn(self, card: CardRow) -> Message | None:
        async with self._world.store.read() as session:
            release = await releases.get(session, card.release_id)
            votes = await approvals.of(session, card.release_id)
            newer = await releases.newer_started(session, release) if release else None
            review = await reviews.get(session, card.release_id)
            boxes = await _ticks(session, release) if release else ()
        if release is None:
            return None
        now = self._world.clock.now()
        drawn = card_view.draw(card_view.Card(release, now, votes, boxes, newer, review))
        return drawn.model_copy(update={"key": f"card:{card.release_id}:{card.posting}"})

    async def _updated(self, card: CardRow, ts: str, message: Message) -> bool:
        """Update the card; where it is gone or can't be edited, a new one is posted."""
        now = self._world.clock.now()
        self._pace.updated(now)
        self._duty.check()
        try:
            await self._world.chat.update(card.channel, ts, message)
        except MissingError:
            async with self._world.store.write() as session:
                await cards.posted_anew(session, card.release_id)
            return False
        except RateLimitedError as error:
            self._pace.no_update_until(now + timedelta(seconds=error.delay))
            raise
        return True

    async def _post_once(
        self, channel: str, message: Message, thread: str | None = None, *, tried: bool
    ) -> str:
        """Post; after an earlier try of unknown outcome, look for the message first."""
        found = await self._earlier(channel, message, thread, tried=tried)
        return found or await self._posted(channel, message, thread)

    async def _earlier(
        self, channel: str, message: Message, thread: str | None = None, *, tried: bool
    ) -> str | None:
        """Find the message of an earlier try, if there was one and it came through."""
        if not tried or message.key is None:
            return None
        return await self._world.chat.find(channel, message.key, thread)

    async def _posted(self, channel: str, message: Message, thread: str | None = None) -> str:
        self._duty.check()
        now = self._world.clock.now()
        self._pace.posted(channel, now)
        try:
            return await self._world.chat.post(channel, message, thread, self._duty.check)
        except RateLimitedError as error:
            self._pace.no_post_until(channel, now + timedelta(seconds=error.delay))
            raise

    # Thread lines, posts and replies.

    async def _lines(self, rows: list[OutboxRow], card: CardRow | None) -> None:
        now = self._world.clock.now()
        first = rows[0]
        ids = [row.id for row in rows if row.id is not None]
        thread = first.thread or (card.ts if card else None)
        if thread is None:
            turn = card.due_at if card and card.due_at else now
            self._late_rows.append((ids, max(turn, now) + CARD_FIRST))
            return
        allowed = self._pace.post_at(first.channel, now)
        if allowed > now:
            self._late_rows.append((ids, allowed))
            return
        batch = first.batch or f"batch:{first.key}"
        async with self._world.store.write() as session:
            await outbox.bind(session, ids, batch)
        text = "\n".join(Message.model_validate_json(row.body).text for row in rows)
        message = card_view.thread_message(text).model_copy(update={"key": batch})
        tried = first.batch is not None or first.attempts > 0
        ts = await self._post_once(first.channel, message, thread, tried=tried)
        await self._sent(first, ids, text, ts)

    async def _post(self, row: OutboxRow) -> None:
        now = self._world.clock.now()
        allowed = self._pace.post_at(row.channel, now)
        ids = [row.id] if row.id is not None else []
        if allowed > now:
            self._late_rows.append((ids, allowed))
            return
        message = Message.model_validate_json(row.body).model_copy(update={"key": row.key})
        async with self._world.store.write() as session:
            await outbox.bind(session, ids, row.key)
        ts = await self._post_once(row.channel, message, row.thread, tried=row.batch is not None)
        await self._sent(row, ids, message.text, ts)

    async def _chart(self, row: OutboxRow, card: CardRow | None) -> None:
        """Begin a chart beside all else: what is drawn and uploaded must hold up no line."""
        with bound_contextvars(release=row.release_id):
            later = await self._charts.begin(row, card)
        if later is not None and row.id is not None:
            self._late_rows.append(([row.id], later))

    async def _whisper(self, row: OutboxRow) -> None:
        message = Message.model_validate_json(row.body)
        ids = [row.id] if row.id is not None else []
        self._duty.check()
        try:
            await self._world.chat.whisper(row.channel, row.user or "", message, row.thread)
        except PermanentError as error:
            # Nobody else may read it, so there is nowhere else to put it.
            log.error("reply_undeliverable", key=row.key, error=str(error))
            if row.attempts + 1 >= GIVE_UP or isinstance(error, MissingError):
                async with self._world.store.write() as session:
                    await outbox.give_up(session, ids)
                return
            raise
        await self._sent(row, ids, message.text)

    async def _sent(self, row: OutboxRow, ids: list[int], text: str, ts: str | None = None) -> None:
        now = self._world.clock.now()
        async with self._world.store.write() as session:
            await record.note_sent(session, row, text, now, ts)
            await outbox.sent(session, ids, now)


def _by_thread(rows: list[OutboxRow]) -> list[list[OutboxRow]]:
    """Group waiting lines into messages: one release's together, a begun batch by itself."""

    def key(row: OutboxRow) -> tuple[str, str]:
        return (row.release_id or "", row.batch or "")

    groups = []
    for _, group in groupby(sorted(rows, key=lambda row: (key(row), row.id or 0)), key=key):
        members = list(group)
        begun = members[0].batch is not None
        size = len(members) if begun else LINES_IN_ONE
        groups += [members[i : i + size] for i in range(0, len(members), size)]
    return sorted(groups, key=lambda group: group[0].id or 0)


async def _ticks(session: Session, release: Release) -> tuple[Tick, ...]:
    if not release.rules.approvals.checklist:
        return ()
    return await ticks.of(session, release.id, release.digest or "")
