"""A filled record, and what somebody with all rights might do to it."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from bot.domain.audit import GENESIS, AuditEntry, AuditTag
from bot.domain.value import digest
from bot.engine import checkpoints, proof
from bot.engine.signing import Signer, new_pair
from bot.store import audit
from bot.store.session import Session, Store
from migrations import guard

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEM, PUBLIC = new_pair()
SIGNER = Signer(PEM)
INSERT = (
    "INSERT INTO audit (seq, previous, hash, tag, subject, body) VALUES (:s, :p, :h, :t, :u, :b)"
)
WORDS = ("because", "it's urgent", "näher am Ziel", "<@U0BEN> asked", "")


async def fill(store: Store, count: int, begin: int = 0, start: datetime = START) -> None:
    """Append entries of all kinds, an hour apart, a transaction each."""
    for number in range(begin, begin + count):
        async with store.write() as session:
            await audit.append(
                session,
                list(AuditTag)[number % len(AuditTag)] if number % 9 else AuditTag.STEP_DONE,
                f"rel-{number % 5}",
                start + timedelta(hours=number),
                actor="U0ANA" if number % 3 else None,
                reason=audit.written(WORDS[number % len(WORDS)]) if number % 2 else None,
                gate=f"failed: held by <@U0DAN> since {number}",
                weight=number,
                moved=number % 2 == 0,
            )


async def checkpointed(store: Store, at: datetime = START) -> str:
    """Sign a checkpoint of the record as it is; its note."""
    async with store.write() as session:
        made = await checkpoints.take(session, SIGNER, at, None)
    assert made is not None
    return made.note()


async def unguarded(session: Session) -> None:
    """Take the guards down, as the tables' owner may."""
    connection = await session.connection()
    await connection.run_sync(guard.take_down)


@asynccontextmanager
async def tampering(store: Store) -> AsyncIterator[Session]:
    """A transaction without guards, of which nothing stays."""
    async with store.write() as session:
        await unguarded(session)
        yield session
        await session.rollback()


async def run(session: Session, statement: str, **values: object) -> int:
    connection = await session.connection()
    done = await connection.run_sync(lambda sync: sync.execute(text(statement), values))
    return done.rowcount


async def rows(session: Session, query: str) -> list[Any]:
    connection = await session.connection()
    return await connection.run_sync(lambda sync: list(sync.execute(text(query)).all()))


async def proven(session: Session) -> proof.Proof:
    from bot.domain.checkpoints import read_keys

    return await proof.prove(session, read_keys(PUBLIC))


Change = Callable[[Session, random.Random, int], Awaitable[str]]


async def edit(session: Session, dice: random.Random, _last: int) -> str:
    """Change one value of one row by one character."""
    table, column, where = dice.choice(
        [
            *(("audit", name, "seq") for name in ("body", "body", "hash", "tag", "subject")),
            ("audit", "previous", "seq"),
            ("audit_texts", "text", "seq"),
            ("audit_texts", "salt", "seq"),
            ("audit_head", "hash", "id"),
            ("audit_checkpoints", "note", "seq"),
        ]
    )
    await _edit(session, dice, table, column, where)
    return f"{table}.{column}"


async def edit_anchor(session: Session, dice: random.Random, _last: int) -> str:
    """Change one character of what says that entries were removed."""
    await _edit(session, dice, "audit_anchors", "note", "seq")
    return "anchor"


async def _edit(session: Session, dice: random.Random, table: str, column: str, where: str) -> None:
    found = await rows(session, f"SELECT {where}, {column} FROM {table} ORDER BY {where}")  # noqa: S608 - names from a test
    key, before = dice.choice(found)
    # A hash has no room for one more: PostgreSQL itself refuses what is longer.
    full = column in ("hash", "previous", "salt")
    at = dice.randrange(len(before) if full else len(before) + 1)
    after = (
        before[:at] + dice.choice("0a z=\"'") + before[at + (1 if full else dice.randrange(2)) :]
    )
    if after == before:
        after = before[:-1] + "~"
    await run(session, f"UPDATE {table} SET {column} = :v WHERE {where} = :k", v=after, k=key)  # noqa: S608 - likewise


