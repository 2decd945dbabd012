"""What GitHub watches of a repository by itself: secret scanning and Dependabot. Pure.

They are the repository's and no commit's: an alert that is open now may be mended in the version
that is to be released, or be only there. Whoever shows them says so.
"""

from collections.abc import Mapping
from typing import Literal

from bot.domain.severities import Severity
from bot.domain.value import Value


class Alerts(Value):
    """Open alerts of one kind, by severity."""

    status: Literal["enabled", "not_enabled"]
    counts: Mapping[Severity, int] = {}
    """Those below the service's path, and those of which GitHub does not tell where they are."""
    elsewhere: int = 0
    """How many are of other paths."""
    url: str | None = None
    whole: bool = True
    """False: there are more than were read."""


def is_below(where: str | None, path: str | None) -> bool:
    """Whether a place in the repository is of the service; what has no known place is."""
    if path is None or not where:
        return True
    return f"{where.strip('/')}/".startswith(f"{path.strip('/')}/")
