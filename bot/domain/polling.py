"""How often a repository's runs are asked for: by how many there are and what the hour has left."""

from datetime import timedelta

from bot.domain.hosting import Budget

SHARE = 0.4
"""Share of an hour's requests that polling may take; gates, dispatches and views need the rest."""

HOUR = 3600.0

_STRETCHED = ((0.1, 8), (0.25, 4), (0.5, 2))
"""With less than that share of the hour's requests left, polling takes so many times as long."""


def poll_interval(base: timedelta, repositories: int, budget: Budget | None) -> timedelta:
    """Say how long to wait between two looks at one repository.

    Each look is one request, whatever the number of runs. Without a budget (GitHub Enterprise
    Server may have none) it is the base.
    """
    if budget is None or budget.limit <= 0:
        return base
    fair = timedelta(seconds=max(1, repositories) * HOUR / (budget.limit * SHARE))
    left = budget.remaining / budget.limit
    factor = next((times for share, times in _STRETCHED if left < share), 1)
    return max(base, fair) * factor
