"""Calls that a release costs at Slack and at GitHub, and the pace that a channel sees.

The bot runs in this process, on virtual time: what is counted does not hang on the machine. Its
peer is a bot that looks at each run every 15 s by itself, and asks GitHub nothing besides.
"""

from datetime import timedelta
from pathlib import Path

from tests.bench.figures import Figure
from tests.crowd import most_in_a_second, named, seed_staging, with_services
from tests.tester import BEN, CATALOG, CHANNEL, REPO, Bot, World

RUN_SECONDS = 300.0
"""How long the deployment's workflow runs."""

FORTY = 40
"""Releases that talk in one channel at the same time."""

PEER_POLLS = 2 * 60 / 15
"""Requests a minute of a bot that looks at a run and at its jobs every 15 s."""


async def measure(folder: Path) -> list[Figure]:
    """Release once with webhooks and once by Socket Mode, then forty at once."""
    (folder / "http").mkdir()
    (folder / "socket").mkdir()
    (folder / "forty").mkdir()
    heard = await _one(folder / "http", by_socket=False)
    polled = await _one(folder / "socket", by_socket=True)
    pace, each = await _forty(folder / "forty")
    peer = PEER_POLLS * RUN_SECONDS / 60
    return [
        Figure("Slack calls a release", heard[0], 20),
        Figure("Slack calls a release, forty at once", each, 20),
        Figure("messages a second in a channel at the most, forty at once", pace, 1),
        Figure("GitHub calls a release, webhooks", heard[1], 40),
        Figure("GitHub calls a release, Socket Mode", polled[1], 55),
        Figure(
            "GitHub calls a release, Socket Mode / what polling each run by itself adds",
            (polled[1] - heard[1]) / peer,
            1,
        ),
    ]


async def _one(folder: Path, *, by_socket: bool) -> tuple[int, int]:
    """Count the calls at Slack and at GitHub from the command until the release is live."""
    world = await World.made()
    world.seed()
    world.github.repository(REPO).workflows["deploy.yml"].duration = RUN_SECONDS
    bot = await Bot(world, _database(folder), folder, by_socket=by_socket).start()
    slack, github = len(world.slack.calls), len(world.github.journal)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")
    await bot.passes(timedelta(minutes=1))
    spent = len(world.slack.calls) - slack, len(world.github.journal) - github
    await bot.finish()
    await world.stop()
    return spent


async def _forty(folder: Path) -> tuple[int, float]:
    """Say how many messages at the most came in a second, and the calls of each release."""
    world = await World.made()
    world.seed()
    names = named("svc", FORTY)
    seed_staging(world, names)
    catalog = with_services(CATALOG, names)
    bot = await Bot(world, _database(folder), folder, catalog=catalog).start()
    before = len(world.slack.calls)
    for name in names:
        await bot.says(f"/release {name} v2.1.0 stage")
    while not all(release.ended for release in await bot.all_releases()):
        await bot.passes(timedelta(minutes=1))
    await bot.settles(3600)
    pace = most_in_a_second(world.slack.space.channel(CHANNEL))
    calls = len(world.slack.calls) - before
    await bot.finish()
    await world.stop()
    return pace, calls / FORTY


def _database(folder: Path) -> str:
    return f"sqlite:///{folder}/bot.db"
