"""iCalendars as they were last read: text, digest, and the spans that they mean."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.calendar import Span
from bot.domain.stops import CalendarFact
from bot.domain.value import Value
from bot.store.inserts import insert_for
from bot.store.stop_tables import CALENDARS, CalendarRow


class Copy(Value):
    """A calendar's row. `read_at`: when its text was got; `spread_at`: when its spans were."""

    source: str
    digest: str | None = None
    body: str | None = None
    spans: tuple[Span, ...] = ()
    read_at: datetime | None = None
    spread_at: datetime | None = None
    zone: str | None = None
    tried_at: datetime | None = None
    problem: str | None = None


async def facts(session: AsyncSession, sources: Collection[str]) -> dict[str, CalendarFact]:
    """Read what the gates need of those calendars."""
    if not sources:
        return {}
    found = await session.exec(
        select(
            CalendarRow.source, CalendarRow.spans, CalendarRow.read_at, CalendarRow.problem
        ).where(col(CalendarRow.source).in_(list(sources)))
    )
    return {
        source: CalendarFact(spans=_spans(spans), read_at=read_at, problem=problem)
        for source, spans, read_at, problem in found.all()
    }


async def get(session: AsyncSession, source: str) -> Copy:
    """Read one whole; an empty one where it was never tried."""
    row = await session.get(CalendarRow, source, populate_existing=True)
    if row is None:
        return Copy(source=source)
    return Copy.model_validate({**row.model_dump(), "spans": _spans(row.spans)})


async def put(session: AsyncSession, copy: Copy) -> None:
    """Write one whole."""
    values: dict[str, Any] = copy.model_dump(exclude={"spans"})
    values["spans"] = json.dumps([span.model_dump(mode="json") for span in copy.spans])
    await session.exec(
        insert_for(session)(CALENDARS)
        .values(**values)
        .on_conflict_do_update(index_elements=["source"], set_=values)
    )


async def keep_only(session: AsyncSession, sources: Collection[str]) -> None:
    """Forget the calendars that the catalogue no longer names."""
    await session.exec(delete(CALENDARS).where(CALENDARS.c.source.not_in(list(sources))))


def _spans(text: str | None) -> tuple[Span, ...]:
    return tuple(Span.model_validate(one) for one in json.loads(text or "[]"))
