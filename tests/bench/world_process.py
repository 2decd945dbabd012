"""The simulated systems as a process of their own, for figures of a bot that lives in this one.

`python -m tests.bench.world_process KUBECONFIG` prints where they listen and ends with its input.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.chaos.driver import RealClock
from tests.tester import World


async def _live(kubeconfig: Path) -> None:
    world = await World.made(RealClock())  # type: ignore[arg-type]
    world.seed()
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


@asynccontextmanager
async def another_world(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Start one, and give the settings of a bot that is to live on it."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(folder / "kubeconfig"), stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(await process.stdout.readline())
    process.stdin.close()
    await process.wait()


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1])))
