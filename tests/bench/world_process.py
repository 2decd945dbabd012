"""The simulated systems as a process of their own, for figures of a bot that lives in this one.

`python -m tests.bench.world_process KUBECONFIG ENVIRONMENTS` prints where they listen and ends
with its input; so many environments that come and go are in the cluster.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from integrations.simulated.kubernetes.namespaces import seed_passing
from tests.chaos.driver import RealClock
from tests.tester import World

REPOSITORIES = 4


async def _live(kubeconfig: Path, environments: int) -> None:
    world = await World.made(RealClock())  # type: ignore[arg-type]
    world.seed()
    for number in range(environments):
        _seed_environment(world, number)
    world.kubernetes.kubeconfig(kubeconfig, ["main"])
    settings = {
        "slack_bot_token": world.slack.token,
        "slack_signing_secret": "shh",
        "slack_api_url": f"{world.slack.url}/api/",
        "github_token": "t",
        "github_api_url": world.github.url,
        "kubeconfig": str(kubeconfig),
    }
    sys.stdout.write(json.dumps(settings) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await world.stop()


def _seed_environment(world: World, number: int) -> None:
    """Make one with its branch; of ten some are expired, merged, gone or forgotten."""
    repository, branch = f"quantivista/repo-{number % REPOSITORIES}", f"feature/{number}"
    world.github.repository(repository)
    branching = world.github.branching
    branching.open(repository, number, branch)
    if number % 10 in (1, 2):
        branching.close(repository, number, merge=number % 10 == 1, delete=True)
    marks = {"release-bot/branch": branch, "release-bot/repository": repository}
    if number % 10 == 3:
        marks["release-bot/expires"] = "2020-01-01"
    seed_passing(
        world.kubernetes.cluster,
        f"pr-{number}-feature",
        age=timedelta(days=number % 60),
        deployed=timedelta(days=number % 20),
        annotations=marks,
        labels={"release-bot/owner": f"owner-{number % 97}"},
    )


@asynccontextmanager
async def another_world(folder: Path, environments: int = 0) -> AsyncIterator[dict[str, Any]]:
    """Start one, and give the settings of a bot that is to live on it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(folder / "kubeconfig"), str(environments)),
        stdin=pipe,
        stdout=pipe,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(await process.stdout.readline())
    process.stdin.close()
    await process.wait()


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1]), int(sys.argv[2])))
