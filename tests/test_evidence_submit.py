"""`release-bot evidence submit`: hands a report to a bot over HTTP, with what token there is."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from integrations.simulated.server import Fault
from tests.scenarios.conftest import given, sender
from tests.scenarios.submitting import TOKEN, Sender, sarif

__all__ = ["given", "sender"]


@pytest.fixture
def report(tmp_path: Path) -> str:
    path = tmp_path / "report.sarif"
    path.write_bytes(sarif())
    return str(path)


async def submit(sender: Sender, report: str, *words: str, **env: str | None) -> Result:
    """Run it in a thread: the bot that answers runs here."""
    about = ["--service", "payments", "--version", "2.1.0", "--kind", "sast"]
    command = ["evidence", "submit", report, *about, "--url", sender.bot.app.url, *words]
    clean: dict[str, Any] = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": None,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": None,
        "RELEASE_BOT_EVIDENCE_TOKEN": None,
    }
    return await asyncio.to_thread(CliRunner().invoke, cli, command, env=clean | env)


def said(done: Result) -> str:
    """The last line: the bot that answers logs to the same place."""
    return done.output.splitlines()[-1]


async def test_with_a_service_s_token(sender: Sender, report: str) -> None:
    run = ("--run", "https://ci.example.com/7", "--part", "1 of 2", "--format", "sarif")
    done = await submit(sender, report, *run, RELEASE_BOT_EVIDENCE_TOKEN=TOKEN)
    assert (done.exit_code, said(done)) == (
        0,
        "The bot has it: sast of payments v2.1.0 by CodeQL, no finding.",
    )
    (held,) = await sender.held()
    assert (held.sender.by, held.sender.run) == ("token", "https://ci.example.com/7")
    assert held.part == "1 of 2"
    again = await submit(sender, report, RELEASE_BOT_EVIDENCE_TOKEN=TOKEN)
    assert (again.exit_code, said(again).split(":")[0]) == (0, "The bot had it already")


async def test_what_was_handed_in_can_be_had_again(sender: Sender, report: str) -> None:
    await submit(sender, report, RELEASE_BOT_EVIDENCE_TOKEN=TOKEN)
    (held,) = await sender.held()
    env = {"DATABASE_URL": sender.bot.database}
    done = await asyncio.to_thread(
        CliRunner().invoke, cli, ["evidence", "raw", str(held.id)], env=env
    )
    assert (done.exit_code, done.stdout_bytes) == (0, sarif())
    other = await asyncio.to_thread(CliRunner().invoke, cli, ["evidence", "raw", "99"], env=env)
    assert other.exit_code == 1
    assert "Report 99 is not kept" in other.output


async def test_in_a_job_with_its_own_token(sender: Sender, report: str) -> None:
    issuer = sender.issuer
    issuer.claims = sender.claims()
    job = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
    }
    assert (await submit(sender, report, **job)).exit_code == 0
    other = await submit(sender, report, "--audience", "other", **job)
    assert other.exit_code == 1
    assert "for another audience" in other.output


async def test_a_refusal_is_said_and_status_1(sender: Sender, report: str) -> None:
    done = await submit(sender, report, RELEASE_BOT_EVIDENCE_TOKEN="nobody's-token")
    assert done.exit_code == 1
    assert "none of this service's" in done.output
    assert "nobody's-token" not in done.output


async def test_no_token(sender: Sender, report: str) -> None:
    done = await submit(sender, report)
    assert done.exit_code == 1
    assert "id-token: write" in done.output


async def test_no_file_and_no_kind(sender: Sender) -> None:
    assert (await submit(sender, "nowhere.json")).exit_code == 1
    assert (await submit(sender, "nowhere.json", "--kind", "sats")).exit_code == 2


async def test_it_tries_again_while_the_bot_can_not_tell(sender: Sender, report: str) -> None:
    """The first answer is 503: the issuer was away. The pauses are real, so there is one only."""
    sender.issuer.claims = sender.claims()
    sender.issuer.fail(Fault("status", "jwks", times=1, status=500))
    done = await submit(sender, report, RELEASE_BOT_EVIDENCE_TOKEN=sender.token())
    assert done.exit_code == 0
