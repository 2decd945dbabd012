"""Typed requests: one for each thing that a person can ask. `commands` makes them from words."""

from datetime import datetime, timedelta
from typing import Literal

from bot.domain.policies import StrategyKind
from bot.domain.stops import Reach
from bot.domain.value import Value


class Asker(Value):
    """Who asks, and from where. `user` and `channel` are Slack ids."""

    user: str
    channel: str
    thread: str | None = None
    """Time stamp of the thread's root message, where the words came from a thread."""
    via: Literal["command", "mention", "click", "form"] | None = None
    """How it was said; None: an older version of the bot took it."""
    by_app: bool = False
    """Whether an app said it in the person's name."""


class ReleaseRequest(Value):
    """Put one version of one service into one environment. Names are the catalogue's."""

    service: str
    version: str
    environment: str
    strategy: StrategyKind | None = None
    reason: str | None = None
    emergency: bool = False
    """The glass is broken: policy may let it pass gates that say no."""


class PlanRequest(Value):
    """Show what a release would do and every gate; store nothing."""

    release: ReleaseRequest


class StatusRequest(Value):
    """Show one release, one service, one environment, or all that is under way."""

    release_id: str | None = None
    service: str | None = None
    environment: str | None = None


class HistoryRequest(Value):
    """Show what ran, newest first; or with `release_id` all that the record has on one release."""

    release_id: str | None = None
    service: str | None = None
    environment: str | None = None


class DecisionRequest(Value):
    """Say something to one release: a yes, a no, a stop. `digest` is for approve and reject."""

    kind: Literal[
        "approve",
        "reject",
        "cancel",
        "retry",
        "pause",
        "resume",
        "promote",
        "rollback",
        "mended",
        "repaired",
        "wait",
        "reviewed",
    ]
    release_id: str
    digest: str | None = None
    comment: str | None = None


class RollbackRequest(Value):
    """Go back to what ran before of a service in an environment; None: whatever that was."""

    service: str
    environment: str
    version: str | None = None


class DelegateRequest(Value):
    """Lend the right to approve, take it back, or list what is lent. `to` is a Slack id."""

    kind: Literal["lend", "end", "list"]
    to: str = ""
    environment: str = ""
    until: datetime | None = None
    reason: str | None = None


class ChecklistRequest(Value):
    """A click on a checklist: which places the card showed as ticked, which are after the click."""

    release_id: str
    digest: str
    shown: frozenset[int]
    chosen: frozenset[int]


class LockRequest(Value):
    """Lock a service, a tier or everything in an environment. `hard` False: warn only.

    `release`: the lock belongs to it, and ends with it.
    """

    reach: Reach
    name: str
    environment: str
    reason: str
    until: datetime | None = None
    hard: bool = True
    release: str | None = None


class UnlockRequest(Value):
    """Lift a lock, by its id or by what it is on."""

    lock_id: str | None = None
    reach: Reach = "all"
    name: str = ""
    environment: str = ""


class FreezeRequest(Value):
    """Freeze an environment, from now on where `since` is None."""

    environment: str
    reason: str
    until: datetime
    since: datetime | None = None


class UnfreezeRequest(Value):
    """Lift an environment's freeze."""

    environment: str


class HaltRequest(Value):
    """Stop all that is under way, or let go. `environment` None: everywhere."""

    environment: str | None
    reason: str = ""
    off: bool = False


class WhereRequest(Value):
    """Ask what can be released now, and what is in the way."""

    environment: str


class AdoptRequest(Value):
    """Record on a person's word that this version runs there."""

    service: str
    version: str
    environment: str


class EnvironmentRequest(Value):
    """Look at environments that come and go, or say something to one of them."""

    kind: Literal["list", "services", "report", "extend", "keep", "help"]
    name: str = ""
    duration: timedelta | None = None
    """How much longer; None: as long as the button gives."""
    page: int = 1


class ScanRequest(Value):
    """Show what proves a version of a service."""

    service: str
    version: str


class DetailsRequest(Value):
    """Show all of a release to the one who asks."""

    release_id: str


class LogsRequest(Value):
    """Show the last lines of the pod by which a release fails to the one who asks."""

    release_id: str


class HelpRequest(Value):
    """Explain the verbs, or one of them."""

    verb: str | None = None
