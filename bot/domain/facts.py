"""What was observed, grouped by source. A source that didn't answer is `Unknown`, never empty."""

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, Literal, TypeVar

from bot.domain.alerts import Alerts
from bot.domain.catalog import Slot
from bot.domain.held_back import BadRange, Seen
from bot.domain.packages import PackageChange
from bot.domain.sources import Pulled
from bot.domain.stops import StopFacts
from bot.domain.submitted import Submitted
from bot.domain.surroundings import Surroundings
from bot.domain.value import Value

T = TypeVar("T")


class Known(Value, Generic[T]):
    """A source's answer."""

    known: Literal[True] = True
    value: T


class Unknown(Value):
    """A source that gave no answer; `why` says in words which one and what it did instead.

    `for_good`: it did answer, and refused; to ask again would change nothing.
    """

    known: Literal[False] = False
    why: str
    for_good: bool = False


class Tag(Value):
    """A version's tag and the commit that it leads to (annotated tags followed)."""

    name: str
    commit: str


class TagFact(Value):
    """The tag of the version asked for; None where there is none, with the newest there are."""

    tag: Tag | None
    newest: tuple[str, ...] = ()


class PullRequest(Value):
    """A pull request whose merge is among the commits, as its commit's message tells."""

    number: int
    title: str


class Diff(Value):
    """What lies between the live commit and the new one. Authors are GitHub logins."""

    commits: int
    authors: tuple[str, ...]
    url: str
    behind: int = 0
    """Commits of the live version that the new one lacks; more than 0: not a step forward."""
    unlisted: int = 0
    """Commits that GitHub counts and does not list: whose they are is not known."""
    unlinked: int = 0
    """Commits whose author's address belongs to no GitHub account; `authors` has a name then."""
    pulls: tuple[PullRequest, ...] = ()


class CheckRun(Value):
    """One check on the commit, the newest of its name. `conclusion` None: not finished."""

    name: str
    conclusion: str | None
    url: str | None = None


class Scan(Value):
    """Code scanning of one commit: open findings by severity, if it was analysed at all."""

    status: Literal["analysed", "missing", "not_enabled"]
    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    url: str | None = None


class PodTrouble(Value):
    """A pod that won't become ready by waiting, in the cluster's own word (`CrashLoopBackOff`)."""

    pod: str
    word: str
    message: str = ""


class CopyFact(Value):
    """A Deployment and its pods. Counts are pods."""

    exists: bool
    image: str | None = None
    version: str | None = None
    """What `app.kubernetes.io/version` on its pods says; None where there is no such label."""
    wanted: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    total: int = 0
    rolled_out: bool = False
    """Complete as `kubectl rollout status` sees it."""
    deadline_exceeded: bool = False
    trouble: tuple[PodTrouble, ...] = ()
    probed: int = 0
    """Pods whose containers run, and which are not ready all the same: a probe says no."""
    restarts: int = 0
    since: datetime | None = None
    """Start of the oldest pod that runs this image."""
    release: str | None = None
    """Id of the release whose mark (`release-bot/release`) is on the Deployment."""
    fence: int | None = None


class SlotFact(CopyFact):
    """One slot's Deployment and pods."""

    slot: Slot


class BaselineFact(CopyFact):
    """The baseline's Deployment and pods. They carry the label of the slot beside which they are.

    `unfit`: sentences on what keeps it from being one. Only a look at all of a target fills it.
    """

    slot: Slot | None = None
    unfit: tuple[str, ...] = ()


class TrafficFact(Value):
    """Where requests go: shares in per cent, and where the ready endpoints are."""

    weights: Mapping[Slot, int]
    """What the selector or the route says. Empty: neither slot is named, or routes differ."""
    serving: Mapping[Slot, int]
    """Ready endpoints by slot behind what takes the traffic, as EndpointSlices say."""
    accepted: bool = True
    """The route's conditions hold at its present generation (always, for a selector)."""
    rejected: str | None = None
    """Why the route was not accepted, if it was refused."""
    fence: int | None = None
    preview: Slot | None = None
    by_hand: Mapping[Slot, str] = {}
    """For a route: the JSON Patch with which a person gives a slot everything. For a Rollout: the
    one that sets the image of the slot again."""
    unfit: tuple[str, ...] = ()
    """Sentences on what keeps the bot from moving it: routes that lead to a slot in another way,
    a Rollout whose steps don't fit or which is not at rest."""
    rest: Literal["needed", "under way"] | None = None
    """What a Rollout lacks until it rests on the slot that has all the traffic. None: nothing."""

    @property
    def live(self) -> Slot | None:
        """The slot that has all the traffic; None while it is split or goes nowhere."""
        return next((slot for slot, share in self.weights.items() if share == 100), None)  # noqa: PLR2004 - per cent


