"""Writes an export of the record: to the screen, or into a folder with manifest and verifier.

Used by `record_cli`. The folder must be empty: an export is never mixed with another.
"""

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Literal, TextIO

from bot import verify_export
from bot.command_line import RefusedError
from bot.domain.audit import stamp
from bot.domain.exports import COLUMNS, ENTRIES, Exported, Selection, Span, manifest
from bot.engine import exporting
from bot.store import anchors, audit, checkpoints
from bot.store.session import Session
from bot.views import record_page

Format = Literal["jsonl", "csv", "html"]

TABLES = {"csv": "entries.csv", "html": "record.html"}
MANIFEST = "manifest.json"
VERIFIER = "verify_export.py"


def as_csv(rows: Iterable[Iterable[str]]) -> str:
    """Write rows as RFC 4180 has them."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


@dataclass
class _Count:
    count: int = 0
    first: Exported | None = None
    last: Exported | None = None

    def note(self, one: Exported) -> None:
        self.count += 1
        self.first, self.last = self.first or one, one

    def span(self) -> Span:
        if self.first is None or self.last is None:
            raise RefusedError("There are no entries to export.")
        first, last = self.first.link, self.last.link
        return Span(
            count=self.count,
            first=(first.entry.seq, first.hash),
            last=(last.entry.seq, last.hash),
            before=first.entry.previous,
        )


@dataclass
class Export:
    """One export. `keys`: public keys that go into its manifest."""

    session: Session
    selection: Selection
    form: Format
    now: datetime
    keys: list[str] = field(default_factory=list)

    async def to_screen(self, out: TextIO) -> None:
        """Write it out as it is read."""
        await self._write(out, self.form)

    async def to_folder(self, folder: Path) -> tuple[int, str]:
        """Write all files; how many entries, and the manifest's digest."""
        _make(folder)
        files = [ENTRIES]
        with (folder / ENTRIES).open("w", encoding="utf-8", newline="") as out:
            counted = await self._write(out, "jsonl")
        if self.form != "jsonl":
            files.append(TABLES[self.form])
            path = folder / TABLES[self.form]
            with path.open("w", encoding="utf-8", newline="") as out:
                await self._write(out, self.form)
        text = await self._manifest(folder, counted.span(), files)
        _finish(folder, text)
        return counted.count, hashlib.sha256(text.encode()).hexdigest()

    async def _entries(self) -> AsyncIterator[Exported]:
        span = await exporting.bounds(self.session, self.selection)
        if span is None:
            raise RefusedError(_nothing(self.selection))
        async for one in exporting.read(self.session, *span, self.selection.release):
            yield one

    async def _write(self, out: TextIO, form: Format) -> _Count:
        counted = _Count()
        if form == "csv":
            out.write(as_csv([COLUMNS]))
        elif form == "html":
            out.write(record_page.top(self.selection, stamp(self.now)))
        async for one in self._entries():
            counted.note(one)
            out.write(_written(one, form))
        if form == "html":
            out.write(record_page.bottom(counted.count))
        return counted

    async def _manifest(self, folder: Path, span: Span, files: list[str]) -> str:
        first, last = span.first[0], span.last[0]
        notes = await checkpoints.notes(self.session, after=first - 2, before=last)
        digests = {name: _digest(folder / name) for name in files}
        made = (stamp(self.now), metadata.version("release-bot"))
        head = await audit.head(self.session)
        told = [note for *_, note in await anchors.notes(self.session)]
        signed = ([note for _, note in notes], told, self.keys)
        data = manifest(self.selection, span, head, digests, signed, made)
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _written(one: Exported, form: Format) -> str:
    if form == "jsonl":
        return one.line() + "\n"
    return as_csv([one.cells()]) if form == "csv" else record_page.row(one)


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _finish(folder: Path, text: str) -> None:
    """Write the manifest last: a folder without one is an export that was cut short."""
    (folder / VERIFIER).write_bytes(Path(verify_export.__file__).read_bytes())
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is no folder. Name an empty one, or a new one.")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise RefusedError(f"{folder} is not empty. Name an empty folder, or a new one.")


def _nothing(selection: Selection) -> str:
    if selection.release:
        return f"The record has nothing on {selection.release}."
    return "The record has no entries in that period." if not selection.whole else "It is empty."
