"""Until when, as people say it."""

import re
from datetime import UTC, datetime

import pytest

from bot.domain.until import read_moment

NOW = datetime(2026, 3, 4, 16, 30, tzinfo=UTC)
"""A Wednesday."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", "2026-03-04T18:30"),
        ("1h30m", "2026-03-04T18:00"),
        ("18:00", "2026-03-04T18:00"),
        ("9:00", "2026-03-05T09:00"),
        ("16:30", "2026-03-05T16:30"),
        ("18:00 America/New_York", "2026-03-04T23:00"),
        ("tomorrow 09:00", "2026-03-05T09:00"),
        ("Mon 09:00", "2026-03-09T09:00"),
        ("wednesday 12:00", "2026-03-11T12:00"),
        ("2026-12-24 09:00 Europe/London", "2026-12-24T09:00"),
        # A time that the clocks leave out is the leap.
        ("2026-03-08 02:30 America/New_York", "2026-03-08T07:00"),
    ],
)
def test_words_for_a_moment(text: str, moment: str) -> None:
    assert read_moment(text, NOW, "UTC") == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("today 09:00", "today 09:00 is over already"),
        ("2020-01-01 10:00", "is over already"),
        ("0h", "is over already"),
        ("2028-01-01 10:00", "is more than a year away"),
        ("999999w", "is more than a year away"),
        ("soon", '"soon" is no time such as 2h, 18:00'),
        ("2026-12-24", "is no time such as"),
        ("25:00", "is no time such as"),
        ("2026-02-30 10:00", "is no time such as"),
        ("18:00 Europe/Lundon", "Did you mean Europe/London?"),
    ],
)
def test_what_is_no_moment_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_moment(text, NOW, "UTC")
