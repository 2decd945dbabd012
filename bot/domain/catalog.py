"""The catalogue: environments, tiers, services and policies, as DESIGN §6 writes them.

`integrations.catalog_file` turns the YAML text into these models; `catalog_checks` finds what
single models can't see (unknown names, cycles). Nothing here reads a file.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bot.domain.durations import Duration
from bot.domain.entry import Entry
from bot.domain.environments import Ephemeral, Reports
from bot.domain.indicators import Watching
from bot.domain.patterns import ImagePattern, ServicePattern, SlotPattern, TagPattern
from bot.domain.policies import Approvals, Policy, StrategyKind
from bot.domain.sinks import Events
from bot.domain.smoke import Smoke
from bot.domain.sources import Evidence, Sources
from bot.domain.stops import Calendars, Freeze
from bot.domain.value import canonical, digest, unused
from bot.domain.versions import Constraint

Slot = Literal["blue", "green"]
Traffic = Literal["service", "gateway", "istio", "argo-rollouts"]
Owner = Literal["argocd", "flux"]
"""Controllers that set objects back to what is in git."""

IN_PLACE: tuple[StrategyKind, ...] = ("rolling", "workflow")
"""Strategies by which the new version takes the old one's place: no second copy is beside it."""

SPECIAL_RIGHTS = ("requester", "owners", "everyone")
"""Words in `rights` that are no roles: who asked, the service's owners, everybody."""


def other_slot(slot: Slot) -> Slot:
    """Name the slot that the given one is not."""
    return "green" if slot == "blue" else "blue"


class Slack(Entry):
    """The workspace and the channels in which the bot answers. No channel: in all.

    `topic`: whether what stands in the way is shown in those channels' topics.
    """

    team: str | None = None
    channels: tuple[str, ...] = ()
    topic: bool = False


class Person(Entry):
    """A person, by Slack user id; `github` ties them to the commits that they wrote."""

    github: str | None = None
    name: str | None = None


class Group(Entry):
    """Users and user groups, by Slack id. `channel` is where an owner group is called."""

    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    channel: str | None = None


class Rights(Entry):
    """Which roles may do what in an environment. `reject` and `adopt` ask for `approve`.

    `lock`: locks and freezes; of `owners` only the locks on their own services.
    """

    release: tuple[str, ...] = ("owners",)
    approve: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ("requester", "owners")
    rollback: tuple[str, ...] = ("owners",)
    lock: tuple[str, ...] = ("owners", "responders", "release-managers")
    halt: tuple[str, ...] = ("responders", "release-managers")


class Environment(Entry):
    """One environment: where it runs, what comes before it, who may do what."""

    aliases: tuple[str, ...] = ()
    cluster: str | None = None
    namespace: str
    after: str | None = None
    soak: Duration = timedelta(0)
    rollback_window: Duration = timedelta(hours=1)
    checks: tuple[str, ...] = ()
    approvals: Approvals = Approvals(count=0)
    rights: Rights = Rights()
    policy: str = "default"
    freezes: tuple[Freeze, ...] = ()
    github_gate: bool = Field(default=False, exclude_if=unused)
    """GitHub is to ask the bot before a job may deploy there; `doctor` looks whether it does."""


class Deploy(Entry):
    """How a version gets onto the idle slot: a GitHub workflow, or the bot sets the image."""

    workflow: str | None = None
    kubernetes: Literal["set-image"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.workflow is None) == (self.kubernetes is None):
            raise ValueError("say either workflow: FILE or kubernetes: set-image")
        return self


Weights = Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1)]


class Strategy(Entry):
    """Which steps a release takes. Weights are the new slot's share of traffic in per cent."""

    kind: StrategyKind = "blue-green"
    traffic: Traffic = "service"
    weights: Weights = (100,)
    bake: Duration = timedelta(minutes=5)
    watch: Duration = timedelta(minutes=15)
    hold_at: tuple[Annotated[int, Field(ge=1, lt=100)], ...] = ()
    """Weights at which it waits for a person's Promote when the bake is over."""
    idle: int | None = Field(default=None, ge=0, le=1000)
    """Pods that the old slot keeps once the rollback window is over; None: all that it has."""

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        if list(self.weights) != sorted(set(self.weights)) or self.weights[-1] != 100:  # noqa: PLR2004 - per cent
            raise ValueError("weights must rise and end with 100")
        if self.traffic == "service" and len(self.weights) > 1:
            raise ValueError(
                "traffic: service moves all at once; weights need traffic: gateway or istio"
            )
        if self.traffic == "argo-rollouts" and (self.kind != "canary" or self.idle is not None):
            raise ValueError("traffic: argo-rollouts needs kind: canary, and knows no idle")
        if self.kind == "canary" and len(self.weights) < 2:  # noqa: PLR2004 - one below, and all
            raise ValueError("a canary needs a weight below 100, such as weights: [10, 50, 100]")
        missing = [weight for weight in self.hold_at if weight not in self.weights]
        if missing:
            raise ValueError(f"hold_at names {missing[0]}, which is none of the weights")
        return self


