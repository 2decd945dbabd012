"""One release as the record tells it: what `/release history ID` is drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import AuditEntry, AuditTag
from bot.domain.releases import Approval, Release


@dataclass(frozen=True)
class Story:
    """The release, its votes, and its part of the record. `names`: Slack ids by hash.

    `texts`: what people wrote, by entry and field; what was erased is missing.
    """

    release: Release
    votes: tuple[Approval, ...]
    entries: Sequence[AuditEntry]
    names: Mapping[str, str]
    texts: Mapping[tuple[int, str], str]
    removed_until: datetime | None = None
    """When the last entry was written of those that were removed from the record."""

    @property
    def cut_short(self) -> bool:
        """Whether entries on the release may be among those that were removed."""
        return self.removed_until is not None and self.release.created_at <= self.removed_until

    def of(self, *tags: AuditTag) -> list[AuditEntry]:
        """List the entries with one of the tags, oldest first."""
        return [entry for entry in self.entries if entry.tag in tags]
