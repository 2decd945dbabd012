"""The scripts inside the example workflows do what they say, run as a runner would run them."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from ruamel.yaml import YAML

EXAMPLE = Path(__file__).parents[2] / "examples" / "quantivista"
NEEDED = ("bash", "curl", "jq")

pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in NEEDED),
    reason=f"a runner has {', '.join(NEEDED)}, and this machine has not",
)


def script(file: str) -> str:
    found = YAML(typ="safe").load((EXAMPLE / file).read_text())
    jobs = found.get("jobs", {"": found.get("runs", {})})
    [one] = [step["run"] for job in jobs.values() for step in job.get("steps", []) if "run" in step]
    return str(one)


class Runner:
    """A folder in which scripts run, with programs that only note how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.output = folder / "output"
        self.calls.touch()
        self.output.touch()
        (folder / "bin").mkdir()

    def program(self, name: str, says: str = "") -> None:
        path = self.folder / "bin" / name
        body = f'#!/bin/sh\necho {name} "$@" >> {self.calls}\ncat <<"END"\n{says}\nEND\n'
        path.write_text(body)
        path.chmod(0o755)

    async def run(self, file: str, **given: str) -> tuple[int, str]:
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(self.output),
            "RUNNER_TEMP": str(self.folder),
        } | given
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", script(file)),
            cwd=self.folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def outputs(self) -> dict[str, str]:
        lines = self.output.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


