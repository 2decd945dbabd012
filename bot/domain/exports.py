"""An export of the record: its lines, its table, its manifest. `bot/verify_export.py` reads them.

Who somebody was and what they wrote stands beside the hashed entry, with the salts by which
anybody can check it; what was erased is not there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.domain.audit import MENTION, Chained, Text
from bot.domain.value import Value, canonical

FORMAT = "release-bot record export 1"

ENTRIES = "entries.jsonl"

COLUMNS = (
    *("seq", "at", "tag", "subject", "actor", "slack", "github", "name"),
    *("data", "texts", "previous", "hash"),
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


class Identity(Value):
    """Who stands behind a hash: the Slack id, and what the catalogue ties to it now."""

    slack: str
    salt: str
    github: str | None = None
    name: str | None = None


class Exported(Value):
    """One entry, and what is known beside it. `who`: by hash, the actor's and those in `data`."""

    link: Chained
    who: Mapping[str, Identity] = {}
    texts: tuple[Text, ...] = ()

    def line(self) -> str:
        """Write it as a line of `entries.jsonl`."""
        texts = {one.field: {"salt": one.salt, "text": one.text} for one in self.texts}
        who = {name: one.model_dump(mode="json") for name, one in self.who.items()}
        return canonical({**self.link.model_dump(mode="json"), "who": who, "texts": texts})

    def cells(self) -> list[str]:
        """Write it as a row of the table, with nothing in it that a spreadsheet would run."""
        entry = self.link.entry
        actor = self.who.get(entry.actor or "")
        texts = {one.field: one.text for one in self.texts}
        known = [actor.slack, actor.github or "", actor.name or ""] if actor else ["", "", ""]
        cells = [str(entry.seq), entry.at, entry.tag, entry.subject, entry.actor or "", *known]
        cells += [canonical(dict(entry.data)), canonical(texts) if texts else ""]
        return [unharmed(cell) for cell in (*cells, entry.previous, self.link.hash)]

    def called(self, name: str) -> str:
        """Name who stands behind a hash, for people."""
        one = self.who.get(name)
        if one is None:
            return "(erased)"
        return one.name or (f"@{one.github}" if one.github else one.slack)

    def told(self, text: str) -> str:
        """Write a text of the entry with names in the place of hashes."""
        return MENTION.sub(lambda found: self.called(found[1]), text)


def unharmed(cell: str) -> str:
    """Let a cell be text, whatever it begins with."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


class Selection(Value):
    """What is exported: a period (from, inclusive; to, exclusive), one release, or all.

    `through`: all up to this entry, whatever the time; what is exported before it is removed.
    """

    since: datetime | None = None
    until: datetime | None = None
    release: str | None = None
    through: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all of the record."""
        return self == Selection()


class Span(Value):
    """The entries of an export: how many, and where they begin and end."""

    count: int
    first: tuple[int, str]
    last: tuple[int, str]
    before: str
    """Hash of the entry before the first."""


def manifest(
    selection: Selection,
    span: Span,
    head: tuple[int, str],
    files: Mapping[str, tuple[str, int]],
    signed: tuple[Sequence[str], Sequence[str], Sequence[str]],
    made: tuple[str, str],
) -> dict[str, Any]:
    """Describe an export. `signed`: checkpoints, anchors, keys; `made`: when, by which version."""
    return {
        "format": FORMAT,
        "made_at": made[0],
        "bot_version": made[1],
        "from": selection.since.isoformat() if selection.since else None,
        "to": selection.until.isoformat() if selection.until else None,
        "release": selection.release,
        "contiguous": selection.release is None,
        "count": span.count,
        "first": {"seq": span.first[0], "hash": span.first[1]},
        "last": {"seq": span.last[0], "hash": span.last[1]},
        "before": span.before,
        "head": {"seq": head[0], "hash": head[1]},
        "files": {name: {"sha256": sha, "bytes": size} for name, (sha, size) in files.items()},
        "checkpoints": list(signed[0]),
        "anchors": list(signed[1]),
        "public_keys": list(signed[2]),
    }
