"""The record: entries, their canonical form, the hash chain, and its verification."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.value import Value, canonical, digest

GENESIS = "0" * 64
"""Previous hash of the first entry."""


class AuditTag(StrEnum):
    """What an entry is about: `subject:object:action`, a closed list."""

    RELEASE_REQUESTED = "person:release:requested"
    RELEASE_REFUSED = "bot:request:refused"
    PLAN_MADE = "bot:plan:made"
    PLAN_CHANGED = "bot:plan:changed"
    GATES_EVALUATED = "bot:gates:evaluated"
    RELEASE_APPROVED = "person:release:approved"
    RELEASE_REJECTED = "person:release:rejected"
    APPROVAL_VOIDED = "bot:approval:voided"
    APPROVAL_REUSED = "bot:approval:reused"
    APPROVAL_REMINDED = "bot:approval:reminded"
    RIGHT_LENT = "person:right:lent"
    RIGHT_TAKEN_BACK = "person:right:taken_back"
    CHECKLIST_TICKED = "person:checklist:ticked"
    CHECKLIST_UNTICKED = "person:checklist:unticked"
    RELEASE_CANCELLED = "person:release:cancelled"
    RELEASE_RETRIED = "person:release:retried"
    RELEASE_RESUMED = "person:release:resumed"
    RELEASE_PAUSED = "person:release:paused"
    RELEASE_PROMOTED = "person:release:promoted"
    ROLLBACK_ASKED = "person:rollback:asked"
    CAUSE_MENDED = "person:cause:mended"
    RELEASE_REPAIRED = "person:release:repaired"
    VERSION_ADOPTED = "person:version:adopted"
    ENVIRONMENT_EXTENDED = "person:environment:extended"
    ENVIRONMENT_KEPT = "person:environment:kept"
    REPORT_POSTED = "bot:report:posted"
    STATE_CHANGED = "bot:release:advanced"
    STEP_INTENDED = "bot:step:intended"
    STEP_DONE = "bot:step:done"
    STEP_FAILED = "bot:step:failed"
    RELEASE_HELD = "bot:release:held"
    PERSON_ASKED = "bot:person:asked"
    TARGET_LOCKED = "bot:target:locked"
    SLOT_SCALED_DOWN = "bot:slot:scaled_down"
    LEDGER_CHANGED = "bot:ledger:changed"
    CATALOG_LOADED = "bot:catalog:loaded"
    CATALOG_REFUSED = "bot:catalog:refused"


class AuditEntry(Value):
    """One entry as it is hashed. Names and Slack ids are in it as salted hashes only.

    `data` holds strings, integers, booleans and None: floats have no one spelling.
    """

    seq: int
    at: str
    tag: str
    subject: str
    actor: str | None
    data: dict[str, str | int | bool | None]
    previous: str

    def hash(self) -> str:
        """SHA-256 over the canonical form, which names the entry before."""
        return digest(canonical(self.model_dump(mode="json")))


class Chained(Value):
    """An entry with the hash that is stored beside it."""

    entry: AuditEntry
    hash: str


class Fault(Value):
    """Where the chain breaks: the first bad entry, and what is wrong with it."""

    seq: int
    what: str


def stamp(moment: datetime) -> str:
    """Write a moment for the record: UTC, microseconds, always the same length."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(chain: Iterable[Chained], head: tuple[int, str]) -> Fault | None:
    """Walk the chain from its first entry; None where each link holds and it ends at `head`.

    `head` is the sequence number and hash that the head row names: (0, GENESIS) when empty.
    """
    seq, previous = 0, GENESIS
    for link in chain:
        seq += 1
        fault = _check_link(link, seq, previous)
        if fault:
            return fault
        previous = link.hash
    if (seq, previous) != head:
        return Fault(
            seq=seq + 1, what=f"the head row names entry {head[0]}, the chain ends at {seq}"
        )
    return None


def _check_link(link: Chained, seq: int, previous: str) -> Fault | None:
    entry = link.entry
    if entry.seq != seq:
        return Fault(seq=seq, what=f"entry {seq} is missing; {entry.seq} stands in its place")
    if entry.previous != previous:
        return Fault(seq=seq, what="it does not follow from the entry before it")
    if entry.hash() != link.hash:
        return Fault(seq=seq, what="its content was changed after it was written")
    return None


def person_hash(salt: str, user: str) -> str:
    """Hash a person's id for the record. Erase the salt, and nobody can tell who it was."""
    return digest(f"{salt}:{user}")[:32]
