"""Where the record begins once old entries were removed from it: signed anchors. Pure.

An anchor says which entries went, what the last one's hash was, who removed them when, and which
export holds them. It has the form of a signed note, as a checkpoint has, under another first line,
so that neither can be taken for the other. Each names the anchor before it, and an entry of the
chain names it: whoever wants the record to begin elsewhere has to forge all of it.
"""

import base64
import re
from collections.abc import Iterable, Mapping

from bot.domain.audit import GENESIS, Fault
from bot.domain.checkpoints import ORIGIN, Verify, signature_line, signature_parts
from bot.domain.value import Value, digest

PRUNED = "release-bot/pruned"
"""First line of each anchor."""

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"

_NOTE = re.compile(
    rf"(?P<text>{re.escape(PRUNED)}\n(?P<seq>[1-9]\d{{0,18}})\n(?P<hash>[A-Za-z0-9+/]{{43}}=)\n"
    rf"at (?P<at>{_TIME})\nby (?P<by>[0-9a-f]{{32}})\nfirst (?P<first>[1-9]\d{{0,18}})\n"
    rf"from (?P<since>{_TIME})\nto (?P<until>{_TIME})\nexport (?P<export>[0-9a-f]{{64}})\n"
    r"after (?P<after>[0-9a-f]{64})\n)"
    rf"\n— {re.escape(ORIGIN)} (?P<signed>[A-Za-z0-9+/]+={{0,2}})\n"
)


UNPROVEN = (
    "the record's beginning up to it is missing, and the anchor that says it was removed can't be "
    "checked without its public key; pass --public-key FILE, or set AUDIT_SIGNING_KEY"
)


class Anchor(Value):
    """Entries `first` to `seq` were removed; `seq` had that hash."""

    seq: int
    hash: str
    first: int
    since: str
    until: str
    """When the first and the last of them were written."""
    export: str
    """SHA-256 of the manifest of the export that has them."""
    by: str
    """The hash of who removed them, as entries have it."""
    at: str
    after: str = GENESIS
    """Digest of the anchor before this one."""

    @property
    def count(self) -> int:
        """How many entries were removed with it."""
        return self.seq - self.first + 1

    def text(self) -> str:
        """Write what is signed."""
        root = base64.b64encode(bytes.fromhex(self.hash)).decode()
        return (
            f"{PRUNED}\n{self.seq}\n{root}\nat {self.at}\nby {self.by}\nfirst {self.first}\n"
            f"from {self.since}\nto {self.until}\nexport {self.export}\nafter {self.after}\n"
        )

    def digest(self) -> str:
        """Give what the next anchor, and the entry on this one, name it by."""
        return digest(self.text())


class SignedAnchor(Value):
    """An anchor with its signature."""

    anchor: Anchor
    key_id: str
    signature: bytes

    def note(self) -> str:
        """Write it as it is stored and exported."""
        return f"{self.anchor.text()}\n{signature_line(self.key_id, self.signature)}\n"


class Anchors(Value):
    """All anchors of a record, oldest first, as they were read."""

    signed: tuple[SignedAnchor, ...] = ()

    @property
    def newest(self) -> Anchor | None:
        """The one from which the chain goes on."""
        return self.signed[-1].anchor if self.signed else None

    @property
    def begin(self) -> tuple[int, str]:
        """Sequence number and hash of the entry after which the chain begins."""
        return (self.newest.seq, self.newest.hash) if self.newest else (0, GENESIS)

    def faults(self, keys: Mapping[str, bytes], verify: Verify) -> list[Fault]:
        """Check signatures, and that each goes on where the one before ended.

        Without any key that can't be told, and is a fault: an anchor that fits, and an entry that
        names it, can be written by whoever owns the tables.
        """
        found, before = [], None
        if self.newest is not None and not keys:
            found.append(Fault(seq=self.newest.seq, what=UNPROVEN))
        for one in self.signed:
            what = _signature(one, keys, verify) if keys else None
            what = what or _order(one.anchor, before)
            if what is not None:
                found.append(Fault(seq=one.anchor.seq, what=what))
            before = one.anchor
        return found

    def untold(self, named: Mapping[str, int]) -> list[Fault]:
        """Compare with the entries on removals. `named`: their sequence numbers by anchor."""
        known = {one.anchor.digest() for one in self.signed}
        found = [
            Fault(seq=seq, what="the anchor that it names is gone, or was changed")
            for name, seq in named.items()
            if name not in known
        ]
        if self.newest is not None and self.newest.digest() not in named:
            what = "it was removed, and no entry is on record that says so"
            found.append(Fault(seq=self.newest.seq, what=what))
        return found


def _signature(one: SignedAnchor, keys: Mapping[str, bytes], verify: Verify) -> str | None:
    key = keys.get(one.key_id)
    if key is None:
        return (
            f"the anchor that says it was removed was signed by an unknown key, {one.key_id}; "
            "if it is an old one of yours, hand its public key in with --public-key"
        )
    if not verify(key, one.anchor.text().encode(), one.signature):
        return "the anchor that says it was removed bears a wrong signature"
    return None


def _order(anchor: Anchor, before: Anchor | None) -> str | None:
    first, after = (before.seq + 1, before.digest()) if before else (1, GENESIS)
    if anchor.first == first and anchor.after == after and anchor.count > 0:
        return None
    return "the anchor that says it was removed does not follow from the one before"


def read_anchor(note: str) -> SignedAnchor | None:
    """Read an anchor; None for whatever is not written exactly as one is."""
    found = _NOTE.fullmatch(note)
    parts = signature_parts(found["signed"]) if found else None
    if found is None or parts is None:
        return None
    fields = {name: found[name] for name in ("at", "by", "since", "until", "export", "after")}
    anchor = Anchor(
        seq=int(found["seq"]),
        hash=base64.b64decode(found["hash"]).hex(),
        first=int(found["first"]),
        **fields,
    )
    signed = SignedAnchor(anchor=anchor, key_id=parts[0], signature=parts[1])
    return signed if signed.note() == note else None


class Removal(Value):
    """What a removal would take: entries `first` to `last`, up to a signed checkpoint."""

    first: int
    last: int
    hash: str
    since: str
    until: str
    """When the first and the last of them were written."""
    texts: int = 0
    """Texts beside these entries."""
    users: tuple[str, ...] = ()
    """Slack ids of people whom only these entries tell of."""
    after: str = GENESIS
    """Digest of the anchor before."""
    head: int
    """Where the record ended when this was found out."""

    @property
    def count(self) -> int:
        """How many entries."""
        return self.last - self.first + 1

    def anchor(self, export: str, by: str, at: str) -> Anchor:
        """Say that it was done."""
        span = self.model_dump(include={"first", "hash", "since", "until", "after"})
        return Anchor(seq=self.last, export=export, by=by, at=at, **span)


def furthest(checkpoints: Iterable[int], begin: int, limit: int) -> int | None:
    """Find the last checkpoint that covers no entry behind `limit`; None: nothing is covered."""
    return max((seq for seq in checkpoints if begin < seq <= limit), default=None)
