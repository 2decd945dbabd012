"""Verify an export of the release bot's record. Needs Python 3.8 or newer, and nothing else.

    python3 verify_export.py [FOLDER …] [--public-key FILE] [--checkpoints FILE]

It reads manifest.json and entries.jsonl in FOLDER (default: where this file is), and checks the
digest of each file, the hash of each entry, that each follows from the one before, who and what
stands beside the entries, and each signed checkpoint. A key and checkpoints that you kept yourself
prove more than those in the export: whoever can forge an export can forge what is in it.

Entries that need no longer be kept may have been removed from the record, after an export of their
own. Then signed anchors say which, and the chain goes on from there. Several folders, oldest first,
are verified one by one and as one chain: the export of what was removed, then that of the rest.

It is one file, however long, so that it can go with an export.

Exit status 0: all of it holds; 1: something does not, and the first such entry is named; 2:
misused.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Tuple  # noqa: UP035 - Python 3.8 has them here

FORMAT = "release-bot record export 1"
ORIGIN = "release-bot/record"
TEXT = re.compile("text:[0-9a-f]{64}")
NOTE = re.compile(
    r"^(?P<text>" + re.escape(ORIGIN) + r"\n(?P<seq>[1-9][0-9]{0,18})\n(?P<hash>[A-Za-z0-9+/]{43}=)"
    r"\nat [0-9TZ:.-]+\n)\n— " + re.escape(ORIGIN) + r" (?P<signed>[A-Za-z0-9+/]+={0,2})$",
    re.MULTILINE,
)
PRUNED = "release-bot/pruned"
REMOVED = "operator:record:pruned"
"""What an entry is about that tells of a removal."""
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z"
ANCHOR = re.compile(
    r"(?P<text>"
    + re.escape(PRUNED)
    + r"\n(?P<seq>[1-9][0-9]{0,18})\n(?P<hash>[A-Za-z0-9+/]{43}=)\n"
    r"at (?P<at>" + TIME + r")\nby [0-9a-f]{32}\nfirst (?P<first>[1-9][0-9]{0,18})\n"
    r"from " + TIME + r"\nto " + TIME + r"\nexport (?P<export>[0-9a-f]{64})\n"
    r"after (?P<after>[0-9a-f]{64})\n)"
    r"\n— " + re.escape(ORIGIN) + r" (?P<signed>[A-Za-z0-9+/]+={0,2})\n"
)

# Ed25519 as RFC 8032, section 5.1, defines it. Verifying needs no secret, so nothing here has to
# take the same time for all inputs.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
"""A square root of -1."""

Point = Tuple[int, int, int, int]  # noqa: UP006 - Python 3.8 runs this line
"""In extended coordinates: X, Y, Z and T with x = X/Z, y = Y/Z, x * y = T/Z."""


def add(a: Point, b: Point) -> Point:
    """Add two points."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return (x * y % P, z * t % P, y * z % P, x * t % P)


def multiply(number: int, point: Point) -> Point:
    """Add a point to itself so many times."""
    found = (0, 1, 1, 0)
    while number > 0:
        if number & 1:
            found = add(found, point)
        point = add(point, point)
        number >>= 1
    return found


def recover(y: int, sign: int) -> int | None:
    """Find the x that belongs to y on the curve; None where there is none."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT % P
    if (x * x - square) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def unpack(raw: bytes) -> Point | None:
    """Read a point from its 32 bytes."""
    if len(raw) != 32:
        return None
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = recover(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    if len(signature) != 64:
        return False
    a, r = unpack(key), unpack(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    hashed = hashlib.sha512(signature[:32] + key + message).digest()
    left = multiply(s, BASE)
    right = add(r, multiply(int.from_bytes(hashed, "little") % L, a))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


WRONG_KINDS = (KeyError, TypeError, AttributeError, ValueError)
"""What reading raises where a part is missing or of the wrong kind."""


class NotWholeError(Exception):
    """Something does not hold; the sentence says what and where."""


class Anchor(NamedTuple):
    """Entries first to seq were removed; what the export's manifest is by its digest."""

    seq: int
    hash: str
    first: int
    at: str
    export: str
    digest: str


class Read(NamedTuple):
    """An export that holds. hashes: of its entries, and of the one before them."""

    folder: Path
    first: int
    last: int
    before: str
    hashes: dict[int, str]
    anchors: list[Anchor]
    said: list[str]


