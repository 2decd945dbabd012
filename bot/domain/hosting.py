"""What the code's home shows of a release: Deployments, statuses, commit statuses; its budget.

Values of the `SourceHost` port, made by `views.host_view` and `engine.host_view`.
"""

from datetime import datetime
from typing import Literal

from bot.domain.value import Value

DeploymentState = Literal[
    "pending", "queued", "in_progress", "success", "failure", "error", "inactive"
]
CommitState = Literal["pending", "success", "failure", "error"]


OWN_CONTEXT = "release-bot/"
"""How the contexts of the bot's own commit statuses begin."""


class Budget(Value):
    """Requests that the code's home takes in an hour, and how many are left of them."""

    limit: int
    remaining: int
    resets_at: datetime | None = None
    """When all of them are there again."""


def current(budget: Budget | None, now: datetime) -> Budget | None:
    """Give what is known of this hour: what was told of the last one counts no more."""
    if budget is None or budget.resets_at is None or now < budget.resets_at:
        return budget
    return None


class DeploymentRequest(Value):
    """A Deployment to make: of which commit, where, and for which release."""

    repository: str
    commit: str
    environment: str
    description: str
    release: str
    """Goes into the payload, so that a repeat finds it."""


class DeploymentSearch(Value):
    """Which Deployment is looked for: ours by its release, else the one that a run's job made."""

    repository: str
    environments: tuple[str, ...]
    release: str
    since: datetime
    run: int | None = None


class Deployment(Value):
    """A Deployment that is there. `ours`: the bot made it; else a workflow's job did."""

    id: int
    ours: bool


class DeploymentStatus(Value):
    """What a Deployment is to show. `environment` None: the one that it has."""

    state: DeploymentState
    description: str
    link: str
    environment: str | None = None
    auto_inactive: bool = False
    """Whether older Deployments of the repository and environment become inactive."""


class CommitStatus(Value):
    """What a commit is to show under a context."""

    context: str
    state: CommitState
    description: str
    link: str
