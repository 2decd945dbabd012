"""Removes entries of the record that are older than they need be kept, behind a signed anchor.

Called by `release-bot audit prune`, in two halves: `look` says what would go, in the session that
the export is read in; once that is written and verified `remove` does it, in one transaction that
goes on the record. A crash at any moment leaves all of it or none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.anchors import Anchors, Removal, SignedAnchor, furthest
from bot.domain.audit import MENTION, AuditEntry, AuditTag, mentioned
from bot.domain.audit import stamp as stamped
from bot.domain.checkpoints import Signed
from bot.engine import proof
from bot.engine.signing import Signer
from bot.store import anchors, audit, checkpoints, people
from bot.store.session import Session
from bot.views import record_lines


class PruneFault(Exception):  # noqa: N818 - it is told, as a fault of the record is
    """Entries can't be removed; the sentence says why. Nothing was changed."""


async def look(
    session: Session, before: datetime, keys: Mapping[str, bytes], kept: Sequence[Signed] = ()
) -> Removal:
    """Say what would go. PruneFault: the record isn't whole, or nothing can go.

    It reads the whole record, in a session that sees one state (`audit.snapshot`). Times hardly
    ever run backwards, but may: it stops at the first entry that is younger.
    """
    if not await anchors.may_remove(session):
        raise PruneFault(
            "Only the owner of the record's tables may remove entries; DATABASE_URL names another."
        )
    proved = await proof.prove(session, keys, kept)
    if proved.faults:
        raise PruneFault(record_lines.not_whole(proved.faults))
    begin = proved.anchors.begin[0]
    limit = await _last_before(session, begin, stamped(before))
    covered = furthest([seq for seq, _ in await checkpoints.notes(session)], begin, limit)
    if covered is None:
        raise PruneFault(record_lines.nothing_to_prune(before, limit - begin))
    return await _removal(session, proved, covered)


async def _last_before(session: Session, begin: int, before: str) -> int:
    last = begin
    async for row in audit.rows(session, begin + 1):
        if AuditEntry.model_validate_json(row.body).at >= before:
            break
        last = row.seq
    return last


async def _removal(session: Session, proved: proof.Proof, last: int) -> Removal:
    """Read what is known of the entries, and of whom only they tell."""
    first = proved.anchors.begin[0] + 1
    ends: list[tuple[str, str]] = []
    gone: set[str] = set()
    stay: set[str] = set()
    async for row in audit.rows(session, first):
        entry = AuditEntry.model_validate_json(row.body)
        (gone if entry.seq <= last else stay).update(_who(entry))
        if entry.seq in {first, last}:
            ends.append((entry.at, row.hash))
    known = await people.names(session)
    newest = proved.anchors.newest
    return Removal(
        first=first,
        last=last,
        hash=ends[-1][1],
        since=ends[0][0],
        until=ends[-1][0],
        texts=await anchors.texts_upto(session, last),
        users=tuple(sorted(known[name] for name in gone - stay if name in known)),
        head=proved.head[0],
        **({"after": newest.digest()} if newest else {}),
    )


def _who(entry: AuditEntry) -> frozenset[str]:
    """List whom an entry tells of, by hash."""
    named = mentioned(entry.data, MENTION)
    return named | {entry.actor} if entry.actor else named


async def remove(
    session: Session, found: Removal, signer: Signer, now: datetime, export: str, by: str
) -> SignedAnchor:
    """Remove what `look` found and an export has, and put that on the record.

    `export`: SHA-256 of its manifest; `by`: a Slack id. PruneFault: meanwhile it has become
    another record than the export was made of.
    """
    # The head first, as everybody does: nobody appends, erases or removes beside this.
    await audit.lock(session)
    if (await _told(session)).begin[0] != found.first - 1:
        raise PruneFault("Somebody else has removed entries meanwhile. Look again.")
    users = await _forgotten(session, found, by)
    actor = await people.hash_of(session, by)
    signed = signer.sign_anchor(found.anchor(export, actor, stamped(now)))
    anchor = signed.anchor
    await anchors.put(session, anchor.seq, anchor.first, now, signed.note())
    entries, texts = await anchors.remove(session, anchor.first, anchor.seq)
    if (entries, texts) != (found.count, found.texts):
        raise PruneFault(f"There are {entries} entries and {texts} texts to remove. Look again.")
    await audit.append(
        session,
        AuditTag.RECORD_PRUNED,
        "record",
        now,
        actor=by,
        via="cli",
        anchor=anchor.digest(),
        first=anchor.first,
        last=anchor.seq,
        last_hash=anchor.hash,
        entries=entries,
        texts=texts,
        people=len(users),
        since=anchor.since,
        until=anchor.until,
        export=anchor.export,
    )
    await anchors.forget(session, users)
    return signed


async def _told(session: Session) -> Anchors:
    return (await proof.read_anchors(session))[0]


async def _forgotten(session: Session, found: Removal, by: str) -> list[str]:
    """List whom no entry tells of any more, after a look at what was appended since.

    Who was erased since stands in the export: then it must be made anew, without them.
    """
    named: set[str] = set()
    async for row in audit.rows(session, found.head + 1):
        entry = AuditEntry.model_validate_json(row.body)
        if entry.tag == AuditTag.PERSON_ERASED:
            raise PruneFault(
                "Somebody was erased while the export was made, and it has their data. "
                "Delete it, and begin again."
            )
        named |= _who(entry)
    known = await people.names(session)
    again = {known[name] for name in named if name in known}
    return [user for user in found.users if user not in {*again, by}]
