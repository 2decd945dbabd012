"""Packages that a service depends on and that change between two commits. Pure."""

from bot.domain.value import Value


class PackageChange(Value):
    """One package whose version changes. `before` None: it is new; `after` None: it is gone."""

    name: str
    ecosystem: str
    before: str | None = None
    after: str | None = None
    advisories: tuple[str, ...] = ()
    """Known vulnerabilities of the version that comes, each by its advisory's id."""
