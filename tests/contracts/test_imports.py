"""The import contracts hold, and each of them catches a breach that is planted for it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "commands", "integrations")

BREACHES = {
    "flow": ("bot/domain/versions.py", "import bot.store.releases"),
    "commands-apart": ("commands/status.py", "import commands.history"),
    "integrations-apart": ("integrations/slack/chat.py", "import integrations.github"),
    "adapters-by-app-only": ("bot/engine/outbox.py", "import integrations.slack"),
    "adapter-reach": ("integrations/github/host.py", "import bot.engine.outbox"),
    "commands-reach": ("commands/status.py", "import bot.store.releases"),
    "pure": ("bot/views/words.py", "import asyncio"),
    "vendor-homes": ("bot/engine/outbox.py", "import slack_sdk"),
    "sql-home": ("commands/status.py", "import sqlalchemy"),
    "simulated-apart": ("integrations/simulated/server.py", "import bot.ports"),
    "no-cycles": ("bot/views/words.py", "import bot.views.card"),
}


def contracts() -> dict[str, str]:
    """Names of the contracts by id, as pyproject.toml has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {c["id"]: c["name"] for c in settings["tool"]["importlinter"]["contracts"]}


def lint(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_every_contract_has_a_breach() -> None:
    assert set(BREACHES) == set(contracts())


def test_the_tree_keeps_them_all() -> None:
    assert ", 0 broken." in lint(ROOT)


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_is_caught(contract: str, tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = BREACHES[contract]
    target = tmp_path / file
    assert target.exists(), f"{file} is gone; plant the breach elsewhere"
    target.write_text(target.read_text() + f"\n{line}\n")
    said = lint(tmp_path)
    assert f"{contracts()[contract]} BROKEN" in said
