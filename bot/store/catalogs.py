"""The catalogues that were loaded, so that each load's difference can go on the record."""

from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.catalog import Catalog
from bot.store.tables import CatalogRow


async def newest(session: AsyncSession) -> Catalog | None:
    """Read the catalogue that was loaded last, if this database ever saw one."""
    found = await session.exec(select(CatalogRow.body).order_by(col(CatalogRow.id).desc()).limit(1))
    body = found.first()
    return Catalog.model_validate_json(body) if body else None


async def insert(session: AsyncSession, catalog: Catalog, fingerprint: str, now: datetime) -> None:
    """Store a newly loaded catalogue."""
    session.add(
        CatalogRow(
            fingerprint=fingerprint, loaded_at=now, body=catalog.model_dump_json(by_alias=True)
        )
    )
    await session.flush()
