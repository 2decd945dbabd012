"""Verifies the record: chain, head, texts beside it, and checkpoints here and kept elsewhere.

Called by `release-bot audit verify` and `audit prune`. Reads only, a page at a time. Where old
entries were removed the chain begins at the newest anchor, and the anchors are verified too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.anchors import Anchors, read_anchor
from bot.domain.audit import GENESIS, AuditEntry, AuditTag, Chained, Fault, Walk, check_texts
from bot.domain.checkpoints import Signed, judge, read_notes
from bot.engine.signing import verify
from bot.store import anchors, audit, audit_texts, checkpoints
from bot.store.session import Session

HERE = "the database"

_PAGE = 500


@dataclass
class Proof:
    """What was found. `faults` come in the order of the entries; none: the record is whole."""

    entries: int = 0
    head: tuple[int, str] = (0, GENESIS)
    stored: int = 0
    kept: int = 0
    """Checkpoints in the database, and elsewhere, that agree or were found wrong."""
    erased: int = 0
    """Texts that an erasure took."""
    anchors: Anchors = field(default_factory=Anchors)
    """Where entries were removed."""
    signatures: bool = False
    """Whether there was a key to check signatures by."""
    faults: list[Fault] = field(default_factory=list)


class _Reader:
    """One walk over the record."""

    def __init__(self, wanted: frozenset[int], begin: tuple[int, str]) -> None:
        self._begin = begin[0]
        self._walk = Walk(begin)
        self._wanted = wanted
        self._gone: list[tuple[int, str]] = []
        self._erased: set[str] = set()
        self.hashes: dict[int, str] = {begin[0]: begin[1]} if begin[0] else {}
        self.named: dict[str, int] = {}
        """Anchors that entries name, and which entry does."""
        self.count = 0
        self.faults: list[Fault] = []

    @property
    def broken(self) -> bool:
        return bool(self.faults)

    async def read(self, session: Session) -> None:
        page: list[AuditEntry] = []
        await self._left(session)
        async for row in audit.rows(session):
            link = row.read()
            fault = link if isinstance(link, Fault) else self._step(link)
            if fault is not None or isinstance(link, Fault):
                self.faults += [fault] if fault else []
                break
            self.count += 1
            if link.entry.seq in self._wanted:
                self.hashes[link.entry.seq] = link.hash
            page.append(link.entry)
            if len(page) == _PAGE:
                await self._texts(session, page)
                page = []
        await self._texts(session, page)

    def _step(self, link: Chained) -> Fault | None:
        if link.entry.seq <= self._begin:
            return Fault(seq=link.entry.seq, what="it is there, and an anchor says it was removed")
        return self._walk.step(link)

    async def _left(self, session: Session) -> None:
        """Find texts that should have gone with their entries."""
        for seq in await audit_texts.between(session, -1, self._begin):
            what = "a text of it is there, and there is no such entry"
            self.faults.append(Fault(seq=seq, what=what))

    async def _texts(self, session: Session, entries: Sequence[AuditEntry]) -> None:
        if not entries:
            return
        found = await audit_texts.between(session, entries[0].seq, entries[-1].seq)
        for entry in entries:
            if entry.tag == AuditTag.PERSON_ERASED:
                self._erased |= set(str(entry.data.get("erased") or "").split())
            elif entry.tag == AuditTag.RECORD_PRUNED and "anchor" in entry.data:
                self.named[str(entry.data["anchor"])] = entry.seq
            fault, gone = check_texts(entry, found.get(entry.seq, []))
            self._gone += [(entry.seq, name) for name in gone]
            self.faults += [fault] if fault else []

    def end(self, head: tuple[int, str]) -> int:
        """Judge what only the end tells; count the texts that an erasure took."""
        if not self.broken:
            fault = self._walk.end(head)
            self.faults += [fault] if fault else []
        if self.broken:
            # The entry on an erasure may stand behind the one that is bad.
            return 0
        taken = [(seq, name) for seq, name in self._gone if f"{seq}:{name}" not in self._erased]
        self.faults += [
            Fault(seq=seq, what=f"its text {name} is gone, and no erasure is on record")
            for seq, name in taken
        ]
        return len(self._gone) - len(taken)

    @property
    def last(self) -> int:
        """How far the chain holds."""
        return self._walk.at[0]


async def prove(
    session: Session,
    keys: Mapping[str, bytes],
    kept: Sequence[Signed] = (),
    removed: Mapping[int, str] | None = None,
) -> Proof:
    """Verify all of it, in a session that sees one state (`audit.snapshot`).

    Without keys checkpoints' signatures are left out, and hashes are compared all the same; an
    anchor is a fault then. `removed`: hashes of entries that exports have, by number, for those
    that are no longer here.
    """
    stored, faults = await _stored(session)
    told, wrong = await read_anchors(session)
    both = [*stored, *kept]
    reader = _Reader(frozenset(one.checkpoint.seq for one in both), told.begin)
    await reader.read(session)
    head = await audit.head(session)
    erased = reader.end(head)
    faults += [*wrong, *told.faults(keys, verify), *_against(told, removed or {})]
    if not reader.broken:
        faults += told.untold(reader.named)
    known = [one for one in both if not reader.broken or one.checkpoint.seq <= reader.last]
    hashes = {**(removed or {}), **reader.hashes}
    faults += reader.faults + judge(known, hashes, reader.last, keys, verify, told.begin[0])
    return Proof(
        entries=reader.count,
        head=head,
        stored=len(stored),
        kept=len(kept),
        erased=erased,
        anchors=told,
        signatures=bool(keys),
        faults=sorted(faults, key=lambda fault: fault.seq),
    )


def _against(told: Anchors, removed: Mapping[int, str]) -> list[Fault]:
    """Compare anchors with an export of what they removed."""
    what = "the export of it has another hash than the anchor that says it was removed"
    return [
        Fault(seq=one.anchor.seq, what=what)
        for one in told.signed
        if removed.get(one.anchor.seq, one.anchor.hash) != one.anchor.hash
    ]


async def read_anchors(session: Session) -> tuple[Anchors, list[Fault]]:
    """Read where entries were removed; and a fault for each anchor that was changed."""
    found, faults = [], []
    for seq, first, note in await anchors.notes(session):
        one = read_anchor(note)
        if one is not None and (one.anchor.seq, one.anchor.first) == (seq, first):
            found.append(one)
        else:
            faults.append(Fault(seq=seq, what="the anchor that says it was removed was changed"))
    return Anchors(signed=tuple(found)), faults


async def _stored(session: Session) -> tuple[list[Signed], list[Fault]]:
    found, faults = [], []
    for seq, note in await checkpoints.notes(session):
        read, problems = read_notes(note, HERE)
        right = len(read) == 1 and not problems and read[0].checkpoint.seq == seq
        if right and read[0].note() == note:
            found += read
        else:
            faults.append(Fault(seq=seq, what="its checkpoint in the database was changed"))
    return found, faults
