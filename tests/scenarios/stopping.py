"""Catalogues with freezes and windows, and the steps that the scenarios about stops share."""

from typing import Any

from bot.domain.audit import AuditTag
from bot.store import audit, stops
from integrations.simulated.slack import Message
from tests.tester import BEN, CATALOG, CHANNEL, Bot

FREEZES = "    rollback_window: 1h\n"
POLICY = "policies: {default: {scans: {critical: 0, high: 0}}}"


def with_freezes(*freezes: str, catalog: str = CATALOG) -> str:
    """The tests' catalogue with these freezes of production."""
    return catalog.replace(FREEZES, f"{FREEZES}    freezes: [{', '.join(freezes)}]\n")


def with_windows(*windows: str) -> str:
    """The tests' catalogue with these release windows in its policy."""
    default = f"{{scans: {{critical: 0, high: 0}}, windows: [{', '.join(windows)}]}}"
    return CATALOG.replace(POLICY, f"policies: {{default: {default}}}")


MARKET = '{name: market hours, when: "Mon-Fri 09:30-16:00 America/New_York"}'
"""The tests begin on a Wednesday at 11:30 in New York: it is frozen until 21:00 UTC."""

EVENING = '{name: evening, when: "Mon-Fri 18:00-20:00 UTC"}'
"""It opens one and a half hours after the tests begin."""


def posts(bot: Bot) -> list[str]:
    """What was posted to the channel and is no card, as people read it."""
    roots = bot.world.slack.space.roots(CHANNEL)
    mine = [m for m in roots if m.author == "bot" and "· rel-" not in m.text.split("\n")[0]]
    return [m.rendered(bot.world.slack.space.name_of) for m in mine]


def post_with(bot: Bot, label: str) -> Message:
    """The newest post that has such a button."""
    roots = bot.world.slack.space.roots(CHANNEL)
    return [m for m in roots if any(b.label == label for b in m.buttons())][-1]


async def presses(bot: Bot, label: str, by: str) -> None:
    """Press a button of the newest post that has it."""
    message = post_with(bot, label)
    button = next(b for b in message.buttons() if b.label == label)
    await bot.world.slack.app.click(by, CHANNEL, message.ts, button.action_id, button.value)
    await bot.works()
    await bot.settles()


async def record(bot: Bot, tag: AuditTag) -> list[dict[str, Any]]:
    """What the record has under a tag."""
    async with bot.app.store.read() as session:
        return [link.entry.data async for link in audit.chain(session) if link.entry.tag == tag]


async def standing(bot: Bot) -> list[str]:
    """What stands at this moment, by kind."""
    async with bot.app.store.read() as session:
        found = await stops.standing(session, bot.world.clock.now())
    return [stop.kind for stop in found]


async def approved(bot: Bot, words: str = "/release orders v2.1.0 prod") -> str:
    """Ask for a release, and let Ben say yes; its id."""
    await bot.says(words)
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    return (await bot.release()).id
