"""Workflow runs of the code host, as far as a release asks for them."""

from datetime import datetime
from typing import Literal

from bot.domain.value import Value


class Run(Value):
    """One workflow run. `conclusion` None: not finished."""

    id: int
    url: str
    status: Literal["queued", "in_progress", "completed"]
    conclusion: str | None = None
    title: str = ""
    workflow: str = ""
    """The workflow's file name."""
    number: int | None = None
    """The how-manieth run of its workflow it is, as the host counts."""
    branch: str | None = None
    """The branch that it runs on."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TestCounts(Value):
    """Counts from a JUnit artifact."""

    run: int
    passed: int
    failed: int
    skipped: int
