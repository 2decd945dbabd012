"""The catalogues that were loaded, so that each load's difference can go on the record."""

from datetime import datetime

from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.catalog import Catalog
from bot.store.tables import CatalogRow


async def newest(session: AsyncSession) -> Catalog | None:
    """Read the catalogue that was loaded last, if this database ever saw one.

    One that a newer version stored, with keys that this one doesn't know, counts as none: the two
    run side by side for the time of a rollout, and only the difference would be told of.
    """
    found = await session.exec(select(CatalogRow.body).order_by(col(CatalogRow.id).desc()).limit(1))
    body = found.first()
    if body is None:
        return None
    try:
        return Catalog.model_validate_json(body)
    except ValidationError:
        return None


async def newest_fingerprint(session: AsyncSession) -> str | None:
    """Read which catalogue is in force, without reading all of it."""
    query = select(CatalogRow.fingerprint).order_by(col(CatalogRow.id).desc()).limit(1)
    return (await session.exec(query)).first()


async def insert(session: AsyncSession, catalog: Catalog, fingerprint: str, now: datetime) -> None:
    """Store a newly loaded catalogue."""
    session.add(
        CatalogRow(
            fingerprint=fingerprint, loaded_at=now, body=catalog.model_dump_json(by_alias=True)
        )
    )
    await session.flush()
