"""A real process that removes old entries of the record, and kills itself at the n-th statement."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from bot.domain.checkpoints import read_keys, written_key
from bot.engine.signing import Signer
from bot.record_prune import Prune
from bot.store.session import Store
from tests.store import records

BEFORE = records.START + timedelta(hours=20)
NOW = records.START + timedelta(days=4000)


def run(database: str, pem: str, folder: str, kill_at: int, trace: str) -> None:
    """Live until killed, or until it is done."""
    asyncio.run(_run(database, Signer(pem), Path(folder), kill_at, Path(trace)))


async def _run(database: str, signer: Signer, folder: Path, kill_at: int, trace: Path) -> None:
    count = 0

    def strike(what: str) -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            with trace.open("a") as file:
                file.write(f"{what}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(*args: Any) -> None:
        strike(" ".join(args[2].split()[:3]))

    store = Store(database)
    writer = store.writer.sync_engine
    event.listen(writer, "before_cursor_execute", statement)
    event.listen(writer, "commit", lambda _: strike("before commit"))
    event.listen(writer, "checkin", lambda *_: strike("after commit"))
    keys = read_keys(written_key(signer.public))
    work = Prune(store, signer, BEFORE, NOW, 2557, keys)
    await work.carry_out(folder, "U0CY")
    await store.close()
