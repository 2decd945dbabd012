"""The record as operators and channels read it: what was verified, exported, erased. Pure."""

from collections.abc import Sequence
from typing import Protocol

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
