"""Signed checkpoints of the record: each hour and each so many entries, once for all replicas.

Called each minute by `schedule`, and by `release-bot audit checkpoint`. One transaction stores
the checkpoint and its message; the file follows from what is stored, so that a crash in between
loses nothing. No entry tells of it: then a record at rest would never rest.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.audit import stamp
from bot.domain.checkpoints import Checkpoint, Signed, read_notes
from bot.engine.record import CHECKPOINT
from bot.engine.signing import Signer
from bot.engine.world import World
from bot.errors import TemporaryError
from bot.store import audit, checkpoints, jobs, outbox
from bot.store.session import Session, Store
from bot.views import record_lines

log = structlog.get_logger()

NAME = CHECKPOINT

EVERY = timedelta(hours=1)
"""How old the newest checkpoint may be while the record grows."""


@dataclass(frozen=True)
class CheckpointFile:
    """What is kept beside the bot: how to read all of it, and how to add to it (fsync)."""

    name: str
    read: Callable[[], str]
    append: Callable[[str], None]


@dataclass(frozen=True)
class Keeping:
    """How checkpoints are made. `entries`: so many new ones are enough before the hour is over."""

    signer: Signer
    entries: int
    file: CheckpointFile | None = None


async def checkpoint_if_due(world: World, keeping: Keeping) -> bool:
    """Make a checkpoint if it is time for one; whether this call did. The file catches up."""
    try:
        made = await _made_if_due(world, keeping)
    except TemporaryError as error:
        log.warning("job_skipped", job=NAME, error=str(error))
        return False
    if keeping.file is not None:
        await _filed(world.store, keeping.file)
    if made is not None:
        world.mail.tell()
        log.info("checkpoint_made", seq=made.checkpoint.seq, key=made.key_id)
    return made is not None


async def _made_if_due(world: World, keeping: Keeping) -> Signed | None:
    now = world.clock.now()
    async with world.store.read() as session:
        if not await _is_due(session, now, keeping.entries):
            return None
    minute = now.replace(second=0, microsecond=0)
    rules = world.catalog().audit
    async with world.store.write() as session:
        if not await jobs.claim(session, NAME, minute):
            return None
        return await take(session, keeping.signer, now, rules.checkpoints if rules else None)


async def _is_due(session: Session, now: datetime, entries: int) -> bool:
    seq, _ = await audit.head(session)
    newest = await checkpoints.newest(session)
    if newest is None:
        return seq > 0
    before, at = newest
    return seq > before and (now - at >= EVERY or seq - before >= entries)


async def take(
    session: Session, signer: Signer, now: datetime, channel: str | None
) -> Signed | None:
    """Sign the head as it is; None where the newest checkpoint has it already."""
    seq, link = await audit.head(session)
    newest = await checkpoints.newest(session)
    if seq == 0 or (newest is not None and newest[0] >= seq):
        return None
    made = signer.sign(Checkpoint(seq=seq, hash=link, at=stamp(now)))
    await checkpoints.put(session, seq, now, made.note())
    if channel is not None:
        message = record_lines.checkpoint(made)
        await outbox.put(session, "post", f"{NAME}:{seq}", message, now, channel=channel)
    return made


async def _filed(store: Store, file: CheckpointFile) -> None:
    try:
        count = await file_missing(store, file)
    except TemporaryError as error:
        log.warning("job_skipped", job=NAME, error=str(error))
    except OSError as error:
        log.error("checkpoint_not_filed", file=file.name, error=error.strerror)
    else:
        if count:
            log.info("checkpoint_filed", file=file.name, count=count)


async def file_missing(store: Store, file: CheckpointFile) -> int:
    """Add to the file what it lacks; count that. Raises OSError where it can't be written.

    A checkpoint that was stored before a crash is added by whoever comes next.
    """
    kept, _ = read_notes(await asyncio.to_thread(file.read), file.name)
    newest = max((one.checkpoint.seq for one in kept), default=0)
    async with store.read() as session:
        missing = await checkpoints.notes(session, after=newest)
    if missing:
        text = "".join(f"{note}\n" for _, note in missing)
        await asyncio.to_thread(file.append, text)
    return len(missing)
