"""Finds and overwrites what names a person, in every table but the chain. Used by `erasing`.

A table that is new and may hold a Slack id belongs here, and in docs/operate.md.
"""

import json
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Table, delete, func, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from bot.store.approving_tables import DELEGATIONS, TICKS
from bot.store.protection_tables import CHANGES, PROTECTIONS
from bot.store.record_tables import AUDIT, AUDIT_TEXTS, PEOPLE
from bot.store.review_tables import REVIEWS
from bot.store.tables import (
    APPROVALS,
    CATALOGS,
    EVENTS,
    INBOX,
    NAMESPACES,
    OUTBOX,
    RELEASES,
    TARGETS,
    WISHES,
    CatalogRow,
    ReleaseRow,
)

Scrub = Callable[[dict[str, Any]], dict[str, Any]]


async def at_work(session: AsyncSession, user: str) -> list[str]:
    """List the releases that name the person and that the bot still has work with."""
    found = await session.exec(
        select(ReleaseRow.id)
        .where(
            or_(col(ReleaseRow.ended_at).is_(None), col(ReleaseRow.due_at).is_not(None)),
            col(ReleaseRow.body).contains(user, autoescape=True),
        )
        .order_by(col(ReleaseRow.created_at))
    )
    return list(found.all())


async def on_its_way(session: AsyncSession, user: str) -> int:
    """Count commands and messages that name the person and are not done with."""
    total = 0
    for table, done in ((INBOX, INBOX.c.done_at), (OUTBOX, OUTBOX.c.sent_at)):
        found = await session.exec(
            select(func.count())
            .select_from(table)
            .where(
                done.is_(None),
                table.c.due_at.is_not(None),
                or_(table.c.body.contains(user, autoescape=True), *_addressed(table, user)),
            )
        )
        total += found.one()
    return total


def _addressed(table: Table, user: str) -> list[Any]:
    return [table.c.user == user] if "user" in table.c else []


async def logins(session: AsyncSession, user: str) -> frozenset[str]:
    """List the GitHub logins that any stored catalogue tied to the person."""
    found = await session.exec(
        select(CatalogRow.body).where(col(CatalogRow.body).contains(user, autoescape=True))
    )
    people = (json.loads(body).get("people", {}).get(user) or {} for body in found.all())
    return frozenset(one["github"] for one in people if one.get("github"))


async def counts(session: AsyncSession, user: str) -> dict[str, int]:
    """Count the rows that name the person, by what they are."""
    found = {}
    for what, table, where in _places(user):
        rows = await session.exec(select(func.count()).select_from(table).where(where))
        found[what] = rows.one()
    return {what: count for what, count in found.items() if count}


def _places(user: str) -> list[tuple[str, Table, Any]]:
    return [
        ("salt", PEOPLE, PEOPLE.c.user == user),
        ("text", AUDIT_TEXTS, _texts(user)),
        ("release", RELEASES, RELEASES.c.body.contains(user, autoescape=True)),
        ("approval", APPROVALS, or_(APPROVALS.c.user == user, APPROVALS.c.for_user == user)),
        ("lent right", DELEGATIONS, or_(DELEGATIONS.c.lender == user, DELEGATIONS.c.to == user)),
        ("tick", TICKS, TICKS.c.user == user),
        ("decision", WISHES, WISHES.c.by == user),
        ("command", INBOX, INBOX.c.body.contains(user, autoescape=True)),
        ("message", OUTBOX, or_(OUTBOX.c.user == user, OUTBOX.c.body.contains(user))),
        ("lock", TARGETS, or_(TARGETS.c.lock_by == user, TARGETS.c.lock_why.contains(user))),
        ("environment", NAMESPACES, NAMESPACES.c.said_by == user),
        ("review", REVIEWS, _reviews(user)),
        ("catalogue", CATALOGS, CATALOGS.c.body.contains(user, autoescape=True)),
    ]


def _reviews(user: str) -> Any:
    return or_(REVIEWS.c.done_by == user, REVIEWS.c.comment.contains(user, autoescape=True))


def _texts(user: str) -> Any:
    return or_(AUDIT_TEXTS.c.owner == user, AUDIT_TEXTS.c.text.contains(user, autoescape=True))


