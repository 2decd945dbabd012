"""The catalogue: environments, tiers, services and policies, as DESIGN §6 writes them.

`integrations.catalog_file` turns the YAML text into these models; `check` finds what single
models can't see (unknown names, cycles). Nothing here reads a file.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from bot.domain.durations import Duration
from bot.domain.environments import Ephemeral, Reports, wrong_names
from bot.domain.sinks import Events
from bot.domain.value import Value, canonical, digest
from bot.domain.versions import Constraint

Slot = Literal["blue", "green"]
StrategyKind = Literal["blue-green", "canary", "rolling", "workflow"]

BUILT_STRATEGIES: tuple[StrategyKind, ...] = ("blue-green",)
"""Strategies that the engine can carry out today."""

SPECIAL_RIGHTS = ("requester", "owners", "everyone")
"""Words in `rights` that are no roles: who asked, the service's owners, everybody."""


def other_slot(slot: Slot) -> Slot:
    """Name the slot that the given one is not."""
    return "green" if slot == "blue" else "blue"


def _pattern(*names: str) -> AfterValidator:
    def check(text: str) -> str:
        used = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        if used - set(names):
            wrong = ", ".join(sorted(f"{{{name}}}" for name in used - set(names)))
            allowed = ", ".join(f"{{{name}}}" for name in names)
            raise ValueError(f"{wrong} can't stand here; {allowed} can")
        return text

    return AfterValidator(check)


ServicePattern = Annotated[str, _pattern("service")]
SlotPattern = Annotated[str, _pattern("service", "slot")]
TagPattern = Annotated[str, _pattern("version")]
ImagePattern = Annotated[str, _pattern("version", "commit")]


class Entry(Value):
    """A part of the catalogue that people write: a key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid")


class Slack(Entry):
    """The workspace and the channels in which the bot answers. No channel: in all."""

    team: str | None = None
    channels: tuple[str, ...] = ()


class Person(Entry):
    """A person, by Slack user id; `github` ties them to the commits that they wrote."""

    github: str | None = None
    name: str | None = None


class Group(Entry):
    """Users and user groups, by Slack id. `channel` is where an owner group is called."""

    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    channel: str | None = None


class Approvals(Entry):
    """How many people must say yes, from which roles, and for how long their time lasts."""

    count: int = Field(default=1, ge=0, le=20)
    roles: tuple[str, ...] = Field(default=(), alias="from")
    not_the_requester: bool = True
    expires: Duration = timedelta(hours=8)


class Rights(Entry):
    """Which roles may do what in an environment. `reject` and `adopt` ask for `approve`."""

    release: tuple[str, ...] = ("owners",)
    approve: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ("requester", "owners")
    rollback: tuple[str, ...] = ("owners",)


class ScanThresholds(Entry):
    """How many open findings of each severity a commit may have; None is no limit."""

    critical: int | None = Field(default=0, ge=0)
    high: int | None = Field(default=0, ge=0)
    medium: int | None = Field(default=None, ge=0)
    low: int | None = Field(default=None, ge=0)
    not_enabled: Literal["refuse", "allow"] = "refuse"


class Policy(Entry):
    """What releases must satisfy, beyond their environment's own settings."""

    scans: ScanThresholds = ScanThresholds()


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


class Deploy(Entry):
    """How a version gets onto the idle slot: a GitHub workflow, or the bot sets the image."""

    workflow: str | None = None
    kubernetes: Literal["set-image"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.workflow is None) == (self.kubernetes is None):
            raise ValueError("say either workflow: FILE or kubernetes: set-image")
        return self


class Smoke(Entry):
    """The workflow that tests the idle slot before it takes traffic."""

    workflow: str


Weights = Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=1)]


