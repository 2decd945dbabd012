"""GitHub's own gate: its webhooks, its runs, its answers, and what the doctor says of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ForbiddenError, MissingError, PermanentError
from bot.ports import Webhook
from integrations.github.gate_doctor import Gated, of_credentials, of_events, of_repository
from integrations.github.pool import Credentials
from integrations.github.webhooks import parsed
from integrations.simulated.github import Workflow
from integrations.simulated.github.rights import APP_ID
from tests.integrations.test_github import REPO, Kit

RULE = "deployment_protection_rule"


def payload(**changes: Any) -> dict[str, Any]:
    """As GitHub documents it."""
    base = {
        "action": "requested",
        "environment": "production",
        "event": "workflow_dispatch",
        "sha": "a" * 40,
        "ref": "main",
        "deployment_callback_url": (
            f"https://api.github.com/repos/{REPO}/actions/runs/4711/deployment_protection_rule"
        ),
        "deployment": {"id": 7, "sha": "a" * 40, "ref": "main", "payload": {}},
        "repository": {"full_name": REPO},
        "sender": {"login": "ana"},
    }
    return base | changes


def asked(body: Any) -> Any:
    told = parsed(RULE, body, "hash")
    return Webhook(delivery="d", body_hash="hash", event=RULE, **told).ask if told else None


def test_what_is_asked_is_read() -> None:
    ask = asked(payload())
    assert ask.model_dump() == {
        "key": f"{REPO}#7",
        "repository": REPO,
        "environment": "production",
        "run": 4711,
        "deployment": 7,
        "ref": "main",
        "commit": "a" * 40,
        "actor": "ana",
    }


def test_an_enterprise_servers_path_and_a_payload_without_a_deployment_will_do() -> None:
    url = f"https://ghe.example/api/v3/repos/{REPO}/actions/runs/12/deployment_protection_rule"
    ask = asked(payload(deployment_callback_url=url, deployment=None))
    assert (ask.run, ask.deployment, ask.key) == (12, None, f"{REPO}#hash")
    assert (ask.ref, ask.commit) == ("main", "a" * 40)


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "other"},
        {"environment": ""},
        {"environment": None},
        {"repository": {}},
        {"deployment_callback_url": "https://evil.example/"},
        {
            "deployment_callback_url": "https://x/repos/o/r/actions/runs/1/deployment_protection_rule"
        },
        {"deployment_callback_url": 7},
        {"deployment_callback_url": f"https://x/repos/{REPO}/actions/runs/0/{RULE}"},
    ],
)
def test_what_is_not_as_documented_asks_nothing(changes: dict[str, Any]) -> None:
    assert asked(payload(**changes)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.sampled_from([RULE, "deployment_status"]),
    st.fixed_dictionaries(
        {"repository": st.just({"full_name": REPO})},
        optional={
            "action": st.just("requested"),
            "environment": JSON,
            "deployment": JSON | st.fixed_dictionaries({"id": JSON, "payload": JSON}),
            "deployment_callback_url": JSON,
            "deployment_status": JSON
            | st.fixed_dictionaries({"state": st.just("success"), "id": JSON, "log_url": JSON}),
            "workflow_run": JSON,
            "sender": JSON,
        },
    ),
)
def test_no_payload_breaks_the_reader(event: str, body: dict[str, Any]) -> None:
    told = parsed(event, body, "hash")
    if told is not None:
        Webhook(delivery="d", body_hash="hash", event=event, **told)


def status(state: str = "success", **changes: Any) -> dict[str, Any]:
    """As GitHub documents it."""
    link = f"https://github.example/{REPO}/actions/runs/4711/job/1"
    base = {
        "action": "created",
        "deployment_status": {"id": 9, "state": state, "log_url": link, "environment": "prod"},
        "deployment": {
            "id": 7,
            "sha": "a" * 40,
            "ref": "main",
            "environment": "production",
            "payload": '{"release_bot": "rel-7k3f"}',
            "creator": {"login": "github-actions[bot]"},
        },
        "repository": {"full_name": REPO},
        "sender": {"login": "github-actions[bot]"},
        "workflow_run": {"display_title": "deploy", "triggering_actor": {"login": "ana"}},
    }
    return base | changes


def went(body: dict[str, Any]) -> Any:
    told = parsed("deployment_status", body)
    return told["deployed"] if told else None


def test_a_deployment_that_went_well_is_read() -> None:
    found = went(status())
    assert (found.deployment, found.status, found.run, found.actor) == (7, 9, 4711, "ana")
    assert (found.environment, found.title, found.release) == ("prod", "deploy", "rel-7k3f")


def test_without_a_run_it_is_its_creators() -> None:
    plain = {"id": 9, "state": "success", "target_url": "https://x"}
    found = went(status(workflow_run=None, deployment_status=plain, sender={"login": "dan"}))
    assert (found.run, found.actor, found.environment) == (None, "dan", "production")


@pytest.mark.parametrize("state", ["in_progress", "failure", "waiting", "inactive"])
def test_how_others_stand_is_no_news(state: str) -> None:
    assert went(status(state)) is None


# Runs and answers.


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.host.close()
    await made.sim.stop()


@pytest.fixture
async def waiting(kit: Kit) -> Kit:
    """A job that waits."""
    kit.sim.seed_release(REPO, "v2.1.0")
    kit.sim.add_workflow(REPO, Workflow("deploy.yml", environment=True))
    kit.sim.gates.protect(REPO, "production")
    kit.sim.start_run(REPO, "deploy.yml", {"environment": "production"}, "ana")
    while not kit.sim.gates.waiting:
        await asyncio.sleep(0)
        await kit.clock.advance_to(kit.clock.moment + timedelta(seconds=1))
    return kit


async def test_a_waiting_run_with_who_started_it(waiting: Kit) -> None:
    found = await waiting.host.waiting_run(REPO, 4711)
    assert (found.actor, found.on_default, found.run.status) == ("ana", True, "queued")
    assert found.commit == waiting.sim.repository(REPO).order[-1]
    run = waiting.sim.runs[0]
    run.event = "pull_request"
    assert not (await waiting.host.waiting_run(REPO, 4711)).on_default
    run.event, run.branch = "push", "mine"
    assert not (await waiting.host.waiting_run(REPO, 4711)).on_default
    with pytest.raises(MissingError):
        await waiting.host.waiting_run(REPO, 9)


async def test_a_tag_that_is_called_like_the_default_branch_is_not_the_branch(
    waiting: Kit,
) -> None:
    sim, run = waiting.sim, waiting.sim.runs[0]
    aside = sim.history.commit(REPO, message="Forge the title", on=sim.repository(REPO).order[-1])
    sim.add_tag(REPO, "main", aside)
    run.branch, run.sha = "main", aside
    found = await waiting.host.waiting_run(REPO, 4711)
    assert (found.on_default, found.own_code) == (False, True)
    run.sha = sim.repository(REPO).order[0]
    sim.history.commit(REPO)
    assert (await waiting.host.waiting_run(REPO, 4711)).on_default, "the branch went on meanwhile"
    run.sha = "f" * 40
    assert not (await waiting.host.waiting_run(REPO, 4711)).on_default


async def test_the_default_branch_may_be_renamed_at_any_time(waiting: Kit) -> None:
    assert (await waiting.host.waiting_run(REPO, 4711)).on_default
    waiting.sim.repository(REPO).default_branch = "trunk"
    assert not (await waiting.host.waiting_run(REPO, 4711)).on_default


@pytest.mark.parametrize(
    ("event", "own"), [("release", True), ("pull_request", False), ("pull_request_target", False)]
)
async def test_whose_code_a_run_is_of(waiting: Kit, event: str, *, own: bool) -> None:
    waiting.sim.runs[0].event = event
    found = await waiting.host.waiting_run(REPO, 4711)
    assert (found.own_code, found.on_default) == (own, False)


async def test_the_tags_of_a_commit(kit: Kit) -> None:
    sha = kit.sim.seed_release(REPO, "v2.1.0", annotated=True)
    kit.sim.add_tag(REPO, "latest", sha)
    kit.sim.seed_release(REPO, "v2.2.0")
    assert await kit.host.tags_at(REPO, "v2.1.0", sha) == ("v2.1.0",)
    assert await kit.host.tags_at(REPO, "refs/tags/v2.1.0", sha) == ("v2.1.0",)
    assert set(await kit.host.tags_at(REPO, "main", sha)) == {"v2.1.0", "latest"}
    assert set(await kit.host.tags_at(REPO, "v2.2.0", sha)) == {"v2.1.0", "latest"}


async def test_an_answer_goes_to_the_api_that_is_set(waiting: Kit) -> None:
    host, gates = waiting.host, waiting.sim.gates
    await host.answer_gate(REPO, 4711, "production", "It waits.")
    await host.answer_gate(REPO, 4711, "production", "x" * 5000, "approved")
    assert [(s, len(c)) for _, _, s, c in gates.answers] == [(None, 9), ("approved", 1000)]
    with pytest.raises(PermanentError):
        await host.answer_gate(REPO, 4711, "production", "again", "approved")


async def test_an_answer_without_the_right_is_forbidden(waiting: Kit) -> None:
    waiting.sim.rights.granted["deployments"] = "read"
    with pytest.raises(ForbiddenError):
        await waiting.host.answer_gate(REPO, 4711, "production", "yes", "approved")
    assert waiting.sim.gates.answers == []


# The doctor.

APP = Credentials(app_id=APP_ID, private_key="k", installation_id=1)
GATED: Gated = {REPO: (("production", "prod"),)}


def test_a_token_is_asked_nothing() -> None:
    assert "GITHUB_TOKEN" in of_credentials(Credentials(token="t"), GATED)[0].sentence
    assert of_credentials(APP, GATED) == of_credentials(Credentials(token="t"), {}) == []


def test_each_event_that_is_missing_is_named() -> None:
    assert of_events({"events": [RULE, "deployment_status", "push"]}) == []
    said = [finding.sentence for finding in of_events({"events": ["push"]})]
    assert said == [
        (
            "It is not told of deployment_protection_rule: no job is asked about, and each waits "
            "for 30 days."
        ),
        (
            "It is not told of deployment_status: a deployment that goes past the bot is seen in "
            "the cluster only."
        ),
    ]


async def looked(kit: Kit) -> list[str]:
    found = await of_repository(kit.host._pool, APP, REPO, GATED[REPO])
    assert all(one.remedy for one in found)
    return [one.sentence for one in found]


async def test_whether_the_rule_is_switched_on(kit: Kit) -> None:
    gates = kit.sim.gates
    assert await looked(kit) == [
        "GitHub has no environment production, so no job for it is ever asked about."
    ]
    gates.protect(REPO, "prod", enabled=False)
    assert await looked(kit) == [
        "Environment prod: the bot's rule is not switched on, so jobs pass it by."
    ]
    gates.protect(REPO, "prod")
    assert await looked(kit) == []
    kit.sim.rights.granted["actions"] = "none"
    assert await looked(kit) == ["Environment production: the bot may not read its rules."]
