"""`release-bot doctor`: a world where all is well, and one fault at a time planted in it."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot import doctor
from bot.app import App
from bot.ports import Checkup, Finding, Webhook
from bot.settings import Settings
from bot.store import checkup, webhooks
from bot.store.session import Store
from integrations.dates import ahead
from integrations.kubernetes.doctor import GATEWAY_RIGHTS
from integrations.simulated.github import Workflow
from integrations.simulated.github.rights import APP_ID, INSTALLATION
from integrations.simulated.kubernetes import seeding
from integrations.simulated.server import Fault
from tests.conftest import fresh_database
from tests.patience import PATIENT
from tests.tester import CATALOG, CHANNEL, REPO, World, parsed
from tests.virtual import START


@dataclass
class Clinic:
    """An app that is never started, on the seeded world."""

    world: World
    database: str
    folder: Path
    catalog: str = CATALOG
    settings: dict[str, Any] = field(default_factory=dict)

    async def findings(self) -> list[Finding]:
        kubeconfig = self.world.kubernetes.kubeconfig(self.folder / "kubeconfig", ["main"])
        given = {
            "slack_bot_token": self.world.slack.token,
            "slack_app_token": self.world.slack.app_token,
            "slack_signing_secret": "shh",
            "slack_api_url": f"{self.world.slack.url}/api/",
            "github_token": "t",
            "github_api_url": self.world.github.url,
            "github_webhook_secret": "hook",
            "kubeconfig": str(kubeconfig),
            "database_url": self.database,
        }
        app = App(
            Settings.model_validate(given | self.settings),
            parsed(self.catalog).catalog,
            clock=self.world.clock,
            io_seconds=PATIENT,
        )
        try:
            return await app.doctor()
        finally:
            await app.close()

    async def wrong(self) -> list[str]:
        """What is wrong, as `subject: sentence`, each with something to do about it."""
        bad = [f for f in await self.findings() if not f.good]
        assert all(f.remedy for f in bad)
        return [f"{f.subject}: {f.sentence}" for f in bad]


def _routes_settle(world: World) -> None:
    """Let the Gateway take up the routes that were just made."""
    world.clock.moment += timedelta(seconds=1)


@pytest.fixture
async def clinic(world: World, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Clinic]:
    hooks = world.github.hooks
    hooks.url, hooks.secret = "http://bot.example/github/webhooks", "hook"
    hooks.sent.append(("workflow_run", "delivery-1", 202))
    _routes_settle(world)
    yield Clinic(world, f"sqlite:///{migrated_file}", tmp_path)
    # Whatever was looked at, nothing was changed.
    assert world.kubernetes.cluster.effects == []
    assert world.github.dispatches == []
    assert not any(repo.deployments or repo.statuses for repo in world.github.repositories.values())
    writes = ("chat.", "conversations.join", "views.")
    assert not [m for m, _ in world.slack.calls if m.startswith(writes)]


async def test_where_all_is_well_each_part_says_so(clinic: Clinic) -> None:
    found = await clinic.findings()
    assert [f for f in found if not f.good] == []
    said = {f.subject: f.sentence for f in found}
    assert said["Slack"] == "Signed in to QuantiVista."
    assert said["Slack scopes"] == "All 10 are there."
    assert said[f"Slack channel {CHANNEL}"] == "The bot is in #releases."
    assert said["Slack user groups"] == "1 of 1 are there."
    assert said["Slack Socket Mode"] == "Connections can be opened."
    assert said[REPO] == "Its last webhook was answered 202."
    assert said["Database"] == "The bot may write to it."
    assert said["Clocks"] == "This host's agrees with Slack, GitHub to within 2 s."
    words = [f.sentence for f in found]
    assert "Readable, its workflows are there and may be started." in words
    assert "All 17 rights are there." in words
    assert "3 of 3 services have all of their objects." in words


# Slack.


async def test_each_missing_scope_is_named_with_what_it_is_for(clinic: Clinic) -> None:
    clinic.world.slack.scopes -= {"usergroups:read", "chat:write"}
    said = await clinic.wrong()
    assert (
        "Slack scopes: chat:write is missing: without it the bot can't post cards and answers."
        in said
    )
    assert any(s.startswith("Slack scopes: usergroups:read is missing") for s in said)
    assert (
        "Slack user groups: They can't be read: Slack: missing_scope (needs usergroups:read)."
        in said
    )


async def test_channels_groups_and_socket_mode(clinic: Clinic) -> None:
    slack = clinic.world.slack
    slack.space.channels[CHANNEL].member = False
    slack.space.groups.clear()
    slack.socket_mode = False
    assert await clinic.wrong() == [
        f"Slack channel {CHANNEL}: The bot is not in #releases.",
        "Slack user groups: There is no group S0MAN, so nobody is in it.",
        "Slack Socket Mode: No connection can be opened: Slack: invalid_auth.",
    ]
    slack.space.channels[CHANNEL].archived = True
    assert f"Slack channel {CHANNEL}: #releases is archived." in await clinic.wrong()
    del slack.space.channels[CHANNEL]
    assert f"Slack channel {CHANNEL}: Slack: channel_not_found." in await clinic.wrong()


async def test_a_wrong_token_and_another_team(clinic: Clinic) -> None:
    clinic.world.slack.space.team = "T9"
    said = await clinic.wrong()
    assert "Slack: The token is for T9, the catalogue names T123." in said
    clinic.settings["slack_bot_token"] = "xoxb-very-secret"
    found = await clinic.findings()
    assert [f.sentence for f in found if f.subject.startswith("Slack") and not f.good] == [
        "Slack: invalid_auth."
    ]
    assert "very-secret" not in str(found)


async def test_slack_out_of_reach_hides_nothing_of_the_rest(clinic: Clinic) -> None:
    clinic.world.slack.fail(Fault("status", path="/api/", times=None))
    clinic.world.kubernetes.cluster.deny("watch", "pods")
    said = await clinic.wrong()
    assert "Slack: Slack answered 503." in said
    assert any("The bot may not watch pods in production" in s for s in said)


# GitHub.


@pytest.mark.parametrize(
    ("permission", "level", "sentence"),
    [
        ("actions", "read",
         "Actions: the bot may not start workflows, so nothing is deployed by one."),
        ("actions", "none", "Actions: the bot may not read them, so no workflow can be followed."),
        ("checks", "none", "Checks: the bot may not read them, so the checks gate fails closed."),
        ("contents", "none", "Contents: the bot may not read them, so tags can't be found."),
        ("statuses", "none",
         "Commit statuses: the bot may not read them, so the checks gate fails closed."),
        ("security_events", "none",
         "Code scanning: the bot may not read it, so the scans gate fails closed."),
        ("deployments", "read",
         "Deployments: the bot may not write them, so GitHub does not show releases."),
    ],
)  # fmt: skip
async def test_each_missing_permission(
    clinic: Clinic, permission: str, level: str, sentence: str
) -> None:
    clinic.world.github.rights.granted[permission] = level
    assert f"{REPO}: {sentence}" in await clinic.wrong()


async def test_workflows_scanning_and_archives(clinic: Clinic) -> None:
    repo = clinic.world.github.repository(REPO)
    repo.workflows["deploy.yml"].state = "disabled_manually"
    del repo.workflows["smoke.yml"]
    repo.scanning = False
    assert await clinic.wrong() == [
        f"{REPO}: Code scanning is not enabled.",
        f"{REPO}: Workflow deploy.yml is disabled manually.",
        f"{REPO}: There is no workflow smoke.yml.",
    ]
    repo.archived = True
    assert await clinic.wrong() == [f"{REPO}: It is archived, so no workflow can be started."]
    clinic.world.github.repositories.clear()
    assert f"{REPO}: It can't be read. GitHub has no such thing: Not Found." in await clinic.wrong()


async def test_a_classic_token_needs_the_scope_repo(clinic: Clinic) -> None:
    clinic.world.github.rights.scopes = "repo, read:org"
    found = await clinic.findings()
    assert "Signed in with a classic token: read:org, repo." in [f.sentence for f in found]
    clinic.world.github.rights.scopes = "read:org"
    assert (
        "GitHub scopes: The token's scopes are read:org; repo is missing." in await clinic.wrong()
    )


async def test_a_wrong_token_and_a_budget_that_runs_out(clinic: Clinic) -> None:
    clinic.world.github.budget["remaining"] = 120
    assert await clinic.wrong() == ["GitHub budget: 120 of 5,000 requests are left this hour."]
    clinic.world.github.token = "another"
    assert await clinic.wrong() == ["GitHub: GitHub refused: Bad credentials."]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sent": [("push", "d", 401)]},
         "Its last webhook was answered 401: Invalid HTTP Response."),
        ({"secret": ""}, "Its webhook has no secret, so each delivery is refused."),
        ({"active": False}, "Its webhook is switched off."),
        ({"events": ("push",)}, "Its webhook does not tell of workflow_run, check_suite, create."),
    ],
)  # fmt: skip
async def test_what_github_says_of_the_webhook(
    clinic: Clinic, change: dict[str, Any], sentence: str
) -> None:
    for name, value in change.items():
        setattr(clinic.world.github.hooks, name, value)
    assert await clinic.wrong() == [f"{REPO}: {sentence}"]


async def test_where_github_does_not_tell_what_arrived_does(clinic: Clinic) -> None:
    clinic.world.github.rights.granted["repository_hooks"] = "none"
    assert await clinic.wrong() == [f"Webhooks: None came in the last 7 days from {REPO}."]
    store = Store(clinic.database)
    hook = Webhook(delivery="d", body_hash="h", event="push", repository=REPO)
    async with store.write() as session:
        await webhooks.first_time(session, hook, clinic.world.clock.now() - timedelta(days=6))
    await store.close()
    found = await clinic.findings()
    assert "One came in the last 7 days from each of 1 repositories." in [f.sentence for f in found]
    clinic.world.clock.moment += timedelta(days=2)
    assert await clinic.wrong() == [f"Webhooks: None came in the last 7 days from {REPO}."]


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


async def test_a_github_apps_permissions_events_and_deliveries(
    clinic: Clinic, private_key: str
) -> None:
    github = clinic.world.github
    github.token = "only the installation's token is good"
    clinic.settings |= {
        "github_token": None,
        "github_app_id": APP_ID,
        "github_app_private_key": private_key,
        "github_app_installation_id": INSTALLATION,
    }
    found = await clinic.findings()
    assert [f for f in found if not f.good] == []
    assert next(f.sentence for f in found if f.subject == "GitHub App") == (
        "All 7 permissions for quantivista."
    )
    github.rights.granted |= {"statuses": "read", "deployments": "none"}
    github.hooks.events = ("workflow_run", "push")
    github.hooks.sent.append(("push", "delivery-2", 502))
    said = [s for s in await clinic.wrong() if s.startswith("GitHub App")]
    assert said[:3] == [
        "GitHub App: Commit statuses: write is missing (it has read).",
        "GitHub App: Deployments: write is missing (it has none).",
        "GitHub App: It is not told of check_suite, create, so the bot learns of them by polling.",
    ]
    assert "was answered 502: Invalid HTTP Response; 1 of the last 2 failed." in said[3]
    github.rights.suspended = True
    assert "GitHub App: Its installation for quantivista is suspended." in await clinic.wrong()
    clinic.settings["github_app_installation_id"] = 9
    assert any("GitHub has no such thing" in s for s in await clinic.wrong())


async def test_what_github_is_to_ask_about_is_looked_at(clinic: Clinic, private_key: str) -> None:
    github = clinic.world.github
    clinic.catalog = CATALOG.replace("soak: 1h", "soak: 1h\n    github_gate: true")
    clinic.settings |= {
        "github_token": None,
        "github_app_id": APP_ID,
        "github_app_private_key": private_key,
        "github_app_installation_id": INSTALLATION,
    }
    said = await clinic.wrong()
    assert (
        f"{REPO}: GitHub has no environment production, so no job for it is ever asked about."
        in (said)
    )
    assert sum("GitHub App: It is not told of deployment_" in one for one in said) == 2
    github.gates.protect(REPO, "production")
    github.hooks.events += ("deployment_protection_rule", "deployment_status")
    assert await clinic.wrong() == []


# Kubernetes.


@pytest.mark.parametrize(
    ("verb", "resource", "also"),
    [
        ("patch", "deployments", ""), ("get", "services", ""), ("list", "pods", ""),
        ("watch", "services", ", so it looks every few seconds instead"),
        ("list", "endpointslices", ""), ("patch", "httproutes", ""),
    ],
)  # fmt: skip
async def test_each_missing_right(clinic: Clinic, verb: str, resource: str, also: str) -> None:
    clinic.world.kubernetes.cluster.deny(verb, resource)
    said = await clinic.wrong()
    for space in ("production", "staging"):
        wanted = f"The bot may not {verb} {resource} in {space}{also}."
        assert f"Kubernetes (main), {space}: {wanted}" in said
    assert len(said) == 2


async def test_where_a_list_is_not_allowed_objects_are_read_one_by_one(clinic: Clinic) -> None:
    cluster = clinic.world.kubernetes.cluster
    cluster.deny("list", "services")
    cluster.objects.remove("services", "production", "orders-preview")
    said = await clinic.wrong()
    assert "orders in production: There is no Service orders-preview." in said
    cluster.deny("get", "services")
    # Of what may not be read nothing is said, but that it may not be read.
    said = await clinic.wrong()
    assert not [s for s in said if "There is no" in s]
    for space in ("production", "staging"):
        unknown = "Services: not known, the bot may not read them."
        assert f"Kubernetes (main), {space}: {unknown}" in said


async def test_a_service_is_whole_only_where_each_kind_that_it_needs_was_read(
    clinic: Clinic,
) -> None:
    cluster = clinic.world.kubernetes.cluster
    for verb in ("list", "get"):
        cluster.deny(verb, "httproutes")
    found = await clinic.findings()
    # Only orders has a route.
    counts = [f.sentence for f in found if f.sentence.endswith("have all of their objects.")]
    assert counts == ["2 of 3 services have all of their objects."] * 2
    for verb in ("list", "get"):
        cluster.deny(verb, "deployments")
    found = await clinic.findings()
    assert not [f for f in found if f.sentence.endswith("have all of their objects.")]
    unknown = "Deployments, HTTPRoutes: not known, the bot may not read them."
    assert {f.subject for f in found if f.sentence == unknown} == {
        "Kubernetes (main), production",
        "Kubernetes (main), staging",
    }


ROUTE = ("httproutes", "production", "orders")


async def test_a_route_that_is_not_accepted(clinic: Clinic) -> None:
    clinic.world.kubernetes.cluster.rejects_routes = "no listener matches"
    assert (
        "orders in production: HTTPRoute orders is refused. Accepted is false: no listener matches."
        in await clinic.wrong()
    )


def _edit(clinic: Clinic, kind: str, space: str, name: str, change: Callable[[Any], None]) -> None:
    """Change an object before the doctor comes, so that it counts as found so."""
    objects = clinic.world.kubernetes.cluster.objects
    item = objects.get(kind, space, name)
    change(item)
    objects.put(kind, space, item)


async def test_a_route_without_a_slot_or_with_rules_that_differ(clinic: Clinic) -> None:
    refs = [{"name": "orders-blue", "weight": 100}, {"name": "orders-green", "weight": 0}]

    def rules(*found: list[dict[str, Any]]) -> Callable[[Any], None]:
        return lambda route: route["spec"].update(rules=[{"backendRefs": r} for r in found])

    _edit(clinic, *ROUTE, rules(refs, refs[:1]))
    assert await clinic.wrong() == [
        "orders in production: HTTPRoute orders: rule 2 has no backend orders-green (green)."
    ]
    _edit(clinic, *ROUTE, rules([{"name": "elsewhere"}]))
    said = await clinic.wrong()
    assert "orders in production: HTTPRoute orders leads to neither slot." in said
    assert any("ResolvedRefs is false: no such service: elsewhere" in s for s in said)
    differently = (
        "HTTPRoute orders: its rules share the traffic differently, or give weight to none"
    )
    swapped = [{**refs[0], "weight": 0}, {**refs[1], "weight": 100}]
    _edit(clinic, *ROUTE, rules(refs, swapped))
    assert await clinic.wrong() == [f"orders in production: {differently}."]


async def test_the_gateway_behind_a_route(clinic: Clinic) -> None:
    gateway = ("gateways", "production", "gateway")
    broken = {"type": "Programmed", "status": "False", "message": "no address assigned"}

    def unprogrammed(item: Any) -> None:
        item["status"]["conditions"] = [{"type": "Accepted", "status": "True"}, broken]

    _edit(clinic, *gateway, unprogrammed)
    said = "Gateway gateway in production: Programmed is not true: no address assigned."
    assert await clinic.wrong() == [f"orders in production: {said}"]
    clinic.world.kubernetes.cluster.objects.remove(*gateway)
    said = "HTTPRoute orders: there is no Gateway gateway in production."
    assert await clinic.wrong() == [f"orders in production: {said}"]


def _deny_gateways(clinic: Clinic) -> None:
    """Take away what rbac-gateways.yaml gives."""
    for kind, verbs in GATEWAY_RIGHTS.items():
        for verb in verbs:
            clinic.world.kubernetes.cluster.deny(verb, kind.plural)


async def _bad_in_full(clinic: Clinic) -> list[tuple[str, str, str | None]]:
    found = await clinic.findings()
    return [(f.subject, f.sentence, f.remedy) for f in found if not f.good]


async def test_a_gateway_that_may_not_be_read_is_not_known(clinic: Clinic) -> None:
    _deny_gateways(clinic)
    apply = "apply -f deploy/kubernetes/rbac-gateways.yaml"
    assert await _bad_in_full(clinic) == [
        (
            f"Kubernetes (main), {space}",
            f"Gateway gateway in {space}: not known, the bot may not read it.",
            f"kubectl --context main -n {space} {apply}",
        )
        for space in ("staging", "production")
    ]
    counts = [f.sentence for f in await clinic.findings() if f.sentence.startswith("2 of 3")]
    assert counts == ["2 of 3 services have all of their objects."] * 2


async def test_a_gateway_is_told_of_once_however_many_routes_name_it(clinic: Clinic) -> None:
    clinic.catalog += (
        '  web: {image: "q/web:{version}", strategy: {kind: blue-green, traffic: gateway}}\n'
    )
    shared = [{"name": "front", "namespace": "edge"}, {"name": "web", "kind": "Service"}]
    for space in ("staging", "production"):
        cluster = clinic.world.kubernetes.cluster
        seeding.seed_blue_green(cluster, space, "web", "q/web:1", traffic="gateway")
        for name in ("orders", "web"):
            route = ("httproutes", space, name)
            _edit(clinic, *route, lambda item: item["spec"].update(parentRefs=shared))
    _routes_settle(clinic.world)
    _deny_gateways(clinic)
    # Without the catalogue's cluster the current context is meant.
    clinic.catalog = clinic.catalog.replace("    cluster: main\n", "")
    assert await _bad_in_full(clinic) == [
        (
            "Kubernetes, edge",
            "Gateway front in edge: not known, the bot may not read it.",
            "kubectl -n edge apply -f deploy/kubernetes/rbac-gateways.yaml",
        )
    ]


async def test_gateways_that_only_routes_of_others_name_are_not_looked_at(clinic: Clinic) -> None:
    others = {"metadata": {"name": "others"}, "spec": {"parentRefs": [{"name": "theirs"}]}}
    clinic.world.kubernetes.cluster.create("httproutes", "production", others)
    assert await clinic.wrong() == []
    _deny_gateways(clinic)
    assert not [said for said in await clinic.wrong() if "theirs" in said]


@pytest.mark.parametrize(
    ("mark", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:x"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
    ],
)
async def test_objects_that_others_own(clinic: Clinic, mark: dict[str, Any], owner: str) -> None:
    _edit(clinic, *ROUTE, lambda route: route["metadata"].update(mark))
    name = ("deployments", "production", "payments-green")
    _edit(clinic, *name, lambda item: item["metadata"].update(mark))
    assert await clinic.wrong() == [
        f"{service} in production: {owner} owns {what} and may undo what the bot sets."
        for service, what in (
            ("orders", "HTTPRoute orders"),
            ("payments", "Deployment payments-green"),
        )
    ]


async def test_services_and_pods_that_do_not_fit_the_slots(clinic: Clinic) -> None:
    def selector(**labels: str) -> Callable[[Any], None]:
        return lambda item: item["spec"].update(selector=labels)

    services = ("services", "staging")
    _edit(clinic, *services, "payments", selector(app="payments"))
    _edit(clinic, *services, "orders-green", selector(app="orders", slot="blue"))

    def bare(item: Any) -> None:
        item["spec"]["template"]["metadata"]["labels"].pop("slot")
        item["spec"]["template"]["spec"]["containers"][0]["name"] = "app"

    _edit(clinic, "deployments", "staging", "config-blue", bare)
    clinic.world.kubernetes.cluster.objects.remove("deployments", "staging", "config-green")
    assert await clinic.wrong() == [
        "config in staging: There is no Deployment config-green.",
        "config in staging: Deployment config-blue has no container config.",
        "config in staging: Deployment config-blue: its pods carry no label slot: blue.",
        "orders in staging: Service orders-green does not select the green slot.",
        "payments in staging: Service payments selects neither slot.",
    ]


async def test_a_cluster_that_is_away_is_one_finding_a_namespace(clinic: Clinic) -> None:
    clinic.world.kubernetes.fail(Fault("status", times=None, status=500))
    assert await clinic.wrong() == [
        "Kubernetes (main), staging: Kubernetes (main) answered 500.",
        "Kubernetes (main), production: Kubernetes (main) answered 500.",
    ]


async def test_the_report_needs_rights_in_the_whole_cluster(clinic: Clinic) -> None:
    clinic.catalog += (
        'ephemeral: {clusters: [main], pattern: "pr-{number}", repository: quantivista/platform}\n'
    )
    found = await clinic.findings()
    assert "The environments that come and go can be listed." in [f.sentence for f in found]
    clinic.world.kubernetes.cluster.deny("list", "namespaces")
    [bad] = [f for f in await clinic.findings() if not f.good]
    assert (bad.subject, bad.sentence, bad.remedy) == (
        "Kubernetes (main), all namespaces",
        "The bot may not list namespaces in the whole cluster.",
        "kubectl --context main apply -f deploy/kubernetes/rbac-environments.yaml",
    )
    clinic.world.kubernetes.cluster.denied.clear()
    clinic.world.github.rights.granted["pull_requests"] = "none"
    so = "environments whose branch is merged go unnoticed"
    assert await clinic.wrong() == [f"{REPO}: Pull requests: the bot may not read them, so {so}."]


# Clocks.


async def test_a_clock_that_is_off_by_a_minute(clinic: Clinic) -> None:
    clinic.world.slack.clock_off = 60.0
    found = [f for f in await clinic.findings() if not f.good]
    assert [f"{f.subject}: {f.sentence}" for f in found] in (
        ["Clocks: Slack is 60 s ahead of this host."],
        ["Clocks: Slack is 59 s ahead of this host."],
        ["Clocks: Slack is 61 s ahead of this host."],
    )
    # Where all the others agree, it is this host that is off.
    both = doctor.of_clocks({"Slack": -61.2, "GitHub": -60.8, "Database": -61.0})
    assert [f.sentence for f in both] == [
        "Slack is 61 s behind this host.",
        "GitHub is 61 s behind this host.",
        "Database is 61 s behind this host.",
    ]
    assert all((f.remedy or "").startswith("Synchronise this host") for f in both)


def test_a_date_counts_for_the_middle_of_the_way() -> None:
    date = "Wed, 04 Mar 2026 16:30:00 GMT"
    then = 1772641800.0
    assert ahead(date, then, then + 1) == 0.0
    assert ahead(date, then - 10, then - 9.8) == pytest.approx(10.4)
    # A slow answer proves nothing smaller than itself.
    assert ahead(date, then - 10, then) == 0.0
    assert ahead(None, then, then) is None
    assert ahead("yesterday", then, then) is None


# The database.


async def test_no_file_is_made_by_looking(clinic: Clinic) -> None:
    file = clinic.folder / "new.db"
    clinic.database = f"sqlite:///{file}"
    found = await clinic.findings()
    assert f"There is no {file} yet; serve makes it." in [f.sentence for f in found]
    assert not file.exists()
    clinic.database = f"sqlite:///{clinic.folder}/none/new.db"
    wanted = f"Database: The folder {clinic.folder}/none can't be written to."
    assert await clinic.wrong() == [wanted]


async def test_an_older_and_a_newer_schema(clinic: Clinic, tmp_path: Path) -> None:
    path = tmp_path / "schema.db"
    shutil.copy(clinic.database.removeprefix("sqlite:///"), path)
    clinic.database = f"sqlite:///{path}"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    [older] = await clinic.wrong()
    assert older.startswith("Database: Its schema is 0001, and this version needs ")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    [newer] = await clinic.wrong()
    assert newer == "Database: Its schema is 9999, which only a newer version knows."


async def test_a_postgresql_user_without_the_right(postgres: Any, migrated_database: str) -> None:
    url = fresh_database(postgres, migrated_database)
    good = await _checked(url)
    assert [f.good for f in good.findings] == [True, True, True]
    assert good.findings[1].sentence == "postgres may migrate it and write to it."
    assert good.findings[2].sentence.startswith("LISTEN and NOTIFY work")
    assert abs(good.ahead or 9) < doctor.CLOCK_SECONDS
    name = url.split("?")[0].rsplit("/", 1)[1]
    for statement in (
        "DROP ROLE IF EXISTS weak",
        "CREATE ROLE weak LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak",
        "GRANT INSERT, UPDATE, DELETE ON releases TO weak",
        "GRANT INSERT ON audit TO weak",
    ):
        store = Store(url)
        async with store.writer.begin() as connection:
            await connection.exec_driver_sql(statement)
        await store.close()
    weak = url.replace("postgresql://postgres:@", "postgresql://weak:@")
    assert weak != url, name
    said = [f.sentence for f in (await _checked(weak)).findings if not f.good]
    assert "weak may not make tables in public, so it can't be migrated." in said
    assert "weak does not own the table releases, so it can't be migrated." in said
    assert "weak may not INSERT, UPDATE, DELETE on the table cards." in said
    assert not [s for s in said if "on the table releases" in s or "on the table audit." in s]


async def _checked(url: str) -> Checkup:
    store = Store(url)
    try:
        return await checkup.examine(store)
    finally:
        await store.close()


async def test_a_server_that_is_away() -> None:
    found = await _checked("postgresql://nobody@127.0.0.1:9/none")
    [only] = found.findings
    assert only.sentence.startswith("It can't be reached: ")


# All of it.


def _set(**given: Any) -> list[str]:
    return [f.sentence for f in doctor.of_settings(Settings(**given)) if not f.good]


def test_settings_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert _set() == [
        "SLACK_BOT_TOKEN is not set.",
        "SLACK_SIGNING_SECRET is not set.",
        "GITHUB_WEBHOOK_SECRET is not set.",
        "GITHUB_TOKEN is not set.",
    ]
    by_socket = {"slack_bot_token": "x", "slack_app_token": "y"}
    assert _set(**by_socket, github_token="t") == []
    assert _set(**by_socket, github_app_id="1") == [
        "GITHUB_APP_PRIVATE_KEY is not set.",
        "GITHUB_APP_INSTALLATION_ID is not set.",
    ]
    assert _set(**by_socket, github_token="t", github_app_id="1") == [
        "Both GITHUB_TOKEN and a GitHub App are set; the token is used."
    ]
    file = str(tmp_path / "none")
    assert _set(**by_socket, github_token="t", kubeconfig=file) == [
        f"KUBECONFIG names {file}, and there is no such file."
    ]


async def test_a_part_that_breaks_or_hangs_is_a_finding() -> None:
    async def breaks() -> Checkup:
        raise ValueError("a secret")

    async def hangs() -> Checkup:
        await asyncio.sleep(30)
        return Checkup()

    settings = Settings(slack_bot_token="x", slack_app_token="y", github_token="t")
    found = await doctor.examine(settings, {"A": breaks, "B": hangs}, {}, START, 0.05)
    assert [(f.good, f.sentence) for f in found[1:]] == [
        (False, "It can't be examined: ValueError."),
        (False, "It gave no whole answer within 0.05 s."),
    ]


async def test_57_services_in_three_environments_take_few_requests(
    world: World, migrated_file: Path, tmp_path: Path
) -> None:
    services = "\n".join(
        f'  s{n}: {{image: "q/s{n}:{{version}}", repository: quantivista/r{n}, '
        "strategy: {kind: blue-green, traffic: gateway, weights: [50, 100]}}"
        for n in range(57)
    )
    third = "  third: {cluster: main, namespace: third, rights: {release: [owners]}}\ndefaults:"
    catalog = CATALOG.replace("defaults:", third, 1) + services + "\n"
    for n in range(57):
        world.github.seed_release(f"quantivista/r{n}", "v1")
        for file in ("deploy.yml", "smoke.yml"):
            world.github.add_workflow(f"quantivista/r{n}", Workflow(file))
    cluster = world.kubernetes.cluster
    for space in ("staging", "production", "third"):
        for name in [f"s{n}" for n in range(57)]:
            seeding.seed_blue_green(cluster, space, name, "q/x:1", traffic="gateway", replicas=1)
    for name in ("config", "orders", "payments"):
        kind = "gateway" if name == "orders" else "service"
        seeding.seed_blue_green(cluster, "third", name, "q/x:1", traffic=kind, replicas=1)
    _routes_settle(world)
    clinic = Clinic(world, f"sqlite:///{migrated_file}", tmp_path, catalog)
    before = len(world.kubernetes.journal)
    found = await clinic.findings()
    assert [f.sentence for f in found if not f.good and f.subject != "Webhooks"] == []
    assert "60 of 60 services have all of their objects." in [f.sentence for f in found]
    # Shared by namespace: rights, five lists and the Gateway, and not a word for each service.
    assert len(world.kubernetes.journal) - before <= 3 * 24