class Kubernetes(Entry):
    """The names of a service's objects. `{service}` and `{slot}` are filled in."""

    deployment: SlotPattern = "{service}-{slot}"
    container: SlotPattern = "{service}"
    service: ServicePattern = "{service}"
    slot_service: SlotPattern | None = None
    preview: ServicePattern | None = None
    route: ServicePattern | None = None
    virtual_service: ServicePattern | None = None
    rollout: ServicePattern | None = None
    baseline: ServicePattern | None = Field(default=None, exclude_if=unused)
    """A third Deployment, kept at 0 pods, for fresh copies of what is live to compare with."""
    slot_label: str = "slot"
    shared_with: tuple[Owner, ...] = ()
    """Controllers that own these objects and were told to leave the bot's fields alone."""


class Service(Entry):
    """One service: who owns it, where its code is, what it needs, how it is delivered."""

    tier: str
    policy: str | None = None
    """A policy of its own, which stands above its environment's and its tier's."""
    owners: Group = Group()
    repository: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    path: ServicePattern | None = None
    tag: TagPattern = "{version}"
    image: ImagePattern
    event_name: str | None = None
    depends_on: Mapping[str, Constraint] = {}
    environments: tuple[str, ...] | None = None
    deploy: Deploy
    smoke: Smoke | None = None
    strategy: Strategy = Strategy()
    kubernetes: Kubernetes = Kubernetes()
    metrics: Watching = Watching()
    evidence: Sources = Sources()
    timeout: Duration = timedelta(minutes=30)

    @model_validator(mode="after")
    def _copies(self) -> Self:
        kind, strategy = self.strategy.kind, self.strategy
        if kind == "workflow" and self.deploy.workflow is None:
            raise ValueError("strategy workflow needs deploy: {workflow: FILE}: it does everything")
        if "{slot}" in self.kubernetes.deployment:
            return self
        if kind not in IN_PLACE:
            raise ValueError(
                f"kubernetes.deployment {self.kubernetes.deployment} is one copy: {kind} needs "
                "two, with {slot} in the name; rolling and workflow do with one"
            )
        if strategy.traffic != "service":
            raise ValueError(
                f"kubernetes.deployment is one copy: traffic: {strategy.traffic} moves between two"
            )
        return self

    @model_validator(mode="after")
    def _names_for_weights(self) -> Self:
        k8s, traffic = self.kubernetes, self.strategy.traffic
        if traffic == "gateway" and not (k8s.route and k8s.slot_service):
            raise ValueError("traffic: gateway needs kubernetes.route and kubernetes.slot_service")
        if traffic == "istio" and not (k8s.virtual_service and k8s.slot_service):
            raise ValueError(
                "traffic: istio needs kubernetes.virtual_service and kubernetes.slot_service"
            )
        if traffic == "argo-rollouts" and not (k8s.rollout and self.deploy.kubernetes):
            raise ValueError(
                "traffic: argo-rollouts needs kubernetes.rollout, and deploy by set-image"
            )
        self.metrics.check_told_apart("{role}" if traffic == "argo-rollouts" else "{slot}")
        return self


class Audit(Entry):
    """Where signed checkpoints of the record are posted: a channel that outlives the database."""

    checkpoints: str | None = None


class Catalog(Entry):
    """All of it. `defaults` were merged into services and environments before this was made."""

    organization: str
    slack: Slack = Slack()
    people: Mapping[str, Person] = {}
    roles: Mapping[str, Group] = {}
    tiers: tuple[str, ...]
    environments: Mapping[str, Environment]
    policies: Mapping[str, Policy] = {"default": Policy()}
    tier_policies: Mapping[str, str] = {}
    """Tiers that have a policy of their own: it stands above the environment's."""
    services: Mapping[str, Service]
    events: Events = Events()
    evidence: Evidence = Evidence()
    ephemeral: Ephemeral | None = None
    reports: Reports = Reports()
    calendars: Calendars = Calendars()
    audit: Audit | None = Field(default=None, exclude_if=unused)

    def environment_named(self, word: str) -> str | None:
        """Resolve an environment's name or alias; None where there is none such."""
        if word in self.environments:
            return word
        return next((n for n, e in self.environments.items() if word in e.aliases), None)

    def dependents_of(self, service: str) -> Mapping[str, Constraint]:
        """Say who depends on that service, with the constraint that each puts on it."""
        return {
            name: other.depends_on[service]
            for name, other in self.services.items()
            if service in other.depends_on
        }

    def fingerprint(self) -> str:
        """Digest the whole catalogue; equal for equal content, whatever the file's layout."""
        return digest(canonical(self.model_dump(mode="json", by_alias=True)))

    def github_login(self, user: str) -> str | None:
        """GitHub login of a Slack user, where the catalogue ties them."""
        person = self.people.get(user)
        return person.github if person else None


def merge_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Lay each service and environment over `defaults`, nested mappings key by key."""
    defaults = raw.get("defaults") or {}
    merged = {key: value for key, value in raw.items() if key != "defaults"}
    for section in ("services", "environments"):
        base, entries = defaults.get(section), raw.get(section)
        if isinstance(base, dict) and isinstance(entries, dict):
            merged[section] = {
                name: base if entry is None else _overlay(base, entry)
                for name, entry in entries.items()
            }
    return merged


def _overlay(base: Any, over: Any) -> Any:
    # An empty value is a choice too: `smoke:` says that this service has none.
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    # Ways to deploy exclude each other, and ways to smoke-test too: a service's own choice replaces
    # the default whole.
    return base | {
        key: value if key in ("deploy", "smoke") or key not in base else _overlay(base[key], value)
        for key, value in over.items()
    }
