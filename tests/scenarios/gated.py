"""Words of the tests about GitHub's own gate: jobs that wait, and what they are told."""

import asyncio
from datetime import timedelta

from sqlmodel import select

from bot.domain.audit import AuditEntry, AuditTag
from bot.domain.protection import Case
from bot.store import audit
from bot.store.protection_tables import ProtectionRow
from integrations.simulated.github.world import Run
from tests.scenarios.test_github_view import told
from tests.tester import CHANNEL, REPO, Bot, World

GATED = "production"
SOON = timedelta(seconds=30)


def guarded(world: World) -> None:
    """Jobs of deploy.yml name their environment, and production asks the bot first."""
    github = world.github
    github.repository(REPO).workflows["deploy.yml"].environment = True
    github.gates.protect(REPO, GATED)
    github.hooks.events += ("deployment_protection_rule", "deployment_status")


def by_hand(
    bot: Bot,
    service: str = "payments",
    version: str = "v2.1.0",
    *,
    actor: str = "ana",
    environment: str = GATED,
    ref: str | None = None,
    slot: str = "green",
) -> Run:
    """Somebody starts deploy.yml on GitHub's page."""
    inputs = {
        "release_id": f"by-hand-{len(bot.world.github.runs)}",
        "service": service,
        "version": version,
        "commit": "",
        "environment": environment,
        "slot": slot,
    }
    return bot.world.github.start_run(REPO, "deploy.yml", inputs, actor, ref)


async def asks(bot: Bot, **given: str) -> Run:
    """Somebody starts it, and the job has come to the gate."""
    run = by_hand(bot, **given)  # type: ignore[arg-type]
    await at_the_gate(bot, run)
    await told(bot)
    return run


async def at_the_gate(bot: Bot, run: Run) -> None:
    """Let the world go on, without the bot, until the job waits and GitHub has told of it."""
    for _ in range(100):
        await asyncio.sleep(0.001)
        if run.status == "waiting":
            break
        await bot.world.clock.advance_to(bot.world.clock.now() + timedelta(seconds=1))
    assert run.status == "waiting"
    while bot.world.github.delivering:  # noqa: ASYNC110 - a webhook rings no bell
        await asyncio.sleep(0.001)


async def passes_by(bot: Bot, run: Run) -> None:
    """An admin forces the deployment, and the run goes on."""
    bot.world.github.gates.bypass(run.id)
    await takes_a_turn()


async def takes_a_turn() -> None:
    """Let what was just set off in the world begin to wait for its time."""
    for _ in range(10):
        await asyncio.sleep(0)


async def cases(bot: Bot) -> list[Case]:
    """What GitHub has asked, oldest first."""
    async with bot.app.store.read() as session:
        found = await session.exec(select(ProtectionRow.body).order_by(ProtectionRow.key))
        return [Case.model_validate_json(body) for body in found.all()]


async def entries(bot: Bot, *tags: AuditTag) -> list[AuditEntry]:
    """What the record has of these kinds."""
    async with bot.app.store.read() as session:
        chain = [link.entry async for link in audit.chain(session)]
    return [entry for entry in chain if entry.tag in tags]


def posts(bot: Bot) -> list[str]:
    """What the channel was told that is no card."""
    roots = bot.world.slack.space.roots(CHANNEL)
    name_of = bot.world.slack.space.name_of
    return [m.rendered(name_of) for m in roots if m.author == "bot" and "· rel-" not in m.text]