class Bot:
    """The far side: GitHub's tokens, and the bot's route for evidence."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.tokens = 0
        self.asked: list[tuple[str, str, bytes]] = []

    async def token(self, request: web.Request) -> web.Response:
        assert request.query["audience"] == "release-bot"
        assert request.headers["Authorization"] == "Bearer of-the-run"
        self.tokens += 1
        return web.json_response({"value": f"very-secret-{self.tokens}"})

    async def evidence(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"]
        self.asked.append((request.path_qs, token, await request.read()))
        status, said = self.answers.pop(0)
        return web.json_response(said, status=status)


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
async def submits(runner: Runner, bot: Bot) -> AsyncIterator[Any]:
    app = web.Application()
    app.router.add_get("/token", bot.token)
    app.router.add_post("/evidence/{service}/{version}", bot.evidence)
    runner.program("sleep")
    (runner.folder / "report.json").write_bytes(b'{"as": "it is\\n"}\n\x00')
    async with TestServer(app) as server:
        base = f"http://127.0.0.1:{server.port}"

        async def submit(**other: str) -> tuple[int, str]:
            given = {
                "BOT_URL": f"{base}/",
                "SERVICE": "auth",
                "VERSION": "2.1.0",
                "KIND": "unit",
                "REPORT": "report.json",
                "FORMAT": "",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{base}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-run",
            }
            status, said = await runner.run("actions/submit-evidence/action.yml", **given | other)
            assert "very-secret" not in said
            assert "of-the-run" not in said
            return status, said

        yield submit


async def test_a_report_arrives_as_it_is(submits: Any, bot: Bot, runner: Runner) -> None:
    bot.answers = [(201, {})]
    assert await submits() == (0, "unit of auth 2.1.0: the bot has it (201).\n")
    [(path, token, body)] = bot.asked
    assert path == "/evidence/auth/2.1.0?kind=unit"
    assert token == "Bearer very-secret-1"
    assert body == (runner.folder / "report.json").read_bytes()


async def test_a_format_is_said_where_there_is_one(submits: Any, bot: Bot) -> None:
    bot.answers = [(200, {})]
    status, said = await submits(KIND="sast", FORMAT="sarif")
    assert (status, said) == (0, "sast of auth 2.1.0: the bot has it (200).\n")
    assert bot.asked[0][0] == "/evidence/auth/2.1.0?kind=sast&format=sarif"


async def test_a_bot_that_is_away_is_asked_again_with_a_new_token(
    submits: Any, bot: Bot, runner: Runner
) -> None:
    bot.answers = [(503, {}), (502, {}), (201, {})]
    status, _ = await submits()
    assert status == 0
    assert [token for _, token, _ in bot.asked] == [f"Bearer very-secret-{n}" for n in (1, 2, 3)]
    assert runner.called() == ["sleep 2", "sleep 8"]


async def test_it_gives_up_in_the_end(submits: Any, bot: Bot) -> None:
    bot.answers = [(503, {"error": "The database is away."})] * 4
    status, said = await submits()
    assert status == 1
    assert len(bot.asked) == 4
    assert "did not take unit of auth 2.1.0 (503). The database is away." in said


async def test_a_refusal_is_told_and_not_repeated(submits: Any, bot: Bot) -> None:
    bot.answers = [(403, {"error": "ci.yml is not on the policy's list.\n::add-mask::x %0A"})]
    status, said = await submits()
    assert status == 1
    assert len(bot.asked) == 1
    [line] = said.splitlines()
    assert line == (
        "::error title=No evidence::The bot did not take unit of auth 2.1.0 (403). "
        "ci.yml is not on the policy's list.::add-mask::x 0A"
    )


async def test_a_bot_that_nobody_reaches_is_no_success(submits: Any) -> None:
    status, said = await submits(BOT_URL="http://127.0.0.1:1")
    assert status == 1
    assert said.count("gave no answer to rely on (000)") == 4


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"BOT_URL": ""}, "Set the variable RELEASE_BOT_URL"),
        ({"SERVICE": "../auth"}, "The service is no name"),
        ({"VERSION": "2.1.0?kind=dast"}, "The version is none"),
        ({"KIND": "unit&kind=dast"}, "lower-case words"),
        ({"REPORT": "none.json"}, "unit left no report at none.json."),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "The job has no id-token: write."),
    ],
)
async def test_what_is_amiss_is_said_before_anybody_is_asked(
    submits: Any, bot: Bot, given: dict[str, str], told: str
) -> None:
    status, said = await submits(**given)
    assert status == 1
    assert told in said
    assert (bot.tokens, bot.asked) == (0, [])


@pytest.mark.parametrize(
    ("tag", "service", "version"),
    [
        ("auth/2.1.0", "auth", "2.1.0"),
        ("v2.1.0", "trading-decision", "2.1.0"),
        ("web-ui/v3.0.0-rc.1", "web-ui", "3.0.0-rc.1"),
    ],
)
async def test_a_tag_says_the_service_and_the_version(
    runner: Runner, tag: str, service: str, version: str
) -> None:
    given = {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": tag, "SERVICES": '["a", "b"]'}
    assert await runner.run("workflows/scope.yml", **given) == (0, "")
    found = runner.outputs()
    assert (found["service"], found["version"]) == (service, version)
    assert json.loads(found["services"]) == [service]


async def test_elsewhere_there_is_no_version(runner: Runner) -> None:
    given = {"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "main", "SERVICES": '["a", "b"]'}
    assert await runner.run("workflows/scope.yml", **given) == (0, "")
    assert runner.outputs() == {"services": '["a", "b"]', "service": "", "version": ""}


@pytest.mark.parametrize(
    ("kind", "name", "services"),
    [("tag", "auth/latest", "[]"), ("tag", "a b/2.1.0", "[]"), ("branch", "main", "[]")],
)
async def test_where_no_version_can_be_read_it_ends(
    runner: Runner, kind: str, name: str, services: str
) -> None:
    given = {"GITHUB_REF_TYPE": kind, "GITHUB_REF_NAME": name, "SERVICES": services}
    status, said = await runner.run("workflows/scope.yml", **given)
    assert status == 1
    assert said.startswith("::error::")
    assert runner.outputs() == {}


@pytest.mark.parametrize(
    ("others", "ends"),
    [
        ([], False),
        ([(7, "deploy auth 2.1.0 (rel-7k3f)")], True),
        ([(11, "deploy auth 2.1.0 (rel-7k3f)")], False),
        ([(7, "deploy auth 2.1.0 (rel-7k3fa)"), (8, "deploy (rel-7k3f) again")], False),
    ],
)
async def test_only_an_older_run_of_the_same_release_ends_this_one(
    runner: Runner, others: list[tuple[int, str]], *, ends: bool
) -> None:
    runs = [{"databaseId": n, "displayTitle": title} for n, title in others]
    own = {"databaseId": 9, "displayTitle": "deploy auth 2.1.0 (rel-7k3f)"}
    runner.program("gh", json.dumps([*runs, own]))
    runner.program("sleep")
    status, _ = await runner.run(
        "workflows/once.yml",
        RELEASE="rel-7k3f",
        GITHUB_RUN_ID="9",
        GITHUB_REPOSITORY="quantivista/platform",
        GITHUB_WORKFLOW="deploy",
    )
    cancelled = "gh run cancel 9 --repo quantivista/platform" in runner.called()
    assert (status == 1, cancelled) == (ends, ends)


DEPLOYS = {
    "KUBECONFIG_CONTENT": "very-secret",
    "SERVICE": "auth",
    "SLOT": "green",
    "VERSION": "2.1.0",
    "COMMIT": "abc123d",
    "NAMESPACE": "staging",
    "RELEASE": "rel-7k3f",
}


async def test_a_run_by_hand_is_no_releases_and_ends_for_no_other(runner: Runner) -> None:
    runner.program("gh")
    runner.program("kubectl")
    assert (await runner.run("workflows/once.yml", RELEASE=""))[0] == 0
    assert runner.called() == []
    by_hand = DEPLOYS | {"RELEASE": "", "VERSION": "v2.1.0-rc.1"}
    assert (await runner.run("workflows/deploy.yml", **by_hand))[0] == 0


@pytest.mark.parametrize("label", ["", "2.0.5"])
async def test_the_idle_slot_gets_image_label_and_cause(runner: Runner, label: str) -> None:
    runner.program("kubectl", label)
    status, said = await runner.run("workflows/deploy.yml", **DEPLOYS)
    assert (status, "very-secret" in said) == (0, False)
    assert not (runner.folder / "kubeconfig").exists()
    calls = "\n".join(runner.called())
    verbs = [line.split()[3] for line in runner.called() if line.startswith("kubectl")]
    patched = ["patch"] if label else []
    assert verbs == ["set", "get", *patched, "annotate", "rollout"]
    assert "-n staging set image deployment/auth-green auth=quantivista/auth:2.1.0" in calls
    assert ('"app.kubernetes.io/version": "2.1.0"' in calls) is bool(label)
    assert "kubernetes.io/change-cause=rel-7k3f: 2.1.0 from abc123d" in calls


@pytest.mark.parametrize(
    "wrong",
    [
        {"SLOT": "purple"},
        {"SERVICE": "a;b"},
        {"VERSION": "2 1"},
        {"VERSION": "latest"},
        {"VERSION": "2.1.0 green (x"},
        {"RELEASE": "1.2.3"},
        {"RELEASE": "rel-7k3f) 1.2.3 (x"},
    ],
)
async def test_what_is_no_slot_service_or_version_touches_nothing(
    runner: Runner, wrong: dict[str, str]
) -> None:
    runner.program("kubectl")
    status, said = await runner.run("workflows/deploy.yml", **DEPLOYS | wrong)
    assert (status, runner.called()) == (1, [])
    assert said.startswith("::error::")
