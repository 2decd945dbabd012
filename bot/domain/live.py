"""Which version is live: by label, else by the image's pattern, else by what the ledger knows."""

from collections.abc import Sequence

from bot.domain.facts import LedgerFact, SlotFact
from bot.domain.targets import version_in_image
from bot.domain.versions import same_version


def live_version(slot: SlotFact, pattern: str, ledger: Sequence[LedgerFact]) -> str | None:
    """Tell the version that a slot runs (DESIGN §5), or None where nothing tells."""
    if slot.version is not None:
        return slot.version
    if slot.image is None:
        return None
    named = version_in_image(slot.image, pattern)
    if named is not None:
        return named
    return next((entry.version for entry in ledger if entry.image == slot.image), None)


def live_commit(version: str | None, ledger: Sequence[LedgerFact]) -> str | None:
    """Tell the commit of that version, where the ledger has seen it."""
    return next((e.commit for e in ledger if e.commit and same_version(e.version, version)), None)