async def in_clear(session: AsyncSession, user: str) -> int:
    """Count the entries of the record that an older version wrote with the id in clear."""
    found = await session.exec(
        select(func.count()).select_from(AUDIT).where(AUDIT.c.body.contains(user, autoescape=True))
    )
    return found.one()


async def take_texts(session: AsyncSession, user: str) -> list[tuple[int, str]]:
    """Delete what the person wrote and what mentions them, beside the record; name each."""
    query = select(AUDIT_TEXTS.c.seq, AUDIT_TEXTS.c.field).where(_texts(user))
    found = await session.exec(query.order_by(AUDIT_TEXTS.c.seq, AUDIT_TEXTS.c.field))
    taken = [(seq, name) for seq, name in found.all()]
    await session.exec(delete(AUDIT_TEXTS).where(_texts(user)))
    await session.exec(delete(PEOPLE).where(PEOPLE.c.user == user))
    return taken


async def overwrite(session: AsyncSession, user: str, pseudonym: str, why: Scrub) -> None:
    """Put the pseudonym where columns hold the id, and empty what is done with.

    `why` gives the text of a lock without the person.
    """
    said = {"user": pseudonym, "comment": None}
    await session.exec(update(APPROVALS).where(APPROVALS.c.user == user).values(said))
    lent = update(APPROVALS).where(APPROVALS.c.for_user == user)
    await session.exec(lent.values(for_user=pseudonym))
    for column in (DELEGATIONS.c.lender, DELEGATIONS.c.to):
        rows = update(DELEGATIONS).where(column == user)
        await session.exec(rows.values({column: pseudonym, DELEGATIONS.c.reason: None}))
    await session.exec(update(TICKS).where(TICKS.c.user == user).values(user=pseudonym))
    await session.exec(update(WISHES).where(WISHES.c.by == user).values(by=pseudonym))
    await session.exec(update(REVIEWS).where(_reviews(user)).values(comment=None))
    by = update(REVIEWS).where(REVIEWS.c.done_by == user)
    await session.exec(by.values(done_by=pseudonym))
    locked = update(TARGETS).where(TARGETS.c.lock_by == user)
    await session.exec(locked.values(lock_by=pseudonym))
    named = await session.exec(
        select(TARGETS.c.service, TARGETS.c.environment, TARGETS.c.lock_why).where(
            TARGETS.c.lock_why.contains(user, autoescape=True)
        )
    )
    for service, environment, text in named.all():
        place = (TARGETS.c.service == service, TARGETS.c.environment == environment)
        plain = why({"why": text})["why"]
        await session.exec(update(TARGETS).where(*place).values(lock_why=plain))
    own = update(NAMESPACES).where(NAMESPACES.c.said_by == user)
    await session.exec(own.values(said_by=pseudonym))
    # The keys stay: by them a repeat of what is done with is known.
    done = update(INBOX).where(INBOX.c.body.contains(user, autoescape=True))
    await session.exec(done.values(body="{}"))
    sent = or_(OUTBOX.c.user == user, OUTBOX.c.body.contains(user, autoescape=True))
    gone = {"body": '{"text": "(erased)"}', "user": None}
    await session.exec(update(OUTBOX).where(sent).values(gone))


async def rewrite(
    session: AsyncSession, needles: Collection[str], scrub_release: Scrub, scrub: Scrub
) -> None:
    """Write the values anew that hold the id or a login deep within."""
    for table, key, function in (
        (RELEASES, RELEASES.c.id, scrub_release),
        (EVENTS, EVENTS.c.seq, scrub),
        (CATALOGS, CATALOGS.c.id, scrub),
        (PROTECTIONS, PROTECTIONS.c.key, scrub),
        (CHANGES, CHANGES.c.key, scrub),
    ):
        holds = or_(*(table.c.body.contains(needle, autoescape=True) for needle in needles))
        rows = await session.exec(select(key, table.c.body).where(holds))
        for name, body in rows.all():
            before = json.loads(body)
            after = function(before)
            if after != before:
                text = json.dumps(after, separators=(",", ":"), ensure_ascii=False)
                statement = update(table).where(key == name).values(body=text)
                await session.exec(statement)
