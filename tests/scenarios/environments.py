"""What the conversations about environments share: a seeded world, the clock, the report."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.app import Wrap
from bot.domain.audit import AuditTag
from bot.domain.namespaces import Namespace, Workload
from bot.engine.schedule import housekeeping
from bot.errors import TemporaryError
from bot.ports_namespaces import Namespaces
from bot.store import audit
from integrations.simulated.kubernetes.namespaces import seed_passing
from integrations.simulated.slack import Message
from tests.tester import ANA, CATALOG, CHANNEL, DAN, REPO, Bot, World

NEW_YORK = ZoneInfo("America/New_York")

WITH_REPORT = (
    CATALOG
    + """
ephemeral: {clusters: [main], pattern: "pr-{number}-{branch}", repository: quantivista/platform}
reports: {stale: {at: "09:00", days: mon-fri, zone: America/New_York, channel: C0REL}}
"""
)


def local(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    """A moment of 2026 as a clock in New York shows it."""
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


def day(count: float) -> timedelta:
    return timedelta(days=count)


def seed_environments(world: World) -> None:
    """One expired, one merged, one whose branch is gone, one forgotten, and two in use."""
    cluster, github, now = world.kubernetes.cluster, world.github.branching, world.clock.now()
    for number, branch in ((1, "login"), (2, "charts"), (3, "idle"), (4, "fresh"), (5, "old")):
        github.open(REPO, number, branch)
    github.close(REPO, 2, merge=True)
    github.close(REPO, 5, merge=False, delete=True)
    ended = (now - day(1)).isoformat()
    seed_passing(
        cluster, "pr-1-login", age=day(41), deployed=day(2),
        annotations={"release-bot/expires": ended}, labels={"release-bot/owner": "ana"},
    )  # fmt: skip
    seed_passing(cluster, "pr-2-charts", age=day(9), deployed=day(3),
                 labels={"release-bot/owner": DAN})  # fmt: skip
    seed_passing(cluster, "pr-3-idle", age=day(30), deployed=day(20),
                 labels={"release-bot/owner": "ana"})  # fmt: skip
    seed_passing(cluster, "pr-4-fresh", age=day(1), deployed=day(0.5))
    seed_passing(cluster, "pr-5-old", age=day(12), deployed=day(4))


async def strike(bot: Bot, moment: datetime) -> None:
    """The clock strikes that minute: what APScheduler calls is called."""
    await bot.world.clock.advance_to(moment)
    for name, crontab, run in housekeeping(bot.app.world):
        if name == "report":
            assert crontab == "* * * * *"
            await run()
    await bot.settles()


def reports(bot: Bot) -> list[Message]:
    return [m for m in bot.world.slack.space.roots(CHANNEL) if m.author == "bot"]


def seen(bot: Bot, message: Message) -> str:
    return message.rendered(bot.world.slack.space.name_of)


async def press(bot: Bot, label: str, name: str, by: str = ANA, message: Any = None) -> str:
    """Press a button of the report, a minute after what was before; what that person is told."""
    await bot.passes(timedelta(minutes=1))
    shown = message or reports(bot)[-1]
    button = next(b for b in shown.buttons() if (b.label, b.value) == (label, name))
    await bot.world.slack.app.click(by, CHANNEL, shown.ts, button.action_id, button.value)
    await bot.works()
    return bot.told(by)


async def record(bot: Bot, tag: AuditTag) -> int:
    async with bot.app.store.read() as session:
        return sum([1 async for link in audit.chain(session) if link.entry.tag == tag])


class _Without:
    """Namespaces of clusters of which one doesn't answer, or refuses."""

    def __init__(self, inner: Namespaces, away: str, error: type[Exception]) -> None:
        self._inner, self._away, self._error = inner, away, error

    def _look(self, cluster: str | None) -> None:
        if cluster == self._away:
            raise self._error(f"Kubernetes ({cluster}) didn't answer")

    async def namespaces(
        self, cluster: str | None, marks: Collection[str], name: str | None = None
    ) -> tuple[Namespace, ...]:
        self._look(cluster)
        return await self._inner.namespaces(cluster, marks, name)

    async def deployed(self, cluster: str | None) -> Mapping[str, datetime]:
        self._look(cluster)
        return await self._inner.deployed(cluster)

    async def workloads(self, cluster: str | None, namespace: str) -> tuple[Workload, ...]:
        self._look(cluster)
        return await self._inner.workloads(cluster, namespace)


def without(cluster: str, error: type[Exception] = TemporaryError) -> Wrap:
    """Make a bot to which that cluster gives no answer, or a refusal."""
    return lambda outside: replace(outside, namespaces=_Without(outside.namespaces, cluster, error))
