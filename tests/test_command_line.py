"""The command line: exit status 0 good, 1 found wrong, 2 misused; and the play-through."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot import demo
from bot.__main__ import cli

EXAMPLE = Path(__file__).parents[1] / "examples" / "quantivista" / "catalog.yaml"
RUN = CliRunner()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, with no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "RELEASE_BOT_CATALOG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_catalog_check_says_good_and_bad() -> None:
    good = RUN.invoke(cli, ["catalog", "check", str(EXAMPLE)])
    assert (good.exit_code, "57 services, 3 environments" in good.output) == (0, True)
    Path("bad.yaml").write_text("organization: q\ntiers: [a]\nservises: {}\n")
    bad = RUN.invoke(cli, ["catalog", "check", "bad.yaml"])
    assert bad.exit_code == 1
    assert "bad.yaml:3:1: servises: there is no key servises. Did you mean services?" in bad.output
    gone = RUN.invoke(cli, ["catalog", "check"])
    assert (gone.exit_code, "catalog.yaml" in gone.output) == (1, True)
    assert RUN.invoke(cli, ["catalog", "chek"]).exit_code == 2
    assert RUN.invoke(cli, ["catalog", "graph", "bad.yaml"]).exit_code == 1


def test_warnings_are_told_and_do_no_harm() -> None:
    text = EXAMPLE.read_text() + "\n".replace("x", "y")
    Path("odd.yaml").write_text(text.replace("roles:\n", "roles:\n  ghosts: {}\n", 1))
    found = RUN.invoke(cli, ["catalog", "check", "odd.yaml"])
    assert found.exit_code == 0
    assert "warning: roles.ghosts: nobody has the role ghosts" in found.output


def test_graph_and_schema_print() -> None:
    graph = RUN.invoke(cli, ["catalog", "graph", str(EXAMPLE)])
    assert '"trading-decision" -> "market-data" [label=">=1.4 <3"];' in graph.output
    schema = json.loads(RUN.invoke(cli, ["catalog", "schema"]).output)
    assert schema["properties"]["services"]


def test_settings_that_are_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")
    found = RUN.invoke(cli, ["migrate"])
    assert found.exit_code == 2
    assert "PORT" in found.output
    monkeypatch.delenv("PORT")
    monkeypatch.setenv("GITHUB_TOKEN_FILE", "/nowhere/token")
    assert RUN.invoke(cli, ["migrate"]).exit_code == 2


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.settings import Settings, revealed

    Path("token").write_text("xoxb-1\n")
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", "token")
    assert revealed(Settings().slack_bot_token) == "xoxb-1"
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-2")
    assert revealed(Settings().slack_bot_token) == "xoxb-2"


@pytest.mark.long
def test_the_play_through_tells_the_story_and_its_record_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(demo.play(tmp_path))
    told = capsys.readouterr().out
    for words in (
        "Security score 0.95 · performance score 0.88.",
        "Waiting for a release manager and security (0 of 2)",
        "✓ evidence security score 0.95 · performance score 0.88 · e2e: 1,250 of 1,250 tests",
        "1 high (allowed until ",
        "✓ window market closed is open until ",
        "✓ 100 % on green",
        "Traffic is back on blue",
        "Release it first: /release risk-limits",
        "✗ evidence There is no compliance evidence for v1.10.0. Run the workflow",
        "compliance.yml ▸ POST /evidence/reporting/v1.10.0?kind=compliance",
        "crashes again and again",
        "SecurityScanCompletedEvent  trading-decision-service v2.1.0  0.95",
        "DeploymentCompletedEvent  web-ui v2.0.0  FAILED",
        "That was the main job.",
    ):
        assert words in told
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/release-bot.db")
    good = RUN.invoke(cli, ["audit", "verify"])
    assert (good.exit_code, "The record is whole" in good.output) == (0, True)
    lines = RUN.invoke(cli, ["audit", "export"]).output.splitlines()
    assert json.loads(lines[0])["entry"]["seq"] == 1
    with sqlite3.connect(tmp_path / "release-bot.db") as database:
        with pytest.raises(sqlite3.IntegrityError, match="the record only grows"):
            database.execute("DELETE FROM audit WHERE seq = 7")
        database.execute("DROP TRIGGER audit_no_update")
        database.execute(
            """UPDATE audit SET body = replace(body, '"at":"2', '"at":"1') WHERE seq = 7"""
        )
    bad = RUN.invoke(cli, ["audit", "verify"])
    assert bad.exit_code == 1
    assert "Entry 7 is bad: its content was changed" in bad.output


def test_migrate_and_verify_an_empty_database() -> None:
    assert RUN.invoke(cli, ["audit", "verify"]).exit_code == 1
    assert RUN.invoke(cli, ["migrate"]).exit_code == 0
    assert RUN.invoke(cli, ["audit", "verify"]).exit_code == 0


def test_the_doctor_says_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_BOT_CATALOG", "small.yaml")
    missing = RUN.invoke(cli, ["doctor"])
    assert missing.exit_code == 1
    Path("small.yaml").write_text(
        "organization: q\ntiers: [a]\nenvironments: {dev: {namespace: d}}\nservices: {}\n"
    )
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:9/")
    found = RUN.invoke(cli, ["doctor", "--json"])
    assert found.exit_code == 1
    said = [f["sentence"] for f in json.loads(found.stdout)]
    assert "SLACK_SIGNING_SECRET is not set." in said
    assert RUN.invoke(cli, ["doctor"]).exit_code == 1


BROKEN_URLS = {
    "mysql://ana:s3cret@db/bot": "must start with sqlite:/// or postgresql://.",
    "s3cret": "must start with sqlite:/// or postgresql://.",
    "sqlite://s3cret": "must start with sqlite:/// or postgresql://.",
    "postgresql://ana:s3cret@db:54e2/bot": "has a broken port",
    "postgresql://ana:s3cret@db:99999/bot": "has a broken port",
    "postgresql://ana:a@b:s3cret@db/bot": "has a broken port",
}


def _one_sentence(said: str, why: str) -> None:
    [sentence] = said.splitlines()
    assert sentence.startswith(f"DATABASE_URL {why}"), sentence
    assert sentence.endswith(".")
    assert "s3cret" not in sentence


@pytest.mark.parametrize("url", BROKEN_URLS)
def test_a_broken_database_url_is_one_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("catalog.yaml").write_text(EXAMPLE.read_text())
    monkeypatch.setenv("DATABASE_URL", url)
    for words in (["doctor"], ["migrate"], ["audit", "verify"]):
        found = RUN.invoke(cli, words)
        assert found.exit_code == 1
        _one_sentence(found.output, BROKEN_URLS[url])


def test_serve_does_not_start_on_a_broken_database_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "catalog.yaml").write_text(EXAMPLE.read_text())
    url = next(iter(BROKEN_URLS))
    monkeypatch.setenv("DATABASE_URL", url)
    process = _serve(tmp_path, _free_port())
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    _one_sentence(errors.decode(), BROKEN_URLS[url])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    env = os.environ | {
        "PORT": str(port),
        "RELEASE_BOT_CATALOG": str(folder / "catalog.yaml"),
        "SLACK_API_URL": "http://127.0.0.1:9/",
        "SLACK_SIGNING_SECRET": "s",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "serve"], cwd=folder, env=env, stderr=subprocess.PIPE
    )


def _answers(port: int) -> int:
    import time

    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                status: int = answer.status
                return status
        except OSError:
            time.sleep(0.1)
    return 0


@pytest.mark.long
def test_serve_answers_while_all_is_out_of_reach_and_ends_on_sigterm(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(EXAMPLE.read_text())
    port = _free_port()
    process = _serve(tmp_path, port)
    assert _answers(port) == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    # A broken file is no reason not to start: the last good one is in the database.
    (tmp_path / "catalog.yaml").write_text("oops")
    again = _serve(tmp_path, port)
    assert _answers(port) == 200
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=20)
    assert again.returncode == 0
    assert b"Going on with the last good catalogue." in errors


def test_serve_without_any_catalogue_says_so(tmp_path: Path) -> None:
    process = _serve(tmp_path, _free_port())
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"There is no earlier catalogue to go on with." in errors
