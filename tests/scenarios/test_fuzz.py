"""Thousands of odd commands over signed HTTP: none is too much for the bot, and none does more than
it says. The other half of the hundred thousand is tests/commands/test_fuzz.py.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlmodel import SQLModel
from structlog.testing import capture_logs

from bot.domain.audit import AuditTag
from bot.domain.requests import ReleaseRequest
from bot.errors import UserError
from bot.ports import Invocation
from bot.store import audit
from commands._router import Router
from integrations.simulated.slack.app_side import AppReply
from tests.commands.sayings import ODD, saying
from tests.commands.test_grammar import CATALOG, CONTEXT, NOBODY
from tests.store import records
from tests.tester import ANA, BEN, CHANNEL, CY, DAN, EVE, Bot

ROUTER = Router(NOBODY, lambda: CATALOG)
AT_ONCE = 20
SURROGATE = "\ud800 release payments \udfff"

TOLD = frozenset({"inbox", "outbox", "audit", "audit_head", "audit_texts", "people", "duties"})
"""Tables in which every command leaves something, a refused one too; and who speaks in Slack."""

BUGS = frozenset(
    {"command_failed", "command_not_stored", "command_not_confirmed", "command_waits"}
    | {"request_failed", "tick_failed", "view_failed", "blocks_invalid", "slack_refused"}
)
"""Events that tell of a bug, or of a command that got stuck."""


def understood(bot: Bot, command: Any, text: str) -> object | None:
    """What the bot will read in it; None: it will refuse it."""
    said = Invocation(
        key="k", kind="command", user=ANA, channel=CHANNEL, team="T123", command=command, words=text
    )
    try:
        _, request = ROUTER.read(said, replace(CONTEXT, now=bot.world.clock.now()))
    except UserError:
        return None
    found: object = request
    return found


async def all_say(bot: Bot, words: Sequence[tuple[str, str]]) -> list[AppReply]:
    """Say it, several at once and by several people; and let the bot do what there is to do."""
    replies: list[AppReply] = []
    for start in range(0, len(words), AT_ONCE):
        people = (ANA, BEN, CY, DAN, EVE)
        replies += await asyncio.gather(
            *(
                bot.world.slack.app.slash(people[at % 5], f"/{command}", text, CHANNEL)
                for at, (command, text) in enumerate(words[start : start + AT_ONCE])
            )
        )
        await bot.works()
    return replies


async def stored(bot: Bot) -> dict[str, list[Any]]:
    async with bot.app.store.read() as session:
        return {
            table.name: sorted(map(str, await records.rows(session, f"SELECT * FROM {table.name}")))  # noqa: S608 - our tables
            for table in SQLModel.metadata.sorted_tables
            if table.name not in TOLD
        }


def split(
    bot: Bot, numbers: range
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[object]]:
    """Tell apart what will be refused unread and what will be understood, and as what."""
    amiss, right, read = [], [], []
    for number in numbers:
        command = ("release", "release", "release", "env", "scan")[number % 5]
        text = saying(number)
        request = understood(bot, command, text)
        if request is None:
            amiss.append((command, text))
        else:
            right.append((command, text))
            read.append(request)
    return amiss, right, read


async def fuzzed(bot: Bot, numbers: range) -> None:
    amiss, right, read = split(bot, numbers)
    with capture_logs() as logged:
        before = await stored(bot)
        replies = await all_say(bot, amiss)
        assert await stored(bot) == before
        replies += await all_say(bot, right)
        replies += [await one for one in odd_bodies(bot, numbers)]
        await bot.works()
        await bot.settles()
        await bot.says("/release help", by=EVE)
    assert {reply.status // 100 for reply in replies} <= {2, 4}
    assert {reply.status for reply in replies[: len(amiss) + len(right)]} == {200}
    bugs = [line for line in logged if line["event"] in BUGS or "error_id" in line]
    assert bugs == []
    assert "asks for a release" in bot.told(EVE)
    await nothing_more(bot, read)


async def nothing_more(bot: Bot, read: Sequence[object]) -> None:
    """What is stored is what was asked for: each release, each stop, and no command is left."""
    kinds = Counter(type(one).__name__ for one in read)
    asked = {(r.service, r.environment) for r in read if isinstance(r, ReleaseRequest)}
    found = await bot.all_releases()
    assert {(one.service, one.environment) for one in found} <= asked
    assert len(found) <= kinds["ReleaseRequest"] + kinds["RollbackRequest"]
    async with bot.app.store.read() as session:
        [(left,)] = await records.rows(session, "SELECT count(*) FROM inbox WHERE done_at IS NULL")
        [(stops,)] = await records.rows(session, "SELECT count(*) FROM stops")
        [(lent,)] = await records.rows(session, "SELECT count(*) FROM delegations")
        tags = Counter([link.entry.tag async for link in audit.chain(session)])
    assert left == 0
    assert stops <= kinds["LockRequest"] + kinds["FreezeRequest"] + kinds["HaltRequest"]
    assert lent <= kinds["DelegateRequest"]
    assert tags[AuditTag.RELEASE_REQUESTED] <= kinds["ReleaseRequest"]
    assert tags[AuditTag.LOCK_SET] <= kinds["LockRequest"]
    assert tags[AuditTag.FREEZE_SET] <= kinds["FreezeRequest"]
    assert tags[AuditTag.VERSION_ADOPTED] <= kinds["AdoptRequest"]


def odd_bodies(bot: Bot, numbers: range) -> list[Any]:
    """Signed bodies that are none of Slack's, and mentions that hold what no text should."""
    app, dice = bot.world.slack.app, random.Random(numbers.start)  # noqa: S311 - the same each time
    found: list[Any] = []
    for number in numbers[: max(20, len(numbers) // 20)]:
        fields = {"team_id": "T123", "user_id": ANA, "channel_id": CHANNEL, "command": "/release",
                  "text": saying(number), "trigger_id": f"odd.{number}"}  # fmt: skip
        fields[dice.choice(list(fields))] = dice.choice(ODD)
        del fields[dice.choice(list(fields))]
        body = bytearray(urlencode(fields).encode())
        for _ in range(dice.randint(0, 4)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        found.append(app.send(bytes(body), "application/x-www-form-urlencoded"))
        event = {"type": "app_mention", "user": ANA, "channel": CHANNEL, "ts": f"{number}.1",
                 "text": dice.choice((SURROGATE, *ODD)), "event_ts": f"{number}.1"}  # fmt: skip
        payload = {"type": "event_callback", "team_id": "T123", "event": event,
                   "event_id": f"Ev{number}"}  # fmt: skip
        payload[dice.choice(list(payload))] = dice.choice((None, [], {}, 1, SURROGATE))
        found.append(app.send(json.dumps(payload).encode(), "application/json"))
    return found


async def test_a_character_that_no_database_takes_is_refused_in_words(bot: Bot) -> None:
    """A zero byte on PostgreSQL, and half a surrogate pair, which has no UTF-8, on both."""
    with capture_logs() as logged:
        await bot.says("/release pay\x00ments v2.1.0 prod")
        assert 'There is no service "pay' in bot.told()
        await bot.says("/release payments v2.1.0 nowhere --reason a\x00b", by=BEN)
        assert 'There is no environment "nowhere"' in bot.told(BEN)
        await bot.world.slack.app.mention(DAN, CHANNEL, "pay\ud800ments v2.1.0 prod")
        await bot.works()
        assert 'There is no service "pay' in bot.told(DAN)
    assert [line for line in logged if line["event"] in BUGS or "error_id" in line] == []
    async with bot.app.store.read() as session:
        [(left,)] = await records.rows(session, "SELECT count(*) FROM inbox WHERE done_at IS NULL")
    assert left == 0


async def test_some_commands_over_http(bot: Bot) -> None:
    await fuzzed(bot, range(200))


@pytest.mark.chaos_full
@pytest.mark.either
@pytest.mark.timeout(600)
@pytest.mark.parametrize(  # by their names some fall to one database, some to the other
    "start", [*range(200_000, 203_000, 1_000), *range(700_000, 702_000, 1_000)]
)
async def test_five_thousand_commands_over_http(bot: Bot, start: int) -> None:
    await fuzzed(bot, range(start, start + 1_000))
