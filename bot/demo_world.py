"""Seeds the demo's simulated systems: QuantiVista as it is on an ordinary afternoon."""

from datetime import timedelta

from bot.domain.catalog import Catalog
from bot.domain.rules import runs_in
from bot.domain.targets import image_of
from integrations.simulated.github import SimulatedGitHub, Workflow
from integrations.simulated.github.world import Run
from integrations.simulated.kubernetes import Behaviour, SimulatedKubernetes, seeding
from integrations.simulated.kubernetes.namespaces import seed_passing
from integrations.simulated.prometheus import Load, SimulatedPrometheus
from integrations.simulated.slack import SimulatedSlack

CHANNEL = "C0RELEASES"
PEOPLE = {"ana": "U0ANA", "ben": "U0BEN", "cyn": "U0CYN", "dan": "U0DAN", "dora": "U0DOR"}

CHECKS = ("unit-tests", "integration-tests", "e2e")

VERSIONS = {
    "kafka": "v3.7.0",
    "redis": "v7.2.4",
    "postgresql": "v15.6.0",
    "timescale": "v2.14.0",
    "auth": "v2.3.0",
    "market-data": "v2.3.1",
    "prediction": "v2.4.0",
    "config": "v1.9.2",
}
"""What runs everywhere, where it is not the ordinary v1.9.2."""

ORDINARY = "v1.9.2"
EARLIER = "v0.9.4"

NEXT = {
    "trading-decision": ("v2.0.5", "v2.1.0"),
    "position-sizing": ("v1.9.2", "v1.10.0"),
    "risk-limits": (EARLIER, "v1.0.0"),
    "web-ui": ("v1.9.2", "v2.0.0"),
    "order-management": ("v1.9.2", "v2.0.0"),
    "reporting": ("v1.9.2", "v1.10.0"),
    "alerts": ("v1.9.2", "v1.10.0"),
    "reconciliation": ("v1.9.2", "v1.10.0"),
}
"""Services with something to release: what production runs, and what staging has already."""

PULL_REQUESTS = (
    (412, "feature/limit-alerts", "ana", 41, 19),
    (431, "fix/parser", "dora", 9, 3),
    (437, "feature/new-charts", "dan", 12, 1),
    (440, "try/kafka-4", "dan", 26, 4),
    (446, "fix/rounding", "ana", 1, 0.1),
    (447, "feature/replay", "cyn", 0.3, 0.2),
)
"""Pull requests with an environment: number, branch, owner, age and last deployment in days."""

MERGED, GONE, EXPIRED = 431, 437, 440

Where = tuple[str, str]

HOUR = 3600.0
"""Seconds of metrics that are there when the demo begins."""


def seed(
    catalog: Catalog,
    slack: SimulatedSlack,
    github: SimulatedGitHub,
    kubernetes: SimulatedKubernetes,
) -> dict[Where, tuple[str, str]]:
    """Fill all three; returns version and image by service and environment, for the ledger."""
    for name, user in PEOPLE.items():
        slack.add_user(user, name)
    slack.add_channel(CHANNEL, "releases")
    slack.add_group("S0ONCALL", [PEOPLE["dan"]])
    commits = _seed_github(catalog, github, kubernetes)
    _seed_passing(github, kubernetes)
    cluster = kubernetes.cluster
    cluster.ready_after = 0.6
    # Staging was patched by hand and never told anybody: the image crashes elsewhere.
    cluster.behaves(r"web-ui:v2\.0\.0$", Behaviour("crashes"))
    found = {}
    for service in catalog.services:
        for environment in catalog.environments:
            if not runs_in(catalog.services[service], environment):
                continue
            version = running(service, environment)
            image = image_of(catalog.services[service].image, version, commits[service, version])
            _seed_target(catalog, kubernetes, service, environment, image)
            found[service, environment] = (version, image)
    return found