class Strategy(Entry):
    """Which steps a release takes. Weights are the new slot's share of traffic in per cent."""

    kind: StrategyKind = "blue-green"
    traffic: Literal["service", "gateway"] = "service"
    weights: Weights = (100,)
    bake: Duration = timedelta(minutes=5)
    watch: Duration = timedelta(minutes=15)

    @model_validator(mode="after")
    def _weights_rise(self) -> Self:
        if list(self.weights) != sorted(set(self.weights)) or self.weights[-1] != 100:  # noqa: PLR2004 - per cent
            raise ValueError("weights must rise and end with 100")
        if self.traffic == "service" and len(self.weights) > 1:
            raise ValueError("traffic: service moves all at once; weights need traffic: gateway")
        return self


class Kubernetes(Entry):
    """The names of a service's objects. `{service}` and `{slot}` are filled in."""

    deployment: SlotPattern = "{service}-{slot}"
    container: SlotPattern = "{service}"
    service: ServicePattern = "{service}"
    slot_service: SlotPattern | None = None
    preview: ServicePattern | None = None
    route: ServicePattern | None = None
    slot_label: str = "slot"


class Service(Entry):
    """One service: who owns it, where its code is, what it needs, how it is delivered."""

    tier: str
    owners: Group = Group()
    repository: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    path: str | None = None
    tag: TagPattern = "{version}"
    image: ImagePattern
    event_name: str | None = None
    depends_on: Mapping[str, Constraint] = {}
    environments: tuple[str, ...] | None = None
    deploy: Deploy
    smoke: Smoke | None = None
    strategy: Strategy = Strategy()
    kubernetes: Kubernetes = Kubernetes()
    timeout: Duration = timedelta(minutes=30)

    @model_validator(mode="after")
    def _route_for_gateway(self) -> Self:
        k8s = self.kubernetes
        if self.strategy.traffic == "gateway" and not (k8s.route and k8s.slot_service):
            raise ValueError("traffic: gateway needs kubernetes.route and kubernetes.slot_service")
        return self


class Catalog(Entry):
    """All of it. `defaults` were merged into services and environments before this was made."""

    organization: str
    slack: Slack = Slack()
    people: Mapping[str, Person] = {}
    roles: Mapping[str, Group] = {}
    tiers: tuple[str, ...]
    environments: Mapping[str, Environment]
    policies: Mapping[str, Policy] = {"default": Policy()}
    services: Mapping[str, Service]
    events: Events = Events()
    ephemeral: Ephemeral | None = None
    reports: Reports = Reports()

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


class Problem(Value):
    """Something wrong in the catalogue; `path` leads to it, key by key."""

    path: tuple[str | int, ...]
    message: str
    severity: Literal["error", "warning"] = "error"


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
    # Ways to deploy exclude each other, so a service's own choice replaces the default whole.
    return base | {
        key: value if key == "deploy" or key not in base else _overlay(base[key], value)
        for key, value in over.items()
    }


def check(catalog: Catalog) -> list[Problem]:
    """Find what no single entry shows: unknown names, double aliases, cycles, odd tiers."""
    return [
        *_check_environments(catalog),
        *_check_groups(catalog),
        *(p for name in catalog.services for p in _check_service(catalog, name)),
        *_check_cycles(catalog),
        *_check_passing(catalog),
    ]


def _check_environments(catalog: Catalog) -> Iterable[Problem]:
    seen: dict[str, str] = dict.fromkeys(catalog.environments, "an environment")
    for name, env in catalog.environments.items():
        path = ("environments", name)
        for alias in env.aliases:
            if alias in seen:
                yield Problem(path=(*path, "aliases"), message=f"{alias} is {seen[alias]} already")
            seen[alias] = f"an alias of {name}"
        if env.after is not None and env.after not in catalog.environments:
            yield Problem(path=(*path, "after"), message=f"there is no environment {env.after}")
        if env.policy not in catalog.policies:
            yield Problem(path=(*path, "policy"), message=f"there is no policy {env.policy}")
        yield from _check_roles(catalog, name)
    yield from _check_order(catalog)


