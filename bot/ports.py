"""What the bot needs of the outside, as Protocols; and the one thing that it offers inward.

Outward: `SourceHost`, `Cluster`, `Metrics`, `Chat`, `EventSink`, `Clock`; more: `ports_*`. Inward:
`Intake`, for receivers; errors come translated by meaning: TemporaryError (wait), PermanentError or
its kinds (don't). All moments are aware and in UTC.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from bot.domain.behind import Tags
from bot.domain.catalog import Slot
from bot.domain.commits import Commits
from bot.domain.counters import Sample, Series
from bot.domain.events import PlatformEvent
from bot.domain.facts import CheckRun, ClusterFact, Diff, Scan, SlotFact, Tag, TrafficFact
from bot.domain.hosting import (
    Budget,
    CommitStatus,
    Deployment,
    DeploymentRequest,
    DeploymentSearch,
    DeploymentStatus,
)
from bot.domain.namespaces import Branches
from bot.domain.protection import Ask
from bot.domain.runs import Run, TestCounts
from bot.domain.sinks import Sink
from bot.domain.targets import Target
from bot.domain.unmanaged import Deployed
from bot.domain.value import Value
from bot.ports_baseline import Baselines
from bot.ports_evidence import Watching
from bot.ports_gate import Gate


class Clock(Protocol):
    """Time as the database server has it, so that replicas agree. Virtual in tests."""

    def now(self) -> datetime:
        """Give the moment: aware, in UTC."""

    def real(self) -> datetime:
        """Give the moment for leases and limits, which are never virtual."""


class SourceHost(Watching, Gate, Protocol):
    """The code's home: tags, checks, scans, workflows, and what it shows of a release."""

    async def tag(self, repository: str, name: str) -> Tag | None:
        """Look a tag up and follow it to its commit; None where there is no such tag."""

    async def newest_tags(self, repository: str, pattern: str, limit: int) -> tuple[str, ...]:
        """List versions, newest first, whose tags match the catalogue's pattern."""

    async def tags(self, repository: str) -> Tags:
        """List a repository's tags with their commits, some thousands at the most."""

    async def branches(self, repository: str) -> Branches:
        """List a repository's branches, and the pull requests that changed last."""

    async def diff(self, repository: str, base: str, head: str) -> Diff:
        """Compare two commits or tags."""

    async def commits(self, repository: str, base: str, head: str, most: int) -> Commits:
        """List the commits that head has and base lacks, oldest first, at most so many.

        Takes whole shas: what is told of them never changes.
        """

    async def files(self, repository: str, commit: str) -> tuple[str, ...] | None:
        """List the paths that a commit touches, old names too; None: more than the host tells."""

    async def checks(self, repository: str, commit: str) -> tuple[CheckRun, ...]:
        """List the newest check run of each name on the commit, and commit statuses alike."""

    async def scan(self, repository: str, commit: str, path: str | None) -> Scan:
        """Read code scanning for exactly this commit; findings below `path` only, if given."""

    async def dispatch(
        self, repository: str, workflow: str, inputs: Mapping[str, str]
    ) -> Run | None:
        """Start a workflow on the default branch. None: accepted, the run is not known yet.

        Raises TemporaryError with `unknown=True` where it may have started all the same.
        """

    async def runs(self, repository: str, since: datetime) -> tuple[Run, ...]:
        """List the dispatched runs of a repository since then, newest first, a few hundred."""

    async def run(self, repository: str, run_id: int) -> Run:
        """Read one run. Raises MissingError where it is gone."""

    async def cancel_run(self, repository: str, run_id: int) -> None:
        """Ask a run to stop; a finished one is left as it is."""

    async def test_counts(self, repository: str, run_id: int, artifact: str) -> TestCounts | None:
        """Read the counts from the run's JUnit artifact; None where it has none."""

    async def create_deployment(self, wanted: DeploymentRequest) -> int:
        """Make a Deployment; its id. Raises TemporaryError(unknown=True) if unsure."""

    async def find_deployment(self, wanted: DeploymentSearch) -> Deployment | None:
        """Find a release's Deployment; None where there is none (it may be listed late)."""

    async def show_deployment(self, repository: str, number: int, shown: DeploymentStatus) -> None:
        """Add a status to a Deployment."""

    async def shown_deployment(self, repository: str, number: int) -> tuple[str, str] | None:
        """Read a Deployment's newest status, as state and description; None: it has none."""

    async def show_commit(self, repository: str, commit: str, shown: CommitStatus) -> None:
        """Set a commit's status of that context."""

    def budget(self) -> Budget | None:
        """Give the budget as last told; None before the first answer, or where there is none."""


