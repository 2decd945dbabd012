"""The record: entries, their canonical form, the hash chain, and its verification.

No name, Slack id or word that a person wrote is in an entry in clear: what is erased later lies
beside the chain (`Text`, and the salts of people), and the chain holds salted hashes of it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from bot.domain.value import Value, canonical, digest

GENESIS = "0" * 64
"""Previous hash of the first entry."""

TEXT = "text:"
"""How a value of `data` begins that is the hash of a text kept beside the chain."""

_TEXT_HASH = re.compile(TEXT + "[0-9a-f]{64}")

SLACK_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
"""How Slack writes a person."""

MENTION = re.compile(r"<@([A-Za-z0-9]+)(?:\|[^>]*)?>")
"""The same, and how an entry has it: with the person's hash."""

Data = Mapping[str, str | int | bool | None]


class AuditTag(StrEnum):
    """What an entry is about: `subject:object:action`, a closed list."""

    RELEASE_REQUESTED = "person:release:requested"
    RELEASE_REFUSED = "bot:request:refused"
    PLAN_MADE = "bot:plan:made"
    PLAN_CHANGED = "bot:plan:changed"
    GATES_EVALUATED = "bot:gates:evaluated"
    EMERGENCY_ASKED = "person:emergency:asked"
    GATES_OVERRIDDEN = "bot:gates:overridden"
    REVIEW_ASKED = "bot:review:asked"
    REVIEW_NAGGED = "bot:review:nagged"
    RELEASE_REVIEWED = "person:release:reviewed"
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
    RELEASE_WAITS = "person:release:waits"
    RELEASE_RESUMED = "person:release:resumed"
    RELEASE_PAUSED = "person:release:paused"
    RELEASE_PROMOTED = "person:release:promoted"
    ROLLBACK_ASKED = "person:rollback:asked"
    CAUSE_MENDED = "person:cause:mended"
    RELEASE_REPAIRED = "person:release:repaired"
    LOCK_SET = "person:lock:set"
    LOCK_LIFTED = "person:lock:lifted"
    LOCK_ENDED = "bot:lock:ended"
    FREEZE_SET = "person:freeze:set"
    FREEZE_LIFTED = "person:freeze:lifted"
    FREEZE_PASSED = "person:freeze:passed"
    HALT_SET = "person:halt:set"
    HALT_LIFTED = "person:halt:lifted"
    STOP_PASSED = "bot:stop:passed"
    RELEASE_HALTED = "bot:release:halted"
    CALENDAR_READ = "bot:calendar:read"
    VERSION_ADOPTED = "person:version:adopted"
    ENVIRONMENT_EXTENDED = "person:environment:extended"
    ENVIRONMENT_KEPT = "person:environment:kept"
    LOGS_ASKED = "person:logs:asked"
    REPORT_POSTED = "bot:report:posted"
    STATE_CHANGED = "bot:release:advanced"
    STEP_INTENDED = "bot:step:intended"
    STEP_DONE = "bot:step:done"
    STEP_FAILED = "bot:step:failed"
    RELEASE_HELD = "bot:release:held"
    PERSON_ASKED = "bot:person:asked"
    TARGET_LOCKED = "bot:target:locked"
    LOCK_PASSED = "bot:lock:passed"
    SLOT_SCALED_DOWN = "bot:slot:scaled_down"
    LEDGER_CHANGED = "bot:ledger:changed"
    EVIDENCE_TAKEN = "sender:evidence:taken"
    EVIDENCE_REFUSED = "bot:evidence:refused"
    CATALOG_LOADED = "bot:catalog:loaded"
    CATALOG_REFUSED = "bot:catalog:refused"
    DEPLOYMENT_ASKED = "github:deployment:asked"
    DEPLOYMENT_JUDGED = "bot:deployment:judged"
    DEPLOYMENT_ANSWERED = "bot:deployment:answered"
    CHANGE_SEEN = "bot:change:seen"
    CHANGE_OVER = "bot:change:over"
    PLAN_VIEWED = "person:plan:viewed"
    RECORD_VIEWED = "person:record:viewed"
    REPAIR_ASKED = "person:repair:asked"
    MESSAGE_SENT = "bot:message:sent"
    EVENT_RESENT = "operator:event:resent"
    PERSON_ERASED = "operator:person:erased"
    RECORD_PRUNED = "operator:record:pruned"


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


class Text(Value):
    """What somebody wrote, beside the chain: the entry's `field` holds its salted hash."""

    seq: int
    field: str
    salt: str
    text: str


class Fault(Value):
    """Where the chain breaks: the first bad entry, and what is wrong with it."""

    seq: int
    what: str