async def _seqs(session: Session) -> list[int]:
    return sorted(row[0] for row in await rows(session, "SELECT seq FROM audit"))


async def delete(session: Session, dice: random.Random, _last: int) -> str:
    seq = dice.choice(await _seqs(session))
    await run(session, "DELETE FROM audit WHERE seq = :s", s=seq)
    return f"entry {seq} gone"


async def delete_text(session: Session, dice: random.Random, _last: int) -> str:
    seq = dice.choice(sorted(row[0] for row in await rows(session, "SELECT seq FROM audit_texts")))
    await run(session, "DELETE FROM audit_texts WHERE seq = :s", s=seq)
    return f"text of {seq} gone"


async def insert(session: Session, dice: random.Random, last: int) -> str:
    """Put an entry in that is right by itself, between two others or at the end."""
    after = dice.randint(min(await _seqs(session)) - 1, last)
    found = await rows(session, f"SELECT hash FROM audit WHERE seq = {after}")  # noqa: S608 - a number
    previous = found[0][0] if found else GENESIS
    await run(session, "UPDATE audit SET seq = -seq - 1 WHERE seq > :s", s=after)
    await run(session, "UPDATE audit SET seq = -seq WHERE seq < 0")
    entry = AuditEntry(
        seq=after + 1, at="t", tag="x", subject="s", actor=None, data={}, previous=previous
    )
    unique = previous if after == last else digest(f"{dice.random()}")
    await run(
        session,
        INSERT,
        s=entry.seq,
        p=unique,
        h=entry.hash(),
        t="x",
        u="s",
        b=entry.model_dump_json(),
    )
    return f"an entry after {after}"


async def reorder(session: Session, dice: random.Random, _last: int) -> str:
    """Let two entries change places."""
    one, other = dice.sample(await _seqs(session), 2)
    await run(session, "UPDATE audit SET seq = 0 WHERE seq = :s", s=one)
    await run(session, "UPDATE audit SET seq = :a WHERE seq = :b", a=one, b=other)
    await run(session, "UPDATE audit SET seq = :a WHERE seq = 0", a=other)
    return f"{one} and {other} changed places"


async def move_head(session: Session, dice: random.Random, last: int) -> str:
    to = dice.choice([seq for seq in range(last + 5) if seq != last])
    await run(session, "UPDATE audit_head SET seq = :s", s=to)
    return f"head at {to}"


CHANGES: tuple[Change, ...] = (edit, edit, edit, delete, delete_text, insert, reorder, move_head)


async def rewrite(session: Session, last: int) -> None:
    """Write the whole chain anew with another content, head and all: it is right by itself."""
    await run(session, "DELETE FROM audit_texts")
    await run(session, "DELETE FROM audit")
    previous = GENESIS
    for seq in range(1, last + 1):
        entry = AuditEntry(
            seq=seq, at="t", tag="x", subject="s", actor=None, data={}, previous=previous
        )
        await run(
            session,
            INSERT,
            s=seq,
            p=previous,
            h=entry.hash(),
            t="x",
            u="s",
            b=entry.model_dump_json(),
        )
        previous = entry.hash()
    await run(session, "UPDATE audit_head SET seq = :s, hash = :h", s=last, h=previous)


async def rewrite_old(session: Session) -> None:
    """Fill the record as a version before this one did: words and ids in clear."""
    previous = GENESIS
    for seq in range(1, 5):
        entry = AuditEntry(
            seq=seq,
            at="2026-03-01T09:00:00.000000Z",
            tag="person:release:requested",
            subject="rel-old",
            actor="ab" * 16,
            data={"reason": "because <@U0BEN> asked"},
            previous=previous,
        )
        await run(
            session,
            INSERT,
            s=seq,
            p=previous,
            h=entry.hash(),
            t=entry.tag,
            u=entry.subject,
            b=entry.model_dump_json(),
        )
        previous = entry.hash()
    await run(session, "UPDATE audit_head SET seq = 4, hash = :h", h=previous)