class SlotPatch(Value):
    """A change to one slot's Deployment; None leaves a field as it is.

    `version` is written only where the pods carry `app.kubernetes.io/version` already.
    """

    image: str | None = None
    version: str | None = None
    replicas: int | None = None


class Glance(Value):
    """Where requests go, and the slot that they are to go to.

    Endpoints and preview are not read: `traffic.serving` is empty and `traffic.preview` is None,
    whatever is there.
    """

    traffic: TrafficFact
    slot: SlotFact


class Cluster(Baselines, Protocol):
    """One or more Kubernetes clusters. Every write carries its precondition (DESIGN §4.4).

    Each write takes what was seen before (`SlotFact`, `TrafficFact`) and tests it; it raises
    ConflictError, and has changed nothing, where the object is no longer so. It sets the
    annotations `release-bot/fence` and `release-bot/release`.
    """

    async def look(self, target: Target) -> ClusterFact:
        """Read all of a target: both slots, traffic, what is missing, what is forbidden."""

    def follow(self, target: Target) -> bool:
        """Ask to be told when something of a target changes (to whom, `app` says).

        True: it will be told from this moment on, so that it need not be looked at often.
        """

    async def look_at_traffic(self, target: Target) -> TrafficFact:
        """Read only where requests go and where the ready endpoints are."""

    async def look_at_slot(self, target: Target, slot: Slot) -> SlotFact:
        """Read only one slot."""

    async def glance(self, target: Target, slot: Slot) -> Glance:
        """Read only what a way back to that slot needs before it moves: it is urgent."""

    async def change_slot(
        self, target: Target, seen: SlotFact, patch: SlotPatch, *, fence: int, release: str
    ) -> None:
        """Change image and size of a slot in one patch."""

    async def shift(
        self,
        target: Target,
        seen: TrafficFact,
        weights: Mapping[Slot, int],
        *,
        fence: int,
        release: str,
    ) -> None:
        """Set all weights of a step in one patch (or the selector, which takes 0 and 100 only).

        A Rollout takes two: the mark first, then its status under that mark.
        """

    async def rest(self, target: Target, seen: TrafficFact, *, fence: int, release: str) -> None:
        """Do what `seen.rest` says is needed, once all traffic is where it stays.

        A Rollout is promoted to its end, or its template set back to what serves. Nothing where
        something else moves the traffic.
        """

    async def point_preview(
        self, target: Target, seen: TrafficFact, slot: Slot, *, fence: int, release: str
    ) -> None:
        """Point the preview Service at the slot; nothing where there is none that is the bot's."""


class Metrics(Protocol):
    """What measures the services: counters as they were scraped, and queries to one number.

    Raises TemporaryError where it doesn't answer, PermanentError where it refuses the query.
    """

    async def counters(
        self, selector: str, until: datetime, reach: timedelta
    ) -> tuple[Series, ...]:
        """Read the raw samples of a selector's series in so much time before `until`."""

    async def number(self, query: str, at: datetime) -> float | None:
        """Evaluate a query that gives one number; None where there is no data, or no number."""

    async def course(
        self, query: str, since: datetime, until: datetime, step: timedelta
    ) -> tuple[Sample, ...]:
        """Read how such a query's number went, for a chart. Moments without one are left out."""

    async def courses(
        self, query: str, since: datetime, until: datetime, step: timedelta
    ) -> tuple[Series, ...]:
        """Read how a query's numbers went, a series each."""


class Message(Value):
    """What is shown in Slack: blocks for people, text for notifications and plain readers.

    `key` identifies it in the message's metadata, so that a repeat finds it; `reason` is the
    stable code of a refusal.
    """

    text: str
    blocks: tuple[dict[str, Any], ...] = ()
    key: str | None = None
    reason: str | None = None


Still = Callable[[], None]
"""Called right before a request goes out; what it raises stops it."""


