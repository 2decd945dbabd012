"""Checkpoints of the record: what its head was at a time, signed, in a form to keep elsewhere.

The form is C2SP's signed note (c2sp.org/signed-note), laid out as a log's checkpoint: a line that
names the origin, the number of entries, the hash of the last one in Base64, the time; an empty
line; a line for each signature. It is plain text that survives a paste from Slack, its signature
says which key made it, and there are verifiers for it in many languages. The third line is the
head of a hash chain, no Merkle root: proofs of inclusion need the entries themselves.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bot.domain.audit import Fault
from bot.domain.value import Value

ORIGIN = "release-bot/record"
"""First line of each checkpoint, and the name of each key."""

ED25519 = b"\x01"
"""How a signed note names the algorithm."""

_SIGNATURE = 64
_KEY = 32
_ID = 4

_NOTE = re.compile(
    rf"^(?P<text>{re.escape(ORIGIN)}\n(?P<seq>[1-9]\d{{0,18}})\n(?P<hash>[A-Za-z0-9+/]{{43}}=)\n"
    r"at (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\n)"
    rf"\n— {re.escape(ORIGIN)} (?P<signed>[A-Za-z0-9+/]+={{0,2}})$",
    re.MULTILINE,
)

Verify = Callable[[bytes, bytes, bytes], bool]
"""Key, message, signature: whether it holds."""


class Checkpoint(Value):
    """Entry `seq` was the record's last at that time, and had that hash."""

    seq: int
    hash: str
    at: str

    def text(self) -> str:
        """Write what is signed."""
        root = base64.b64encode(bytes.fromhex(self.hash)).decode()
        return f"{ORIGIN}\n{self.seq}\n{root}\nat {self.at}\n"


class Signed(Value):
    """A checkpoint with its signature. `where`: where it was found, in words."""

    checkpoint: Checkpoint
    key_id: str
    signature: bytes
    where: str

    def note(self) -> str:
        """Write it as it is published."""
        return f"{self.checkpoint.text()}\n{signature_line(self.key_id, self.signature)}\n"


def signature_line(key_id: str, signature: bytes) -> str:
    """Write a signature as a signed note has it."""
    signed = base64.b64encode(bytes.fromhex(key_id) + signature).decode()
    return f"— {ORIGIN} {signed}"


def signature_parts(text: str) -> tuple[str, bytes] | None:
    """Read the key's id and the signature from the end of such a line; None where it is none."""
    signed = _decoded(text)
    return (signed[:_ID].hex(), signed[_ID:]) if len(signed) == _ID + _SIGNATURE else None


def key_id(key: bytes) -> str:
    """Give a public key's id: four bytes, as a signed note has them, in hexadecimal."""
    return hashlib.sha256(f"{ORIGIN}\n".encode() + ED25519 + key).hexdigest()[: 2 * _ID]


def written_key(key: bytes) -> str:
    """Write a public key in the one line that verifiers of signed notes take."""
    return f"{ORIGIN}+{key_id(key)}+{base64.b64encode(ED25519 + key).decode()}"


def read_keys(text: str) -> dict[str, bytes]:
    """Read public keys, a line each, by their ids. Raises ValueError with the line's number."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        key = _key(words)
        if key is None:
            raise ValueError(f"line {number} is no public key such as `audit keygen` prints")
        found[key_id(key)] = key
    return found


def _key(line: str) -> bytes | None:
    name, _, rest = line.partition("+")
    _, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    key = raw[1:]
    right = name == ORIGIN and raw[:1] == ED25519 and len(key) == _KEY
    return key if right and line == written_key(key) else None


def read_notes(text: str, where: str) -> tuple[list[Signed], list[str]]:
    """Read what was kept elsewhere: its checkpoints, and sentences on what is none.

    Each is found by its form, so that notes which were pasted below one another will do.
    """
    found, problems, end = [], [], 0
    for match in _NOTE.finditer(text):
        problems += _strays(text, end, match.start(), where)
        end = match.end()
        signed = signature_parts(match["signed"])
        if signed is None:
            line = text.count("\n", 0, end) + 1
            problems.append(f"{where}: line {line} holds no signature of 64 bytes")
            continue
        root = base64.b64decode(match["hash"]).hex()
        checkpoint = Checkpoint(seq=int(match["seq"]), hash=root, at=match["at"])
        key_id_, signature = signed
        found.append(
            Signed(checkpoint=checkpoint, key_id=key_id_, signature=signature, where=where)
        )
    return found, problems + _strays(text, end, len(text), where)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _strays(text: str, start: int, end: int, where: str) -> list[str]:
    """Say where something stands between the notes that is none."""
    stray = text[start:end]
    if not stray.strip("`\n\r\t "):
        return []
    lead = len(stray) - len(stray.lstrip("`\n\r\t "))
    line = text.count("\n", 0, start + lead) + 1
    return [f"{where}: line {line} belongs to no checkpoint"]


def judge(
    signed: Iterable[Signed],
    hashes: Mapping[int, str],
    last: int,
    keys: Mapping[str, bytes],
    verify: Verify,
    removed: int = 0,
) -> list[Fault]:
    """Compare checkpoints with the entries that they name; faults in the order of the entries.

    `hashes` are those of the entries as recomputed, `last` is where the record
    ends. Without any key signatures are left out. Of entries before `removed`, which are no longer
    there, only an export of them can give the hash.
    """
    faults, agreed = [], 0
    for one in sorted(signed, key=lambda one: one.checkpoint.seq):
        checkpoint = one.checkpoint
        what = _signature(one, keys, verify) if keys else None
        gone = checkpoint.seq < removed and checkpoint.seq not in hashes
        if what is None and not gone:
            what = _content(checkpoint, hashes, last, agreed, one.where)
        if what is not None:
            faults.append(Fault(seq=checkpoint.seq, what=what))
        else:
            agreed = max(agreed, checkpoint.seq)
    return faults


def _signature(one: Signed, keys: Mapping[str, bytes], verify: Verify) -> str | None:
    key = keys.get(one.key_id)
    if key is None:
        return (
            f"the checkpoint in {one.where} was signed by an unknown key, {one.key_id}; "
            "if it is an old one of yours, hand its public key in with --public-key"
        )
    if not verify(key, one.checkpoint.text().encode(), one.signature):
        return f"the checkpoint in {one.where} bears a wrong signature"
    return None


def _content(
    checkpoint: Checkpoint, hashes: Mapping[int, str], last: int, agreed: int, where: str
) -> str | None:
    if checkpoint.seq > last:
        return (
            f"the record was truncated after entry {last}: "
            f"the checkpoint in {where} covers {checkpoint.seq} entries"
        )
    if hashes.get(checkpoint.seq) == checkpoint.hash:
        return None
    return (
        f"the record was rewritten between entry {agreed + 1} and {checkpoint.seq}: "
        f"its hash isn't that of the checkpoint in {where}"
    )


def moment_of(checkpoint: Checkpoint) -> datetime:
    """Give the time at which it was signed."""
    return datetime.strptime(checkpoint.at, "%Y-%m-%dT%H:%M:%S.%f%z")
