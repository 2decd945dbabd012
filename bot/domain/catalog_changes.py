"""What changed between two catalogues: for the record, and to know which open plans it touches."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.value import Value

_WORD = re.compile(r"\b[A-Z0-9]+\b")

_SENSITIVE = ("people", "roles", "policies", "calendars")
_SENSITIVE_KEYS = (
    "rights",
    "approvals",
    "checks",
    "soak",
    "owners",
    "after",
    "freezes",
    "evidence",
)


class Change(Value):
    """One value that differs. `before` or `after` None: it was added, or taken away."""

    path: str
    before: str | None
    after: str | None

    @property
    def sensitive(self) -> bool:
        """Whether it is about people, roles, rights or policy."""
        parts = self.path.split(".")
        return parts[0] in _SENSITIVE or any(part in _SENSITIVE_KEYS for part in parts)

    @property
    def person(self) -> str | None:
        """Slack id of the person whose name or login differs, if it is that."""
        parts = self.path.split(".")
        return parts[1] if parts[0] == "people" and len(parts) > 1 else None


def people_in(catalog: Catalog) -> frozenset[str]:
    """List the Slack ids of all people that a catalogue names."""
    groups = [*catalog.roles.values(), *(one.owners for one in catalog.services.values())]
    return frozenset(catalog.people) | {user for group in groups for user in group.users}


def mentioning(text: str, users: Collection[str]) -> str:
    """Write Slack ids in a text as mentions."""
    return _WORD.sub(lambda one: f"<@{one[0]}>" if one[0] in users else one[0], text)


def differences(old: Catalog, new: Catalog) -> tuple[Change, ...]:
    """List what differs, leaf by leaf, in the order of the paths."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    paths = sorted(before.keys() | after.keys())
    return tuple(
        Change(path=path, before=before.get(path), after=after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    )


def _leaves(catalog: Catalog) -> Iterator[tuple[str, str]]:
    yield from _walk("", catalog.model_dump(mode="json", by_alias=True))


def _walk(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    elif value is not None:
        yield path, str(value)