def _check_passing(catalog: Catalog) -> Iterable[Problem]:
    clusters = {env.cluster for env in catalog.environments.values()}
    known = (clusters, {*catalog.roles, *SPECIAL_RIGHTS}, catalog.slack.channels)
    for path, message, severity in wrong_names(catalog.ephemeral, catalog.reports, *known):
        yield Problem(path=path, message=message, severity=severity)


def _check_roles(catalog: Catalog, name: str) -> Iterable[Problem]:
    env = catalog.environments[name]
    lists = {("rights", right): roles for right, roles in env.rights}
    lists["approvals", "from"] = env.approvals.roles
    for path, roles in lists.items():
        for role in roles:
            if role not in catalog.roles and role not in SPECIAL_RIGHTS:
                message = f"there is no role {role}"
                yield Problem(path=("environments", name, *path), message=message)
    if env.approvals.count and not (env.approvals.roles or env.rights.approve):
        message = "nobody could approve: name roles in approvals.from or rights.approve"
        yield Problem(path=("environments", name, "approvals"), message=message)


def _check_order(catalog: Catalog) -> Iterable[Problem]:
    for name in catalog.environments:
        seen, at = {name}, catalog.environments[name].after
        while at is not None and at in catalog.environments:
            if at in seen:
                message = f"{name} comes after itself"
                yield Problem(path=("environments", name, "after"), message=message)
                break
            seen.add(at)
            at = catalog.environments[at].after


def _check_groups(catalog: Catalog) -> Iterable[Problem]:
    for role, group in catalog.roles.items():
        if role in SPECIAL_RIGHTS:
            yield Problem(path=("roles", role), message=f"{role} has a meaning of its own")
        if not (group.users or group.usergroups):
            message = f"nobody has the role {role}"
            yield Problem(path=("roles", role), message=message, severity="warning")


def _check_service(catalog: Catalog, name: str) -> Iterable[Problem]:
    service = catalog.services[name]
    path = ("services", name)
    if service.tier not in catalog.tiers:
        yield Problem(path=(*path, "tier"), message=f"there is no tier {service.tier}")
    if service.strategy.kind not in BUILT_STRATEGIES:
        message = f"strategy {service.strategy.kind} isn't built yet; blue-green is"
        yield Problem(path=(*path, "strategy", "kind"), message=message)
    for env in service.environments or ():
        if env not in catalog.environments:
            yield Problem(path=(*path, "environments"), message=f"there is no environment {env}")
    for needed in service.depends_on:
        yield from _check_dependency(catalog, name, needed)


def _check_dependency(catalog: Catalog, name: str, needed: str) -> Iterable[Problem]:
    path = ("services", name, "depends_on", needed)
    other = catalog.services.get(needed)
    if other is None:
        yield Problem(path=path, message=f"there is no service {needed}")
        return
    tiers, own = catalog.tiers, catalog.services[name].tier
    if own in tiers and other.tier in tiers and tiers.index(other.tier) > tiers.index(own):
        message = f"{needed} is of a later tier ({other.tier}) than {name} ({own})"
        yield Problem(path=path, message=message, severity="warning")


def _check_cycles(catalog: Catalog) -> Iterable[Problem]:
    cycle = find_cycle({n: tuple(s.depends_on) for n, s in catalog.services.items()})
    if cycle:
        message = "services depend on one another in a circle: " + " → ".join(cycle)
        yield Problem(path=("services", cycle[0], "depends_on"), message=message)


def find_cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """Find one cycle as names with the first repeated at the end, or nothing."""
    done: set[str] = set()
    for start in edges:
        # An explicit stack: a chain of thousands would outgrow the interpreter's own.
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                done.add(trail.pop())
            elif node in trail:
                return [*trail[trail.index(node) :], node]
            elif node not in done:
                trail.append(node)
                stack.append((node, True))
                stack.extend((needed, False) for needed in edges.get(node, ()))
    return []
