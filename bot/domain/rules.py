"""Rules: what the catalogue asks of releases of one service in one environment, in one value."""

from collections.abc import Mapping
from datetime import timedelta

from bot.domain.applying import effective, emergency_of
from bot.domain.catalog import Catalog, Service, Strategy
from bot.domain.durations import Duration
from bot.domain.indicators import Doubt, Watching, filled
from bot.domain.policies import (
    Approvals,
    Emergency,
    EvidenceRules,
    ScanThresholds,
    StrategyKind,
    Waiver,
)
from bot.domain.requests import ReleaseRequest
from bot.domain.severities import Severity
from bot.domain.smoke import CheckList, HostPattern
from bot.domain.stops import CalendarRule, in_zone, windows_for
from bot.domain.targets import Target, target_of
from bot.domain.value import Value, canonical, digest
from bot.domain.versions import Constraint


class Rules(Value):
    """The part of the catalogue that one release is judged and planned by."""

    target: Target
    tag: str
    repository: str
    path: str | None
    deploy_workflow: str | None
    smoke_workflow: str | None
    strategy: Strategy
    timeout: Duration
    depends_on: Mapping[str, Constraint]
    dependents: Mapping[str, Constraint]
    after: str | None
    soak: Duration
    rollback_window: Duration
    checks: tuple[str, ...]
    scans: ScanThresholds
    approvals: Approvals
    watching: Watching = Watching()
    doubt: Doubt = Doubt()
    strategies: tuple[StrategyKind, ...] | None = None
    smoke_checks: CheckList | None = None
    """What a smoke test by HTTP asks, and whom it may ask."""
    tier: str = ""
    freezes: tuple[CalendarRule, ...] = ()
    windows: tuple[CalendarRule, ...] = ()
    """When it may not start, and when it may. No part of the fingerprint, nor is the tier: a time
    that is moved voids no approval, since the gates ask anew."""
    evidence: EvidenceRules = EvidenceRules()
    budgets: Mapping[str, float] = {}
    """How large measures may be; part of the fingerprint where policy judges by them."""
    weights: Mapping[Severity, float] = {}
    """What findings take off the score that the card tells. It judges nothing: no part of it."""
    waivers: tuple[Waiver, ...] = ()
    emergency: Emergency | None = None
    """For an emergency only, so that it changes no other plan; None: policy allows none."""
    usual_approvals: int | None = None
    """For an emergency: how many approvals it would need without."""

    def kind_for(self, request: ReleaseRequest) -> StrategyKind:
        """Say by which strategy a release goes: the one it asks for, else the service's own."""
        return request.strategy or self.strategy.kind

    def fingerprint(self) -> str:
        """Digest of these rules; a plan holds it, so that a changed policy makes a new plan.

        Parts that a later version of the bot brought count only where the catalogue uses them:
        an upgrade alone voids no approval.
        """
        data = self.model_dump(mode="json", by_alias=True)
        unused = {
            "watching": Watching(),
            "doubt": Doubt(),
            "strategies": None,
            "smoke_checks": None,
            "evidence": EvidenceRules(),
            "waivers": (),
            "emergency": None,
            "usual_approvals": None,
        }
        del data["tier"], data["freezes"], data["windows"], data["weights"]
        if self.evidence.performance is None:
            del data["budgets"]
        for name, value in unused.items():
            if getattr(self, name) == value:
                del data[name]
        plain = Approvals()
        for name in ("needs", "not_an_author", "people_only", "checklist", "warn_above"):
            if getattr(self.approvals, name) == getattr(plain, name):
                del data["approvals"][name]
        for name in ("hold_at", "idle"):
            if not getattr(self.strategy, name) and getattr(self.strategy, name) != 0:
                del data["strategy"][name]
        return digest(canonical(data))


def rules_for(catalog: Catalog, service: str, environment: str) -> Rules:
    """Collect the rules of a service in an environment; both must be in the catalogue."""
    entry, env = catalog.services[service], catalog.environments[environment]
    policy = effective(catalog, service, environment)
    return Rules(
        target=target_of(catalog, service, environment),
        tag=entry.tag,
        repository=entry.repository,
        path=entry.path.format(service=service) if entry.path else None,
        deploy_workflow=entry.deploy.workflow,
        smoke_workflow=entry.smoke.workflow if entry.smoke else None,
        strategy=entry.strategy,
        timeout=entry.timeout,
        depends_on={n: c for n, c in entry.depends_on.items() if _runs_in(catalog, n, environment)},
        dependents={
            n: c
            for n, c in catalog.dependents_of(service).items()
            if _runs_in(catalog, n, environment)
        },
        after=env.after if env.after and runs_in(entry, env.after) else None,
        soak=policy.soak,
        rollback_window=env.rollback_window,
        checks=env.checks,
        scans=policy.scans,
        approvals=policy.approvals,
        watching=_watching(catalog, service, environment),
        doubt=policy.analysis,
        strategies=policy.strategies,
        smoke_checks=_checks(entry, policy.smoke_hosts),
        evidence=policy.evidence,
        budgets=entry.evidence.budgets,
        weights=catalog.evidence.weights,
        waivers=policy.waivers,
        tier=entry.tier,
        freezes=tuple(in_zone(freeze, catalog.calendars.zone) for freeze in env.freezes),
        windows=windows_for(
            policy.windows, environment, entry.tier, service, catalog.calendars.zone
        ),
    )


def rules_of(catalog: Catalog, request: ReleaseRequest) -> Rules:
    """Collect the rules of a request: an emergency has its own number of approvals."""
    rules = rules_for(catalog, request.service, request.environment)
    allowed = emergency_of(catalog, request.service, request.environment)
    if not request.emergency or allowed is None:
        return rules
    # Whoever of the approvers is awake will do: an emergency waits for no role.
    fewer = {"count": allowed.approvals, "needs": {}, "roles": rules.approvals.named}
    approvals = rules.approvals.model_copy(update=fewer)
    usual = {"emergency": allowed, "usual_approvals": rules.approvals.total}
    return rules.model_copy(update={"approvals": approvals, **usual})


def _checks(service: Service, hosts: tuple[HostPattern, ...]) -> CheckList | None:
    smoke = service.smoke
    if smoke is None or smoke.http is None:
        return None
    return CheckList(checks=smoke.http, tries=smoke.tries, pause=smoke.pause, hosts=hosts)


def _watching(catalog: Catalog, service: str, environment: str) -> Watching:
    """Give what is measured of a service, with the guards of those that depend on it if asked for.

    What a version does to others shows in their numbers first (docs/analysis.md).
    """
    own = catalog.services[service].metrics
    if not own.dependents:
        return own
    namespace = catalog.environments[environment].namespace
    theirs = {
        f"{name} {guard_name}": guard.model_copy(
            update={"query": filled(guard.query, service=name, namespace=namespace)}
        )
        for name in catalog.dependents_of(service)
        if _runs_in(catalog, name, environment)
        for guard_name, guard in catalog.services[name].metrics.guards.items()
    }
    return own.model_copy(update={"guards": {**own.guards, **theirs}})


def runs_in(service: Service, environment: str) -> bool:
    """Whether the service is meant to run in that environment."""
    return service.environments is None or environment in service.environments


def _runs_in(catalog: Catalog, service: str, environment: str) -> bool:
    return runs_in(catalog.services[service], environment)


def bake_seconds(strategy: Strategy) -> timedelta:
    """Time that a strategy spends watching, over all its steps."""
    return strategy.bake * (len(strategy.weights) - 1) + strategy.watch
