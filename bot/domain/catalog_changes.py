"""What changed between two catalogues: for the record, and to know which open plans it touches."""

from collections.abc import Iterator
from typing import Any

from bot.domain.catalog import Catalog
from bot.domain.value import Value

_SENSITIVE = ("people", "roles", "policies", "calendars")
_SENSITIVE_KEYS = ("rights", "approvals", "checks", "soak", "owners", "after", "freezes")


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
