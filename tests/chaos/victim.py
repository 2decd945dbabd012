"""A real bot process that kills itself with SIGKILL at the n-th boundary.

A boundary is the moment before or after each effect outside and each commit. The bot itself
knows nothing of this: its ports are wrapped, and its database engine is listened to.
"""

import asyncio
import os
import signal
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import event

from bot.app import App, Outside
from bot.engine.world import Limits
from bot.settings import Settings
from integrations.catalog_file import parse_catalog

EFFECTS = frozenset(
    {"change_slot", "shift", "point_preview", "dispatch", "cancel_run", "post", "update", "whisper"}
    | {"create_deployment", "show_deployment", "show_commit", "start_job", "delete_job"}
)

LIMITS = Limits(
    grace=timedelta(seconds=2),
    run_poll=timedelta(seconds=0.2),
    run_resync=timedelta(seconds=0.5),
    pod_poll=timedelta(seconds=0.1),
    bake_poll=timedelta(seconds=0.1),
)


@dataclass(frozen=True)
class Orders:
    """What a victim is told. `kill_at` None: live on."""

    settings: dict[str, Any]
    catalog: str
    kill_at: int | None
    trace: str
    """File to which the boundary at which it died is appended."""


class Fate:
    """Counts boundaries and strikes at the given one."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._count = 0
        self.armed = False

    def at(self, name: str) -> None:
        if not self.armed:
            return
        self._count += 1
        if self._count == self._orders.kill_at:
            with open(self._orders.trace, "a") as file:  # noqa: PTH123 - it is about to die
                file.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)


class Struck:
    """A port whose effects have boundaries."""

    def __init__(self, port: Any, fate: Fate) -> None:
        self._port = port
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in EFFECTS:
            return found

        async def effect(*args: Any, **kwargs: Any) -> Any:
            self._fate.at(f"before {name}")
            result = await found(*args, **kwargs)
            self._fate.at(f"after {name}")
            return result

        return effect


def run(orders: Orders) -> None:
    """Live until killed."""
    asyncio.run(_run(orders))


async def _run(orders: Orders) -> None:
    fate = Fate(orders)

    def wrap(outside: Outside) -> Outside:
        return replace(
            outside,
            chat=Struck(outside.chat, fate),
            source=Struck(outside.source, fate),
            cluster=Struck(outside.cluster, fate),
            jobs=Struck(outside.jobs, fate),
        )

    app = App(
        Settings.model_validate(orders.settings),
        parse_catalog(orders.catalog).catalog,
        limits=LIMITS,
        wrap=wrap,
        io_seconds=3.0,
    )
    engine = app.store.writer.sync_engine
    event.listen(engine, "commit", lambda _: fate.at("before commit"))
    event.listen(engine, "checkin", lambda *_: fate.at("after commit"))
    await app.start()
    fate.armed = True
    await asyncio.Event().wait()
