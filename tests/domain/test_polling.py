"""The budget of polling: what one repository may ask for, whatever the number of runs."""

from datetime import timedelta

import pytest

from bot.domain.hosting import Budget
from bot.domain.polling import SHARE, poll_interval

BASE = timedelta(seconds=15)


@pytest.mark.parametrize(
    ("repositories", "remaining", "seconds"),
    [(1, 5000, 15), (8, 5000, 15), (20, 5000, 36), (1, 2400, 30), (1, 1200, 60), (20, 100, 288)],
)
def test_it_stretches_with_repositories_and_with_what_is_left(
    repositories: int, remaining: int, seconds: int
) -> None:
    found = poll_interval(BASE, repositories, Budget(limit=5000, remaining=remaining))
    assert found == timedelta(seconds=seconds)


def test_without_a_budget_it_is_the_base() -> None:
    assert poll_interval(BASE, 100, None) == BASE
    assert poll_interval(BASE, 100, Budget(limit=0, remaining=0)) == BASE


@pytest.mark.parametrize("repositories", [1, 7, 20, 100, 1000])
def test_an_hour_of_polling_stays_within_its_share(repositories: int) -> None:
    interval = poll_interval(BASE, repositories, Budget(limit=5000, remaining=5000))
    looks = repositories * (timedelta(hours=1) / interval)
    assert looks <= 5000 * SHARE + 1
