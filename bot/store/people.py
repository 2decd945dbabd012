"""The salts that tie people to their hashes in the record. Used by `audit` and `erasure`."""

import secrets
from collections.abc import Iterable

from sqlalchemy import bindparam
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.audit import person_hash
from bot.store.inserts import unless_there
from bot.store.record_tables import PEOPLE, PersonRow

_SALT = select(PEOPLE.c.salt).where(PEOPLE.c.user == bindparam("user"))


async def hash_of(session: AsyncSession, user: str) -> str:
    """Give a person's hash; whoever has no salt yet gets one."""
    salt: str | None = session.info.get(user) or await _salt(session, user)
    if salt is None:
        new = {"user": user, "salt": secrets.token_hex(16)}
        await session.exec(unless_there(session, PEOPLE), params=new)
        salt = await _salt(session, user)
    session.info[user] = salt
    return person_hash(salt or "", user)


async def hashes_of(session: AsyncSession, users: Iterable[str]) -> dict[str, str]:
    """Give several people's hashes, by Slack id."""
    # In one order, so that two transactions never wait for one another's new salts.
    return {user: await hash_of(session, user) for user in sorted(users)}


async def _salt(session: AsyncSession, user: str) -> str | None:
    found = await session.exec(_SALT, params={"user": user})
    return found.one_or_none()


async def names(session: AsyncSession) -> dict[str, str]:
    """Map hashes in the record to Slack ids, for those who were not erased."""
    return {name: user for name, (user, _) in (await salts(session)).items()}


async def salts(session: AsyncSession) -> dict[str, tuple[str, str]]:
    """Map hashes in the record to Slack id and salt: with the salt anybody can check the hash."""
    rows = await session.exec(select(PersonRow))
    return {person_hash(row.salt, row.user): (row.user, row.salt) for row in rows.all()}