class Chat(Protocol):
    """The workspace."""

    async def post(
        self, channel: str, message: Message, thread: str | None = None, still: Still | None = None
    ) -> str:
        """Post and return the time stamp. Raises TemporaryError(unknown=True) if unsure."""

    async def find(self, channel: str, key: str, thread: str | None = None) -> str | None:
        """Find a message of the bot by its key among the newest; its time stamp, or None."""

    async def update(self, channel: str, ts: str, message: Message) -> None:
        """Replace a message. Raises MissingError where it is gone or can't be edited."""

    async def whisper(
        self, channel: str, user: str, message: Message, thread: str | None = None
    ) -> None:
        """Show a message to one person only."""

    async def attach(
        self,
        channel: str,
        thread: str,
        name: str,
        png: bytes,
        text: str,
        still: Still | None = None,
    ) -> None:
        """Show a picture with its words in a thread. Raises TemporaryError(unknown=True) if unsure.

        `name` is the file's, by which `attached` finds it.
        """

    async def attached(self, channel: str, thread: str, name: str, since: datetime) -> bool:
        """Look whether a thread has a file of that name, in what was said since then."""

    async def topic(self, channel: str) -> str:
        """Read a channel's topic."""

    async def set_topic(self, channel: str, text: str) -> None:
        """Replace a channel's topic; 250 characters at the most."""

    async def members(self, usergroup: str) -> tuple[tuple[str, ...], datetime]:
        """List a user group's members and say when they were read (cached for a minute).

        Answers from a copy of up to an hour where Slack doesn't answer; the moment tells. Raises
        TemporaryError where there is no such copy.
        """

    async def is_outsider(self, user: str) -> bool:
        """Whether the person is a guest or from another workspace. Such people have no rights."""


class EventSink(Protocol):
    """Whoever is told of deployments. The catalogue says where; nothing else is ever told."""

    async def send(self, sink: Sink, event: PlatformEvent, key: str) -> None:
        """Hand an event over. The event's id makes a repeat known as one.

        `key`: the service, whose events a sink with several lines keeps in one. Raises
        TemporaryError where a repeat may go better, PermanentError where the sink refused it for
        good. A redirect is not followed: it is a TemporaryError that says so.
        """


class Invocation(Value):
    """What came in, after the receiver has checked its signature and before anybody parsed it.

    `key` is the request's own id, so that a redelivery is one command. `words` is the text of a
    command or mention; `action` and `value` belong to a click, `message_ts` to its message. A form
    is answered as a click, with what was written in `words`.
    """

    key: str
    kind: Literal["command", "mention", "click", "form"]
    user: str
    channel: str
    team: str
    command: Literal["release", "env", "scan"] = "release"
    """Which slash command it was; other words begin with a verb all the same."""
    words: str = ""
    thread: str | None = None
    action: str | None = None
    value: str | None = None
    message_ts: str | None = None
    by_app: bool = False
    """Whether an app said it in the person's name."""


class Reply(Value):
    """What the receiver answers at once; None: nothing (the work's own messages follow).

    `amiss` is what is wrong with a form that was sent: it stays open, and shows it at the field.
    """

    text: str | None = None
    amiss: str | None = None


class Webhook(Value):
    """A GitHub webhook whose signature holds: a hint to look at what one of its fields names."""

    delivery: str
    body_hash: str
    event: str
    repository: str = ""
    release_marker: str | None = None
    """The run's title, in which a release id may stand."""
    commit: str | None = None
    tag: str | None = None
    ask: Ask | None = None
    deployed: Deployed | None = None


class Intake(Protocol):
    """What `app` hands to the receivers. Neither call does any work beyond one insert."""

    async def accept(self, invocation: Invocation) -> Reply:
        """Store it, wake the worker, return. Never raises for what is outside."""

    def form(self, invocation: Invocation) -> dict[str, Any] | None:
        """Give the form that a click asks for, as Slack takes it; None: it asks for none."""

    async def hint(self, webhook: Webhook) -> bool:
        """Note a webhook and wake the releases that it may concern."""


class Health(Protocol):
    """What /healthz, /readyz and /metrics are answered from."""

    def alive(self) -> bool:
        """Whether the loops run."""

    def ready(self) -> bool:
        """Whether requests can be taken."""

    def metrics(self) -> str:
        """Prometheus' text format."""


class Finding(Value):
    """One line of `release-bot doctor`: what was looked at, how it is, what to do about it."""

    good: bool
    subject: str
    sentence: str
    remedy: str | None = None


class Checkup(Value):
    """What `release-bot doctor` found in one system; a line a finding."""

    findings: tuple[Finding, ...] = ()
    ahead: float | None = None
    """Seconds by which the system's clock is ahead of this host's, where it told its time."""
    unheard: tuple[str, ...] = ()
    """Repositories of which it is not known whether their webhooks arrive."""