def seed_metrics(catalog: Catalog, prometheus: SimulatedPrometheus) -> None:
    """Give each service whose traffic moves by weights requests in production.

    One version fails more often than the one before, and nothing but its metrics will tell.
    """
    namespace = catalog.environments["production"].namespace
    for service, entry in catalog.services.items():
        if len(entry.strategy.weights) > 1 and runs_in(entry, "production"):
            load = Load(rate=900.0, failing=0.0005)
            prometheus.streams.serves(namespace, service, load, past=HOUR)
    prometheus.streams.fails(namespace, "order-management", version="v2.0.0", share=0.05)


def _seed_passing(github: SimulatedGitHub, kubernetes: SimulatedKubernetes) -> None:
    """Make environments of pull requests: some in use, some that everybody has forgotten."""
    repository, branching = "quantivista/platform", github.branching
    now = kubernetes.cluster.now()
    for number, branch, owner, age, deployed in PULL_REQUESTS:
        branching.open(repository, number, branch)
        marks = {"release-bot/branch": branch}
        if number == EXPIRED:
            marks["release-bot/expires"] = (now - timedelta(days=2)).isoformat()
        seed_passing(
            kubernetes.cluster,
            f"pr-{number}-{branch.replace('/', '-')}",
            age=timedelta(days=age),
            deployed=timedelta(days=deployed),
            annotations=marks,
            labels={"release-bot/owner": owner},
        )
    branching.close(repository, MERGED, merge=True)
    branching.close(repository, GONE, merge=False, delete=True)


def running(service: str, environment: str) -> str:
    """What runs there when the demo begins."""
    if service in NEXT:
        return NEXT[service][0 if environment == "production" else 1]
    return VERSIONS.get(service, ORDINARY)


def _seed_target(
    catalog: Catalog, kubernetes: SimulatedKubernetes, service: str, environment: str, image: str
) -> None:
    entry = catalog.services[service]
    old = image_of(entry.image, EARLIER, "0" * 40)
    cluster, namespace = kubernetes.cluster, catalog.environments[environment].namespace
    replicas = 4 if service == "trading-decision" else 2
    traffic = entry.strategy.traffic
    if traffic == "argo-rollouts":
        shares = entry.strategy.weights
        seeding.seed_rollout(cluster, namespace, service, image, replicas=replicas, shares=shares)
        return
    seeding.seed_blue_green(
        cluster, namespace, service, image, other_image=old, replicas=replicas, traffic=traffic
    )


def _seed_github(
    catalog: Catalog, github: SimulatedGitHub, kubernetes: SimulatedKubernetes
) -> dict[Where, str]:
    commits: dict[Where, str] = {}
    work = [("ana", "Decide faster"), ("dan", "Guard the limits"), ("ana", "Mend the parser")]
    for service, entry in catalog.services.items():
        older = VERSIONS.get(service, ORDINARY)
        code = f"{(entry.path or '{service}').format(service=service)}/main.py"
        for version in NEXT.get(service, (older,)):
            commits[service, version] = github.seed_release(
                entry.repository,
                entry.tag.format(version=version),
                commits=[(*commit, code) for commit in work],
                checks=CHECKS,
                annotated=service == "trading-decision",
            )

    def deployed(run: Run) -> None:
        service, slot = run.inputs["service"], run.inputs["slot"]
        version, commit = run.inputs["version"], run.inputs["commit"]
        image = image_of(catalog.services[service].image, version, commit)
        namespace = catalog.environments[run.inputs["environment"]].namespace
        kubernetes.cluster.deploy(namespace, f"{service}-{slot}", image)

    repository = "quantivista/platform"
    github.repository(repository).number = 4711  # as the catalogue has it
    github.watching.enable(repository)
    github.packages.seed(repository)
    deploy = Workflow("deploy.yml", queue=0.3, duration=1.2, on_success=deployed)
    github.add_workflow(repository, deploy)
    smoke = Workflow("smoke.yml", queue=0.3, duration=0.8, junit=(42, 0, 0))
    github.add_workflow(repository, smoke)
    return commits
