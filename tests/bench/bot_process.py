"""`release-bot serve` as a process of its own, on a world that lives in this one."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from integrations.simulated.slack import Message
from tests.tester import CHANNEL, World

PATIENCE = 60.0


class Process:
    """A server in a process of its own. `environment` is added to this one's."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self.url = url
        self.environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, *command: str) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **self.environment}
        )
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110 - a process rings no bell
                await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{self.url}/readyz") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def memory(self) -> float:
        """Resident memory in megabytes, as the kernel counts it."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if "VmRSS" in line)
        return int(kilobytes) / 1024

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()


class BotProcess(Process):
    """The bot. `environment` holds its settings."""

    def __init__(self, world: World, folder: Path, catalog: str) -> None:
        (folder / "catalog.yaml").write_text(catalog)
        port = free_port()
        settings = {
            "SLACK_BOT_TOKEN": world.slack.token,
            "SLACK_SIGNING_SECRET": "shh",
            "SLACK_API_URL": f"{world.slack.url}/api/",
            "GITHUB_TOKEN": "t",
            "GITHUB_API_URL": world.github.url,
            "KUBECONFIG": str(world.kubernetes.kubeconfig(folder / "kubeconfig", ["main"])),
            "DATABASE_URL": f"sqlite:///{folder}/bot.db",
            "RELEASE_BOT_CATALOG": str(folder / "catalog.yaml"),
            "PORT": str(port),
            "LOG_LEVEL": "ERROR",
        }
        super().__init__(f"http://127.0.0.1:{port}", settings)
        self._world = world

    async def start(self) -> None:
        """Start it; Slack sends to it from now on."""
        await self.run(sys.executable, "-m", "bot", "serve")
        self._world.slack.app.url = f"{self.url}/slack/events"
        space = self._world.slack.space
        ts = space.next_ts(self._world.slack.now())
        # Any message will do for a click.
        space.channel(CHANNEL).messages[ts] = Message(channel=CHANNEL, ts=ts, text="A message")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
