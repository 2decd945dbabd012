"""What deploy/ holds agrees with the image, the settings, the routes and the doctor."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.app import TURN_SECONDS
from bot.settings import Settings
from integrations.github.app_rights import FOR_PASSING, PERMISSIONS
from integrations.http import build_http
from integrations.kubernetes.doctor import (
    ARGO_RIGHTS,
    GATEWAY_RIGHTS,
    ISTIO_RIGHTS,
    LOG_RIGHTS,
    RIGHTS,
    SMOKE_RIGHTS,
    WIDE_RIGHTS,
    Rights,
)
from integrations.kubernetes.kinds import NAMED
from integrations.kubernetes.traffic import WAYS, Way
from integrations.slack.doctor import SCOPES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(FOLDER.glob("*.yaml"))
ROLES = [path for path in FILES if path.name.startswith("rbac")]


def documents(name: str) -> list[dict[str, Any]]:
    return [dict(d) for d in YAML(typ="safe").load_all((FOLDER / name).read_text())]


def one(name: str, kind: str) -> dict[str, Any]:
    [found] = [d for d in documents(name) if d["kind"] == kind]
    return found


def dockerfile(word: str) -> list[str]:
    """Arguments of an instruction in the last stage of the image."""
    last = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1].replace("\\\n", " ")
    return [line.split(None, 1)[1] for line in last.splitlines() if line.startswith(f"{word} ")]


@pytest.fixture
def pod() -> dict[str, Any]:
    found: dict[str, Any] = one("deployment.yaml", "Deployment")["spec"]["template"]
    return found


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    [found] = pod["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_holds_whole_objects(path: Path) -> None:
    for item in documents(path.name):
        assert {"apiVersion", "kind", "metadata"} <= item.keys()
        assert item["metadata"]["name"].startswith("release-bot")
        wide = item["kind"] in ("Namespace", "ClusterRole", "ClusterRoleBinding")
        # Whoever applies a Role names the namespace.
        anywhere = path in ROLES
        assert wide or anywhere or item["metadata"]["namespace"] == "release-bot"


def test_whoever_selects_the_pods_selects_them_by_labels_that_they_have(pod: Any) -> None:
    labels = pod["metadata"]["labels"]
    deployment = one("deployment.yaml", "Deployment")["spec"]
    spread = pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]
    selectors = [
        deployment["selector"]["matchLabels"],
        spread["matchLabels"],
        one("service.yaml", "Service")["spec"]["selector"],
        one("pdb.yaml", "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("networkpolicy.yaml", "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)


def test_one_replica_stays_while_another_goes() -> None:
    deployment = one("deployment.yaml", "Deployment")["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    least = one("pdb.yaml", "PodDisruptionBudget")["spec"]["minAvailable"]
    assert 1 <= least < deployment["replicas"]


def test_ports_are_those_of_the_image_and_the_settings(pod: Any, container: Any) -> None:
    [port] = container["ports"]
    assert dockerfile("EXPOSE") == [str(port["containerPort"])]
    assert Settings.model_fields["port"].default == port["containerPort"]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    [served] = one("service.yaml", "Service")["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    policy = one("networkpolicy.yaml", "NetworkPolicy")["spec"]
    inward = [p["port"] for rule in policy["ingress"] for p in rule["ports"]]
    assert set(inward) == {port["name"]}


def test_what_the_bot_needs_outside_may_be_reached_wherever_it_is() -> None:
    egress = one("networkpolicy.yaml", "NetworkPolicy")["spec"]["egress"]
    # DNS too: a cache of the node's is on the host's network, which no selector matches.
    assert [rule.keys() for rule in egress] == [{"ports"}] * len(egress)
    opened = [{(p["protocol"], p["port"]) for p in rule["ports"]} for rule in egress]
    assert opened == [
        {("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353)},
        {("TCP", 443), ("TCP", 6443)},
        {("TCP", 5432), ("TCP", 6432)},
    ]
    said = " ".join((FOLDER / "networkpolicy.yaml").read_text().replace("#", " ").split())
    assert "A sink on another port (events.sinks in the catalogue) is to be added here" in said


class _Health:
    def alive(self) -> bool:
        return True

    ready = alive

    def metrics(self) -> str:
        return ""


def test_probes_ask_routes_that_there_are(pod: Any, container: Any) -> None:
    paths = {route.resource.canonical for route in build_http(_Health(), []).router.routes()}
    [port] = container["ports"]
    asked = {
        name: container[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {probe["path"] for probe in asked.values()} <= paths
    assert {probe["port"] for probe in asked.values()} == {port["name"]}
    assert asked["readinessProbe"]["path"] == "/readyz"
    assert pod["metadata"]["annotations"]["prometheus.io/path"] in paths


def test_it_runs_as_the_images_user_and_writes_nowhere_else(pod: Any, container: Any) -> None:
    user, group = dockerfile("USER")[0].split(":")
    security = pod["spec"]["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))
    assert security["runAsNonRoot"] is True
    own = container["securityContext"]
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == {
        v["name"] for v in pod["spec"]["volumes"]
    }
    assert set(dockerfile("VOLUME")) <= set(mounts)
    [environment] = dockerfile("ENV")
    catalog = re.search(r"RELEASE_BOT_CATALOG=(\S+)", environment)
    assert catalog
    assert mounts[str(Path(catalog[1]).parent)]["readOnly"] is True
    writable = [path for path, mount in mounts.items() if not mount.get("readOnly")]
    assert writable == dockerfile("VOLUME")


def test_it_has_time_to_end(pod: Any, container: Any) -> None:
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["spec"]["terminationGracePeriodSeconds"] > pause + TURN_SECONDS + 20


def test_memory_is_what_was_measured_and_room_beside(container: Any) -> None:
    resources = container["resources"]
    assert "cpu" not in resources["limits"]
    asked, most = (int(resources[k]["memory"].removesuffix("Mi")) for k in ("requests", "limits"))
    assert 150 <= asked <= most / 2
    # The bench's goal for 1,000 releases under way.
    assert most > 300


def test_accounts_and_secrets_have_one_name(pod: Any, container: Any) -> None:
    account = one("serviceaccount.yaml", "ServiceAccount")["metadata"]
    assert pod["spec"]["serviceAccountName"] == account["name"]
    for file, kind in (
        ("rbac.yaml", "RoleBinding"),
        ("rbac-istio.yaml", "RoleBinding"),
        ("rbac-argo.yaml", "RoleBinding"),
        ("rbac-smoke.yaml", "RoleBinding"),
        ("rbac-logs.yaml", "RoleBinding"),
        ("rbac-environments.yaml", "ClusterRoleBinding"),
        ("rbac-gateways.yaml", "RoleBinding"),
    ):
        [subject] = one(file, kind)["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    secret = one("secret.example.yaml", "Secret")
    assert container["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    names = {name.upper() for name in Settings.model_fields}
    given = {variable["name"] for variable in container["env"]}
    assert given | secret["stringData"].keys() <= names


def test_the_example_holds_no_secret() -> None:
    values = one("secret.example.yaml", "Secret")["stringData"]
    url = values.pop("DATABASE_URL")
    assert url == "postgresql://USER:PASSWORD@HOST:5432/release_bot"
    assert all(re.fullmatch(r"YOUR(-[A-Z]+)+", value) for value in values.values())


def _rules(file: str, kind: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for rule in one(file, kind)["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield (group, resource), tuple(rule["verbs"])


@pytest.mark.parametrize(
    ("file", "kind", "rights"),
    [
        ("rbac.yaml", "Role", RIGHTS),
        ("rbac-istio.yaml", "Role", ISTIO_RIGHTS),
        ("rbac-argo.yaml", "Role", ARGO_RIGHTS),
        ("rbac-smoke.yaml", "Role", SMOKE_RIGHTS),
        ("rbac-logs.yaml", "Role", LOG_RIGHTS),
        ("rbac-environments.yaml", "ClusterRole", WIDE_RIGHTS),
        ("rbac-gateways.yaml", "Role", GATEWAY_RIGHTS),
    ],
)
def test_the_doctor_asks_for_each_right_of_the_roles(file: str, kind: str, rights: Rights) -> None:
    asked = {(one.group, one.plural): verbs for one, verbs in rights.items()}
    assert dict(_rules(file, kind)) == asked


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_whatever_moves_traffic_may_be_patched_by_the_role_that_its_error_names(way: Way) -> None:
    rights = dict(_rules(way.kind.rights, "Role"))
    assert rights[way.kind.group, way.kind.plural] == ("get", "list", "watch", "patch")


def test_nothing_is_created_or_deleted_but_by_the_role_that_says_what_that_means() -> None:
    writing = {"create", "delete", "update", "deletecollection", "*"}
    able = {
        (path.name, resource)
        for path in ROLES
        for (_, resource), verbs in _rules(path.name, documents(path.name)[0]["kind"])
        if writing & set(verbs)
    }
    assert able == {("rbac-smoke.yaml", "jobs")}
    said = " ".join((FOLDER / "rbac-smoke.yaml").read_text().replace("#", " ").split())
    assert "may create any Job in this namespace, and so may read each Secret in it" in said
    assert {NAMED[plural].rights for plural in ("jobs", "cronjobs")} == {"rbac-smoke.yaml"}


def test_the_page_on_smoke_tests_has_a_policy_for_the_account_that_the_bot_has() -> None:
    page = (ROOT / "docs" / "smoke.md").read_text()
    found = r"^```yaml\n(apiVersion: admission.*?)^```"
    [policy] = re.findall(found, page, re.MULTILINE | re.DOTALL)
    rule, binding = (dict(d) for d in YAML(typ="safe").load_all(policy))
    account = one("serviceaccount.yaml", "ServiceAccount")["metadata"]
    named = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    [condition] = rule["spec"]["matchConditions"]
    assert named in condition["expression"]
    assert binding["spec"]["policyName"] == rule["metadata"]["name"]
    assert rule["spec"]["failurePolicy"] == "Fail"


@pytest.mark.parametrize("path", ROLES, ids=lambda path: path.name)
def test_each_binding_gives_the_role_of_its_file(path: Path) -> None:
    role, binding = documents(path.name)
    wanted = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"]}
    assert binding["roleRef"] == wanted | {"name": role["metadata"]["name"]}


def test_no_two_roles_share_a_name() -> None:
    names = [documents(path.name)[0]["metadata"]["name"] for path in ROLES]
    assert len(names) == len(set(names))


def test_the_installation_applies_each_manifest() -> None:
    text = (ROOT / "docs" / "operate.md").read_text()
    [commands] = re.findall(r"^## Install\n.*?^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [path.name for path in FILES if f"deploy/kubernetes/{path.name}" not in commands] == []


def test_the_image_is_built_as_it_is_run(container: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert container["image"] == f"release-bot:{version}"
    built = re.findall(r"docker build -t (\S+) \.", (ROOT / "README.md").read_text())
    assert built == [container["image"]]


def test_the_doctor_asks_for_each_scope_of_the_slack_app() -> None:
    manifest = YAML(typ="safe").load((ROOT / "deploy" / "slack-manifest.yaml").read_text())
    assert manifest["oauth_config"]["scopes"]["bot"] == list(SCOPES)


@pytest.mark.parametrize("page", ["README.md", "docs/operate.md"])
def test_each_permission_that_the_doctor_asks_for_is_named(page: str) -> None:
    text = " ".join((ROOT / page).read_text().split())
    wanted = [name for name, _ in (PERMISSIONS | FOR_PASSING).values()]
    assert [name for name in wanted if name not in text] == []