class ClusterFact(Value):
    """One target in its cluster. `missing` and `forbidden` name objects and rights in words."""

    blue: SlotFact
    green: SlotFact
    traffic: TrafficFact
    missing: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    around: Surroundings = Surroundings()
    """What else acts on it: autoscalers, budgets, owners."""
    baseline: BaselineFact | None = None
    """None: the catalogue names none."""

    def slot(self, slot: Slot) -> SlotFact:
        """Look up one slot."""
        return self.blue if slot == "blue" else self.green

    @property
    def has_pods(self) -> bool:
        """Whether any Deployment of it is there."""
        return self.blue.exists or self.green.exists

    @property
    def live(self) -> SlotFact | None:
        """The slot that has all the traffic, if one does."""
        return self.slot(self.traffic.live) if self.traffic.live else None


class Running(Value):
    """What runs of another service in the same environment, and what may change it."""

    service: str
    version: str | None
    """None: it isn't deployed there, or no source knows its version (`deployed` tells)."""
    deployed: bool
    under_way: str | None = None
    """Id of a release of it that is under way in the environment."""


class Promotion(Value):
    """How the version fared in the environment before. `seconds`: its longest time live."""

    environment: str
    live: bool
    seconds: int | None
    running: str | None
    """The version that is live there now."""


class LedgerFact(Value):
    """The ledger's last word on the target: what runs there since when, as the bot saw it."""

    version: str
    commit: str | None
    slot: Slot | None
    since: datetime
    source: Literal["released", "adopted", "observed"]
    image: str | None = None


class LockFact(Value):
    """A lock on the target: whose, why, since when. `holder` is a release id."""

    holder: str
    why: str
    by: str | None
    since: datetime


class Rate(Value):
    """A service's traffic lately: requests a second, and the share of them that failed."""

    per_second: float
    failing: float


class Facts(Value):
    """All that the gates and the plan of one release are decided from."""

    at: datetime
    tag: Known[TagFact] | Unknown
    diff: Known[Diff | None] | Unknown
    checks: Known[tuple[CheckRun, ...]] | Unknown
    scan: Known[Scan] | Unknown
    cluster: Known[ClusterFact] | Unknown
    live_version: str | None
    """Version that has the traffic, by label, image pattern or ledger; None where none tells."""
    live_commit: str | None = None
    dependencies: tuple[Known[Running] | Unknown, ...] = ()
    dependents: tuple[Known[Running] | Unknown, ...] = ()
    promotion: Known[Promotion] | Unknown | None = None
    ledger: LedgerFact | None = None
    lock: LockFact | None = None
    held_back: tuple[BadRange, ...] = ()
    """What rollbacks hold back of the same repository, wherever that was."""
    seen: Known[tuple[Seen, ...]] | Unknown = Known(value=())
    """What the commit holds of them; those that share nothing with the service are left out."""
    under_way: str | None = None
    """Id of another release that is under way for this target."""
    stops: StopFacts = StopFacts()
    """Locks, freezes and halts that may concern it, and what its calendars say."""
    rates: Mapping[str, Rate] = {}
    """The service's traffic lately, by indicator; what can't be told is left out."""
    packages: tuple[PackageChange, ...] = ()
    """Packages that change since the live commit, as far as that can be read."""
    evidence: Known[tuple[Submitted, ...]] | Unknown | None = None
    """Reports on exactly this commit, those that stand (`domain.superseding`). None: not asked."""
    alerts: Mapping[Pulled, Known[Alerts] | Unknown] = {}
    """Alerts of the repository, those that the catalogue asks for (`Sources.alerts`)."""
    attested: Known[Mapping[str, bool]] | Unknown | None = None
    """For each image digest in the evidence, whether GitHub lists an attestation of it. The
    attestation's signature is not verified. None: no digest is known."""
