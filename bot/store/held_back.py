"""What rollbacks hold back: read from the locks on targets and the releases that hold them.

A lock that took the place of an earlier one names it (`lock_before`), so none is lost.
"""

from collections.abc import Iterable

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.domain.releases import Release
from bot.store.tables import ReleaseRow, TargetRow


async def holders(session: AsyncSession) -> list[Release]:
    """List every release whose rollback holds something back, in all places."""
    found = await session.exec(
        select(TargetRow.lock_holder).where(col(TargetRow.lock_holder).is_not(None))
    )
    return await _with_those_before(session, [holder for holder in found.all() if holder])


async def before(session: AsyncSession, release: Release) -> Release | None:
    """Find the last one before this for the same target that still holds something back."""
    earlier = await _with_those_before(session, [release.lock_before or ""])
    return next(iter(earlier), None)


async def _with_those_before(session: AsyncSession, ids: Iterable[str]) -> list[Release]:
    """Read these and those whose locks they took the place of, as far as they still hold."""
    found: list[Release] = []
    left = {release_id for release_id in ids if release_id}
    known: set[str] = set()
    while left:
        known |= left
        rows = await session.exec(select(ReleaseRow.body).where(col(ReleaseRow.id).in_(left)))
        read = [Release.model_validate_json(body) for body in rows.all()]
        found += [release for release in read if release.locks]
        left = {r.lock_before for r in read if r.lock_before} - known
    return found
