"""What people said of environments that come and go: extended until, not stale until.

A row is about the namespace of that name that was there when it was said; who reads it compares
with the namespace's own age.
"""

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.namespaces import Said
from bot.store.inserts import insert_for, unless_there
from bot.store.tables import NAMESPACES, NamespaceRow

Place = tuple[str | None, str]
"""Kubeconfig context (None: the current one) and name."""


async def all_said(session: AsyncSession) -> dict[Place, Said]:
    """Read what was said of any of them."""
    rows = await session.exec(select(NamespaceRow))
    return {(row.cluster or None, row.name): _said(row) for row in rows.all()}


async def said_of(session: AsyncSession, place: Place) -> Said:
    """Read what was said of one, and keep others from saying something until this ends."""
    cluster, name = place
    here = {"cluster": cluster or "", "name": name}
    # A row that isn't there can't be locked.
    await session.exec(unless_there(session, NAMESPACES), params=here)
    found = await session.exec(select(NamespaceRow).filter_by(**here).with_for_update())
    return _said(found.one())


async def say(session: AsyncSession, place: Place, said: Said) -> None:
    """Write down what somebody said; it replaces what was said before."""
    cluster, name = place
    values = {
        "expires_at": said.expires_at,
        "kept_until": said.kept_until,
        "said_by": said.by,
        "said_at": said.at,
    }
    await session.exec(
        insert_for(session)(NAMESPACES)
        .values(cluster=cluster or "", name=name, **values)
        .on_conflict_do_update(index_elements=["cluster", "name"], set_=values)
    )


def _said(row: NamespaceRow) -> Said:
    return Said(
        by=row.said_by, at=row.said_at, expires_at=row.expires_at, kept_until=row.kept_until
    )
