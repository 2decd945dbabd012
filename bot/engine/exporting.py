"""Reads the record for an export: entries, who stands behind them, what was written.

Used by the command line. Reads only; a record that is broken is not exported (`ExportFault`).
"""

import json
from collections.abc import AsyncIterator, Mapping

from bot.domain.audit import MENTION, Chained, Fault, Text, mentioned
from bot.domain.audit import stamp as stamped
from bot.domain.catalog import Catalog
from bot.domain.exports import Exported, Identity, Selection
from bot.store import audit, audit_texts, catalogs, people
from bot.store.session import Session

_PAGE = 500


class ExportFault(Exception):  # noqa: N818 - it is told, as a fault of the record is
    """The record can't be exported; the sentence says why."""


async def bounds(session: Session, selection: Selection) -> tuple[int, int] | None:
    """Say which entries a period spans, first and last; None where it has none.

    Times hardly ever run backwards, but may: so all between the first and the last is exported,
    and the chain in it is whole.
    """
    since = stamped(selection.since) if selection.since else ""
    until = stamped(selection.until) if selection.until else "~"
    first, last = 0, 0
    async for row in audit.rows(session, last=selection.through, subject=selection.release):
        if since <= _time(row.body) < until:
            first, last = first or row.seq, row.seq
    return (first, last) if first else None


def _time(body: str) -> str:
    try:
        return str(json.loads(body)["at"])
    except (ValueError, KeyError, TypeError):
        return ""


async def identities(session: Session) -> dict[str, Identity]:
    """Say who stands behind each hash, as the catalogue in force ties them."""
    catalog = await catalogs.newest(session)
    return {
        name: _identity(catalog, user, salt)
        for name, (user, salt) in (await people.salts(session)).items()
    }


def _identity(catalog: Catalog | None, user: str, salt: str) -> Identity:
    person = catalog.people.get(user) if catalog else None
    if person is None:
        return Identity(slack=user, salt=salt)
    return Identity(slack=user, salt=salt, github=person.github, name=person.name)


async def read(
    session: Session, first: int, last: int, release: str | None = None
) -> AsyncIterator[Exported]:
    """Read the entries of a span. Raises ExportFault at one that was changed."""
    known = await identities(session)
    page: list[Chained] = []
    async for row in audit.rows(session, first, last, release):
        link = row.read()
        if isinstance(link, Chained) and link.entry.hash() != link.hash:
            link = Fault(seq=row.seq, what="its content was changed after it was written")
        if isinstance(link, Fault):
            raise ExportFault(f"Entry {link.seq} is bad: {link.what}. `audit verify` says more.")
        page.append(link)
        if len(page) == _PAGE:
            for one in await _page(session, page, known):
                yield one
            page = []
    for one in await _page(session, page, known):
        yield one


async def _page(
    session: Session, links: list[Chained], known: Mapping[str, Identity]
) -> list[Exported]:
    if not links:
        return []
    texts = await audit_texts.between(session, links[0].entry.seq, links[-1].entry.seq)
    return [exported(link, texts.get(link.entry.seq, []), known) for link in links]


def exported(link: Chained, texts: list[Text], known: Mapping[str, Identity]) -> Exported:
    """Put beside an entry what is known of it."""
    hashes = {link.entry.actor, *mentioned(link.entry.data, MENTION)}
    who = {name: one for name, one in known.items() if name in hashes}
    return Exported(link=link, who=who, texts=tuple(sorted(texts, key=lambda one: one.field)))
