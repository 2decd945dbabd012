"""What smoke tests need of the outside, as Protocols: Jobs of a cluster, and questions by HTTP.

Used by `engine.steps` and implemented in `integrations`, like everything in `bot.ports`: errors
come translated by meaning, and no vendor is named.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol

from bot.domain.checks import Answer
from bot.domain.targets import Target
from bot.domain.value import Value


class CronJob(Value):
    """A CronJob as the team keeps it. `template`: its `spec.jobTemplate`, not a word changed."""

    name: str
    uid: str
    suspended: bool
    template: Mapping[str, Any]


class Job(Value):
    """A Job: whose it is, and how far."""

    name: str
    uid: str
    phase: Literal["running", "complete", "failed"]
    reason: str | None = None
    """Why it failed, in the cluster's word."""
    owner: str | None = None
    """The uid of the CronJob that controls it."""
    release: str | None = None
    """The release whose mark it bears."""


class Jobs(Protocol):
    """Jobs from a team's own CronJobs, in the target's namespace. No other Job is ever made."""

    async def cronjob(self, target: Target, name: str) -> CronJob:
        """Read a CronJob. Raises MissingError where there is none."""

    async def job(self, target: Target, name: str) -> Job | None:
        """Read a Job; None where there is none."""

    async def start_job(self, target: Target, source: CronJob, name: str, release: str) -> Job:
        """Make a Job of that name from the CronJob's template, exactly as it was read.

        Where that name is taken, that Job comes back, whoever made it. Raises
        TemporaryError(unknown=True) where it may have been made all the same.
        """

    async def delete_job(self, target: Target, seen: Job) -> None:
        """Delete a Job and its pods, if it is still the one that was seen.

        Raises MissingError where it is gone, ConflictError where another has its name.
        """


class HttpChecks(Protocol):
    """Questions to preview Services. Who may be asked stands in the catalogue."""

    async def ask(self, method: str, url: str, hosts: Collection[str]) -> Answer:
        """Ask once. No redirect is followed, no proxy is used.

        `hosts`: the catalogue's list. Raises PermanentError where the host is not on it or leads
        to an address that nobody may be led to, TemporaryError where no answer came.
        """