def stamp(moment: datetime) -> str:
    """Write a moment for the record: UTC, microseconds, always the same length."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(
    chain: Iterable[Chained], head: tuple[int, str], begin: tuple[int, str] = (0, GENESIS)
) -> Fault | None:
    """Walk the chain from its first entry; None where each link holds and it ends at `head`.

    `head` is the sequence number and hash that the head row names: (0, GENESIS) when empty.
    `begin` is what an anchor names, where entries were removed.
    """
    walk = Walk(begin)
    for link in chain:
        fault = walk.step(link)
        if fault:
            return fault
    return walk.end(head)


class Walk:
    """One verification, link by link, for a chain that is too long to hold."""

    def __init__(self, begin: tuple[int, str] = (0, GENESIS)) -> None:
        """Begin after an entry: the one that an anchor names, or none."""
        self.at = begin
        """Sequence number and hash of the last entry that was walked over."""

    def step(self, link: Chained) -> Fault | None:
        """Check the next link; None where it follows from the one before."""
        seq, previous = self.at
        fault = _check_link(link, seq + 1, previous)
        if fault is None:
            self.at = (link.entry.seq, link.hash)
        return fault

    def end(self, head: tuple[int, str]) -> Fault | None:
        """Check that the chain ends where the head row says."""
        seq = self.at[0]
        if self.at == head:
            return None
        if seq == head[0]:
            return Fault(seq=seq, what="its hash is not the one that the head row names")
        return Fault(
            seq=seq + 1, what=f"the head row names entry {head[0]}, the chain ends at {seq}"
        )


def _check_link(link: Chained, seq: int, previous: str) -> Fault | None:
    entry = link.entry
    if entry.seq != seq:
        return Fault(seq=seq, what=f"entry {seq} is missing; {entry.seq} stands in its place")
    if entry.previous != previous:
        return Fault(seq=seq, what="it does not follow from the entry before it")
    if entry.hash() != link.hash:
        return Fault(seq=seq, what="its content was changed after it was written")
    return None


class Stored(Value):
    """An entry as its row has it: what queries look for stands beside the body once more."""

    seq: int
    previous: str
    hash: str
    tag: str
    subject: str
    body: str

    def read(self) -> Chained | Fault:
        """Read the row; whatever in it isn't as it was written is a fault."""
        try:
            entry = AuditEntry.model_validate_json(self.body)
        except ValueError:
            return Fault(seq=self.seq, what="it can't be read")
        beside = (self.seq, self.previous, self.tag, self.subject)
        same = beside == (entry.seq, entry.previous, entry.tag, entry.subject)
        if same and self.body == entry.model_dump_json():
            return Chained(entry=entry, hash=self.hash)
        return Fault(seq=self.seq, what="its content was changed after it was written")


def check_texts(entry: AuditEntry, texts: Iterable[Text]) -> tuple[Fault | None, list[str]]:
    """Compare what lies beside an entry with the hashes in it; also list the texts that are gone.

    A text that is gone was erased, or taken away: an entry on the erasure tells.
    """
    found = {one.field: one for one in texts}
    gone = []
    for field, value in entry.data.items():
        if not isinstance(value, str) or not _TEXT_HASH.fullmatch(value):
            continue
        one = found.pop(field, None)
        if one is None:
            gone.append(field)
        elif value != text_hash(one.salt, one.text):
            what = f"its text {field} was changed after it was written"
            return Fault(seq=entry.seq, what=what), gone
    if found:
        what = f"a text {min(found)} was put beside it after it was written"
        return Fault(seq=entry.seq, what=what), gone
    return None, gone


def person_hash(salt: str, user: str) -> str:
    """Hash a person's id for the record. Erase the salt, and nobody can tell who it was."""
    return digest(f"{salt}:{user}")[:32]


def text_hash(salt: str, text: str) -> str:
    """Hash a text for the record. Delete text and salt, and nobody can tell what it said."""
    return TEXT + digest(f"{salt}:{text}")


def mentioned(data: Data, how: re.Pattern[str] = SLACK_MENTION) -> frozenset[str]:
    """List whom names and values of an entry mention: Slack ids, or with `MENTION` hashes too."""
    return frozenset(
        user
        for pair in data.items()
        for word in pair
        if isinstance(word, str) and "<@" in word
        for user in how.findall(word)
    )


def pseudonymous(data: Data, hashes: Mapping[str, str]) -> dict[str, str | int | bool | None]:
    """Write each mention as the person's hash. `hashes`: by Slack id, for all that are there."""

    def masked(word: str) -> str:
        return SLACK_MENTION.sub(lambda found: f"<@{hashes[found[1]]}>", word)

    return {
        masked(key): masked(value) if isinstance(value, str) else value
        for key, value in data.items()
    }
