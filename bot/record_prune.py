"""Exports entries of the record that need no longer be kept, verifies the export, removes them.

Used by `record_cli`. The order is the point: nothing goes that is not in a folder on the disk which
the export's own verifier has found whole.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bot import verify_export
from bot.command_line import RefusedError
from bot.domain.anchors import Anchors, Removal
from bot.domain.checkpoints import Signed, written_key
from bot.domain.erasure import is_slack_id
from bot.domain.exports import Selection
from bot.engine import pruning
from bot.engine.exporting import ExportFault
from bot.engine.pruning import PruneFault
from bot.engine.signing import Signer
from bot.record_export import MANIFEST, Export
from bot.store import audit
from bot.store.session import Session, Store
from bot.views import record_lines

COMMAND = "release-bot audit prune --before … --by U024BE7LH"


@dataclass(frozen=True)
class Prune:
    """One removal. `days`: how long entries are kept at least; `keys` and `kept`: what proves."""

    store: Store
    signer: Signer
    before: datetime
    now: datetime
    days: int
    keys: Mapping[str, bytes]
    kept: Sequence[Signed] = field(default_factory=list)

    async def preview(self) -> str:
        """Say what would go. Raises RefusedError, as all here do."""
        self._old_enough()
        async with self.store.read() as session:
            found = await self._look(session)
        return record_lines.would_prune(found, COMMAND)

    async def carry_out(self, folder: Path | None, by: str | None) -> str:
        """Export, verify, remove; say what went."""
        if folder is None:
            raise RefusedError("Name a folder for what is removed: --export FOLDER.")
        if by is None or not is_slack_id(by):
            raise RefusedError("Say who removes it, with a Slack id: --by U024BE7LH.")
        self._old_enough()
        async with self.store.read() as session:
            found = await self._look(session)
            await self._export(session, found, folder)
        digest = _verified(folder, found)
        try:
            async with self.store.write() as session:
                await pruning.remove(session, found, self.signer, self.now, digest, by)
        except PruneFault as fault:
            raise RefusedError(f"{fault}") from fault
        return record_lines.pruned(found, str(folder), digest)

    def _old_enough(self) -> None:
        if self.before > self.now - timedelta(days=self.days):
            raise RefusedError(record_lines.too_young(self.before, self.now, self.days))

    async def _look(self, session: Session) -> Removal:
        await audit.snapshot(session)
        try:
            return await pruning.look(session, self.before, self.keys, self.kept)
        except PruneFault as fault:
            raise RefusedError(f"{fault}") from fault

    async def _export(self, session: Session, found: Removal, folder: Path) -> None:
        keys = [written_key(key) for key in self.keys.values()]
        above = new_names(folder)
        export = Export(session, Selection(through=found.last), "jsonl", self.now, keys)
        try:
            await export.to_folder(folder)
        except ExportFault as fault:
            raise RefusedError(f"{fault}") from fault
        _on_disk(folder, above)


def new_names(folder: Path) -> list[Path]:
    """List the folders in which a name is new once this one is made, as are those above it."""
    return [one.parent for one in (folder, *folder.parents) if not one.exists()]


def _on_disk(folder: Path, above: Sequence[Path]) -> None:
    """Return when the disk has all of it: what it holds is about to be nowhere else."""
    for path in (*folder.iterdir(), folder, *above):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _verified(folder: Path, found: Removal) -> str:
    """Let the export's own verifier read it; the manifest's digest."""
    removed = Removed.read(folder, None)
    span = (min(removed.hashes, default=0), removed.last, len(removed.hashes))
    wanted = (found.first, found.last, found.count)
    if span != wanted or removed.hashes[found.last] != found.hash:
        raise RefusedError(f"{folder} has not what is to be removed. Nothing was removed.")
    return removed.digest


@dataclass(frozen=True)
class Removed:
    """An export of entries that are, or will be, no longer in the record; verified."""

    folder: str
    digest: str
    last: int
    hashes: Mapping[int, str]

    @classmethod
    def read(cls, folder: Path, keys: Path | None) -> "Removed":
        """Verify it as an auditor does. Raises RefusedError where it is not whole."""
        try:
            read = verify_export.read_export(folder, keys, None)
        except (verify_export.NotWholeError, OSError, *verify_export.WRONG_KINDS) as wrong:
            raise RefusedError(f"{folder} is not whole: {wrong}.") from wrong
        hashes = {seq: link for seq, link in read.hashes.items() if seq >= read.first}
        digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        return cls(str(folder), digest, read.last, hashes)

    def fits(self, anchors: Anchors) -> str:
        """Say how it stands to what was removed. RefusedError: it has nothing to do with it."""
        for one in anchors.signed:
            if one.anchor.seq == self.last:
                same = one.anchor.export == self.digest
                return record_lines.confirmed(one.anchor, self.folder, same=same)
        raise RefusedError(record_lines.fits_nothing(self.folder, self.last))