def sha256(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def canonical(data: Any) -> bytes:
    """Write an entry in the one form over which its hash is."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def read_keys(lines: list[str]) -> dict[str, bytes]:
    """Read public keys, a line each, by their ids."""
    found = {}
    for line in lines:
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        parts = words.split("+", 2)
        raw = base64.b64decode(parts[2]) if len(parts) == 3 else b""
        name = sha256(ORIGIN.encode() + b"\n" + raw)[:8]
        if parts[0] != ORIGIN or len(raw) != 33 or raw[:1] != b"\x01" or parts[1] != name:
            raise NotWholeError("a public key can't be read: " + words[:80])
        found[name] = raw[1:]
    return found


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Compare each file with the digest that the manifest has of it."""
    for name, known in manifest["files"].items():
        if Path(name).name != name:
            raise NotWholeError("the manifest names a file outside the folder: " + name)
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise NotWholeError(name + " can't be read: " + str(error.strerror)) from None
        if sha256(data) != known["sha256"]:
            raise NotWholeError(name + " was changed: its digest isn't the manifest's")


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the entries, one a line."""
    with (folder / "entries.jsonl").open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError:
                raise NotWholeError(f"line {number} of entries.jsonl can't be read") from None


def check_beside(line: dict[str, Any]) -> None:
    """Check names and texts against the salted hashes in the entry."""
    entry = line["entry"]
    for name, one in line["who"].items():
        if sha256((one["salt"] + ":" + one["slack"]).encode())[:32] != name:
            raise NotWholeError(f"entry {entry['seq']} is bad: who did it was changed")
    for field, one in line["texts"].items():
        hashed = "text:" + sha256((one["salt"] + ":" + one["text"]).encode())
        if entry["data"].get(field) != hashed or not TEXT.fullmatch(hashed):
            raise NotWholeError(f"entry {entry['seq']} is bad: its text {field} was changed")


def check_chain(folder: Path, manifest: dict[str, Any]) -> tuple[dict[int, str], list[str]]:
    """Check every entry and link; the hash of each, by number, and the anchors that they name."""
    hashes: dict[int, str] = {}
    named: list[str] = []
    seq, previous = manifest["first"]["seq"] - 1, manifest["before"]
    hashes[seq] = previous
    for line in entries(folder):
        entry = line["entry"]
        follows = entry["seq"] == seq + 1
        if not follows and (manifest["contiguous"] or entry["seq"] <= seq):
            what = f"entry {seq + 1} is missing or out of order"
            raise NotWholeError(f"{what}: {entry['seq']} stands in its place")
        if follows and entry["previous"] != previous:
            raise NotWholeError(f"entry {entry['seq']} is bad: it does not follow")
        if sha256(canonical(entry)) != line["hash"]:
            raise NotWholeError(f"entry {entry['seq']} is bad: its content was changed")
        check_beside(line)
        if entry["tag"] == REMOVED and "anchor" in entry["data"]:
            named.append(entry["data"]["anchor"])
        seq, previous = entry["seq"], line["hash"]
        hashes[seq] = previous
    check_ends(hashes, manifest)
    return hashes, named


def check_ends(hashes: dict[int, str], manifest: dict[str, Any]) -> None:
    """Check that the entries begin and end where the manifest says, and are as many."""
    if len(hashes) - 1 != manifest["count"]:
        raise NotWholeError(f"there are {len(hashes) - 1} entries, not {manifest['count']}")
    for end in ("first", "last"):
        known = manifest[end]
        if hashes.get(known["seq"]) != known["hash"]:
            raise NotWholeError(f"entry {known['seq']} is not the {end} that the manifest names")


def check_signature(what: str, note: Any, keys: dict[str, bytes]) -> None:
    """Check who signed a note, and that nobody changed it since."""
    signed = base64.b64decode(note["signed"] + "==")
    key = keys.get(signed[:4].hex())
    if key is None:
        raise NotWholeError(f"{what} is by an unknown key, {signed[:4].hex()}")
    if not verify(key, note["text"].encode(), signed[4:]):
        raise NotWholeError(f"{what} bears a wrong signature")


def check_note(note: Any, hashes: dict[int, str], keys: dict[str, bytes]) -> bool:
    """Check one checkpoint; whether it is of an entry that the export has."""
    seq = int(note["seq"])
    check_signature(f"the checkpoint of entry {seq}", note, keys)
    if seq not in hashes:
        return False
    if hashes[seq] != base64.b64decode(note["hash"]).hex():
        raise NotWholeError(f"entry {seq} was rewritten: its hash isn't the checkpoint's")
    return True


def check_anchors(texts: list[str], keys: dict[str, bytes]) -> list[Anchor]:
    """Check what says that entries were removed: signatures, and that nothing is between them."""
    found: list[Anchor] = []
    for text in texts:
        note = ANCHOR.fullmatch(text)
        if note is None:
            raise NotWholeError("an anchor can't be read")
        seq, first = int(note["seq"]), int(note["first"])
        what = f"the anchor of entries {first} to {seq}"
        check_signature(what, note, keys)
        end, digest = (found[-1].seq, found[-1].digest) if found else (0, "0" * 64)
        if first != end + 1 or note["after"] != digest or seq < first:
            raise NotWholeError(what + " does not follow from the one before")
        link = base64.b64decode(note["hash"]).hex()
        digest = sha256(note["text"].encode())
        found.append(Anchor(seq, link, first, note["at"], note["export"], digest))
    return found


def check_begin(manifest: dict[str, Any], anchors: list[Anchor], named: list[str]) -> None:
    """Check that the entries begin behind what was removed, and tell of it."""
    known = [anchor.digest for anchor in anchors]
    if not set(named) <= set(known):
        raise NotWholeError("an entry tells of a removal whose anchor is not there")
    if not anchors:
        return
    newest, first = anchors[-1], manifest["first"]["seq"]
    if first <= newest.seq:
        raise NotWholeError(f"entry {first} is there, and an anchor says that it was removed")
    if first == newest.seq + 1 and manifest["before"] != newest.hash:
        raise NotWholeError(f"entry {first} does not follow from the anchor before it")
    whole = first == newest.seq + 1 and manifest["last"]["seq"] == manifest["head"]["seq"]
    if whole and manifest["contiguous"] and newest.digest not in named:
        raise NotWholeError("entries were removed, and none is there that says so")


def check_notes(texts: list[str], hashes: dict[int, str], keys: dict[str, bytes]) -> int:
    """Check checkpoints; how many were of an entry in the export."""
    agreed = 0
    for text in texts:
        notes = list(NOTE.finditer(text))
        if text.strip() and not notes:
            raise NotWholeError("a checkpoint can't be read")
        agreed += sum(check_note(note, hashes, keys) for note in notes)
    return agreed


def read_export(folder: Path, key_file: Path | None, kept: Path | None) -> Read:
    """Check one export, and say what holds. NotWholeError at the first that does not."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotWholeError(str(folder / "manifest.json") + " can't be read") from None
    if manifest.get("format") != FORMAT:
        raise NotWholeError("the manifest is of another format than " + FORMAT)
    own = read_keys(manifest["public_keys"])
    keys = read_keys(key_file.read_text(encoding="utf-8").splitlines()) if key_file else own
    check_files(folder, manifest)
    hashes, named = check_chain(folder, manifest)
    anchors = check_anchors(manifest.get("anchors", []), keys)
    check_begin(manifest, anchors, named)
    notes = list(manifest["checkpoints"])
    notes += [kept.read_text(encoding="utf-8")] if kept else []
    agreed = check_notes(notes, hashes, keys)
    first, last = manifest["first"]["seq"], manifest["last"]["seq"]
    said = [f"All holds: {manifest['count']} entries, {first} to {last}."]
    said += tell(manifest, anchors, agreed, given=key_file is not None)
    return Read(folder, first, last, manifest["before"], hashes, anchors, said)


def tell(manifest: dict[str, Any], anchors: list[Anchor], agreed: int, *, given: bool) -> list[str]:
    """Say what was removed, what confirms the rest, and how far that reaches."""
    said = [
        f"Entries {one.first} to {one.seq} were removed from the record on {one.at[:10]}."
        for one in anchors
    ]
    if anchors:
        said.append(f"The chain goes on from there with entry {anchors[-1].seq + 1}.")
    said.append(f"{agreed} of their hashes are confirmed by signed checkpoints.")
    if not manifest["contiguous"]:
        said.append("It is of one release: that none of its entries is left out only a checkpoint")
        said.append("and an export of the whole period can show.")
    if not given:
        said.append("The public key came with the export. Compare it with the one that you kept:")
        said += ["  " + key for key in manifest["public_keys"]] or ["  there is none"]
    return said


def check_join(one: Read, after: Read) -> list[str]:
    """Check that one export goes on where another ended; a sentence on it."""
    if after.first != one.last + 1:
        raise NotWholeError(
            f"{after.folder} begins at entry {after.first}, and {one.folder} ends at {one.last}"
        )
    if one.hashes[one.last] != after.before:
        raise NotWholeError(f"entry {after.first} does not follow from the last of {one.folder}")
    said = [f"{after.folder} goes on where {one.folder} ends: one chain."]
    manifest = sha256((one.folder / "manifest.json").read_bytes())
    if manifest in [anchor.export for anchor in after.anchors]:
        said.append(f"{one.folder} is the export that was made as its entries were removed.")
    return said


def check(folders: list[Path], key_file: Path | None, kept: Path | None) -> list[str]:
    """Check each, and that they are one chain; sentences on what holds."""
    read: list[Read] = []
    said: list[str] = []
    for folder in folders:
        read.append(read_export(folder, key_file, kept))
        said += [f"{folder}:"] if len(folders) > 1 else []
        said += read[-1].said
    for number in range(1, len(read)):
        said += check_join(read[number - 1], read[number])
    return said


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description="Verify an export of the release bot's record.")
    here = Path(__file__).resolve().parent
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--public-key", type=Path, help="a file with the public keys you kept")
    parser.add_argument("--checkpoints", type=Path, help="a file with the checkpoints you kept")
    args = parser.parse_args()
    try:
        said = check(args.folders or [here], args.public_key, args.checkpoints)
    except NotWholeError as wrong:
        sys.stderr.write(f"Not whole: {wrong}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    except WRONG_KINDS as error:
        sys.stderr.write(f"Not whole: a part is missing or of the wrong kind ({error!r}).\n")
        return 1
    sys.stdout.write("\n".join(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
