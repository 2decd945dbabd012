"""The record as operators and channels read it: what was verified, exported, erased. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from bot.domain.anchors import Anchor, Anchors, Removal
from bot.domain.audit import Fault
from bot.domain.checkpoints import Signed
from bot.domain.erasure import Found
from bot.ports import Message
from bot.views import blocks
from bot.views.words import count


class Proven(Protocol):
    """What `whole` tells of: a verification that found nothing wrong."""

    entries: int
    head: tuple[int, str]
    stored: int
    kept: int
    erased: int
    anchors: Anchors
    signatures: bool


MOST_FAULTS = 10
"""Faults that are named; the first ones tell enough."""


def checkpoint(signed: Signed) -> Message:
    """Publish a checkpoint in a channel, as it can be copied out again."""
    note = signed.note()
    head = f"The record had {count_of(signed.checkpoint.seq)}. Signed with key {signed.key_id}."
    text = f"{head}\n```\n{note}```"
    return Message(text=text, blocks=(blocks.section(text),))


def count_of(number: int) -> str:
    """Write a number of entries."""
    return "1 entry" if number == 1 else f"{number} entries"


def faults(found: Sequence[Fault], strays: Sequence[str]) -> str:
    """Name what is wrong, the first bad entry first."""
    lines = [f"Entry {fault.seq} is bad: {fault.what}." for fault in found[:MOST_FAULTS]]
    lines += [f"{stray}." for stray in strays[:MOST_FAULTS]]
    more = len(found) + len(strays) - len(lines)
    return "\n".join([*lines, f"{more} more."] if more > 0 else lines)


def whole(proof: Proven) -> str:
    """Say that it holds, and how far that reaches."""
    lines = [f"The record is whole: {count_of(proof.entries)}, head {proof.head[1][:12]}."]
    lines += _removals(proof.anchors)
    if proof.erased:
        lines.append(f"{count(proof.erased, 'text')} of people who were erased are gone.")
    lines += _checkpoints(proof)
    return "\n".join(lines)


def _checkpoints(proof: Proven) -> list[str]:
    both = proof.stored + proof.kept
    if not both:
        return []
    where = f"{proof.stored} in the database, {proof.kept} kept elsewhere"
    signed = "their signatures hold" if proof.signatures else "no key to check signatures by"
    return [f"{count(both, 'checkpoint')} agree ({where}): {signed}."]


def _removals(anchors: Anchors) -> list[str]:
    if anchors.newest is None:
        return []
    lines = [
        f"{_span(one.anchor.first, one.anchor.seq)} removed on {one.anchor.at[:10]}; the manifest "
        f"of the export has SHA-256 {one.anchor.export}."
        for one in anchors.signed
    ]
    return [*lines, f"The chain goes on from there with entry {anchors.newest.seq + 1}."]


def _span(first: int, last: int) -> str:
    return f"Entry {first} was" if first == last else f"Entries {first} to {last} were"


def confirmed(anchor: Anchor, folder: str, *, same: bool) -> str:
    """Say that an export of what was removed fits the chain that goes on from there."""
    if same:
        return f"{folder} is the export that was made as they were removed, and the chain fits it."
    return f"{folder} is another export that ends at entry {anchor.seq}, and the chain fits it."


def fits_nothing(folder: str, last: int) -> str:
    """Say that an export ends at no place where entries were removed."""
    return f"{folder} ends at entry {last}, and no entries were removed up to there."


def not_whole(found: Sequence[Fault]) -> str:
    """Say why nothing is removed from a record that does not verify."""
    return f"{faults(found, ())}\nNothing was removed: the record has to be whole."


def too_young(before: datetime, now: datetime, days: int) -> str:
    """Say from when on entries have to stay."""
    bound = (now - timedelta(days=days)).astimezone(UTC)
    return (
        f"Entries are kept for {days} days (AUDIT_RETENTION_DAYS), so none from "
        f"{bound:%Y-%m-%d %H:%M} UTC on can be removed: name a moment before that, not "
        f"{before.astimezone(UTC):%Y-%m-%d %H:%M}."
    )


def nothing_to_prune(before: datetime, entries: int) -> str:
    """Say why nothing can be removed: there is nothing, or no checkpoint covers it."""
    day = f"{before.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if not entries:
        return f"There are no entries from before {day}."
    return (
        f"{count_of(entries)} from before {day}, and no signed checkpoint is among them: "
        "nothing can be removed. Name a later moment."
    )


def would_prune(found: Removal, command: str) -> str:
    """Say what a removal would take, and how to do it."""
    return (
        f"Would remove {_taken(found)}\n"
        f"They are exported first; then only the export has them: {command} --export FOLDER --yes"
    )


def pruned(found: Removal, folder: str, digest: str) -> str:
    """Say what was removed, and what must be kept now."""
    return (
        f"Removed {_taken(found)}\n{exported(found.count, folder, digest)}\n"
        f"Keep {folder}: nothing else has them now."
    )


def _taken(found: Removal) -> str:
    beside = f"{count(found.texts, 'text')} and {count(len(found.users), 'salt')} with them"
    return (
        f"entries {found.first} to {found.last} ({count_of(found.count)}, {found.since[:10]} to "
        f"{found.until[:10]}), up to a signed checkpoint; {beside}."
    )


def exported(entries: int, folder: str, digest: str) -> str:
    """Say where an export is, and what to keep apart from it."""
    return (
        f"{folder}: {count_of(entries)}. Check it with python3 {folder}/verify_export.py.\n"
        f"Keep this apart from it: manifest.json has SHA-256 {digest}."
    )


def erased(user: str, found: Found, *, done: bool) -> str:
    """Say what was erased, or would be, or what is in the way."""
    if found.obstacles:
        return "\n".join(["Nothing was erased.", *found.obstacles])
    if not found.counts and not found.in_clear:
        return f"Nothing about {user} is stored."
    rows = ", ".join(count(number, what) for what, number in found.counts.items())
    verb = "Erased" if done else "Would erase"
    lines = [f"{verb} or make anonymous: {rows or 'nothing'}."]
    if found.in_clear:
        lines.append(
            f"{count_of(found.in_clear)} from before version 0.2 name them in clear inside the "
            "chain: no erasure reaches these without breaking it."
        )
    if not done:
        lines.append(f"Nothing brings it back: release-bot audit erase {user} --yes")
    return "\n".join(lines)
