"""`release-bot doctor` as an operator runs it: exit status, lines, JSON, and never a secret."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.settings import Settings
from tests.tester import CATALOG, World

SECRETS = {
    "SLACK_SIGNING_SECRET": "signing-b81f",
    "GITHUB_TOKEN": "ghp-c92a",
    "GITHUB_WEBHOOK_SECRET": "hook-d03b",
}


@pytest.fixture
def installed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The settings of a process that is to run on the seeded world."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    kubeconfig = world.kubernetes.kubeconfig(tmp_path / "kubeconfig", ["main"])
    world.slack.token, world.slack.app_token = "xoxb-a70e", "xapp-e14c"
    hooks = world.github.hooks
    hooks.url, hooks.secret = "http://bot.example/github/webhooks", "hook"
    world.clock.moment = world.clock.moment.replace(minute=31)
    given = {
        **SECRETS,
        "SLACK_BOT_TOKEN": world.slack.token,
        "SLACK_APP_TOKEN": world.slack.app_token,
        "SLACK_API_URL": f"{world.slack.url}/api/",
        "GITHUB_API_URL": world.github.url,
        "KUBECONFIG": str(kubeconfig),
        "DATABASE_URL": f"sqlite:///{tmp_path}/bot.db",
        "RELEASE_BOT_CATALOG": str(tmp_path / "catalog.yaml"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return world


async def _run(*words: str) -> tuple[int, str]:
    """Run it in a thread of its own: the simulated systems live on this one's loop."""
    done = await asyncio.to_thread(CliRunner().invoke, cli, ["doctor", *words])
    assert not any(secret in done.output for secret in (*SECRETS.values(), "a70e", "e14c"))
    return done.exit_code, done.stdout


@pytest.mark.usefixtures("installed")
async def test_all_is_well() -> None:
    status, said = await _run()
    assert status == 0, said
    lines = said.strip().splitlines()
    assert all(line.startswith("✓ ") for line in lines[:-1])
    assert lines[-1] == f"All is well: {len(lines) - 1} of {len(lines) - 1}."
    status, said = await _run("--json")
    found = json.loads(said)
    assert status == 0
    assert {tuple(row) for row in found} == {("good", "subject", "sentence", "remedy")}
    assert len(found) == len(lines) - 1


def _plant(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plant one fault of each kind; what is to be said of it."""
    world.slack.scopes.remove("usergroups:read")
    world.slack.clock_off = -60.0
    world.github.rights.granted["actions"] = "read"
    cluster = world.kubernetes.cluster
    cluster.deny("patch", "httproutes")
    cluster.rejects_routes = "no listener matches"
    item: Any = cluster.objects.get("services", "production", "payments")
    item["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "shop"}
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/gone/bot.db")
    for_what = "without it the bot can't know who has a role by user group"
    so = "so nothing is deployed by one"
    return [
        f"Slack scopes: usergroups:read is missing: {for_what}.",
        f"quantivista/platform: Actions: the bot may not start workflows, {so}.",
        "Kubernetes (main), production: The bot may not patch httproutes in production.",
        "orders in staging: HTTPRoute orders is refused. Accepted is false: no listener matches.",
        "payments in production: Argo CD owns Service payments and may undo what the bot sets.",
        f"Database: The folder {tmp_path}/gone can't be written to.",
    ]


async def test_each_fault_has_its_line_and_what_to_do(
    installed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = _plant(installed, tmp_path, monkeypatch)
    status, said = await _run()
    lines = said.splitlines()
    assert status == 1
    for sentence in planted:
        at = lines.index(f"✗ {sentence}")
        assert lines[at + 1].startswith("    "), f"nothing to do about: {sentence}"
    command = "kubectl --context main -n production apply -f deploy/kubernetes/rbac.yaml"
    assert f"    {command}" in lines
    assert any(line.startswith("✗ Clocks: Slack is ") for line in lines)
    bad = [line for line in lines if line.startswith("✗")]
    assert lines[-1].startswith(f"{len(bad)} of ")
    assert lines[-1].endswith(" need a person.")
    status, said = await _run("--json")
    assert (status, sum(not row["good"] for row in json.loads(said))) == (1, len(bad))
