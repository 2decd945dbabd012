"""Every command, setting and reason has its heading in the docs."""

import re
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from bot.__main__ import cli
from bot.domain.reasons import Reason
from bot.settings import Settings
from commands._router import NOT_BUILT, discover

DOCS = Path(__file__).parents[2] / "docs"


def headings(name: str) -> set[str]:
    lines = (DOCS / name).read_text().splitlines()
    return {line.removeprefix("## ") for line in lines if line.startswith("## ")}


def test_every_command_has_its_heading() -> None:
    assert headings("commands.md") == set(discover())
    text = (DOCS / "commands.md").read_text()
    assert all(verb in text for verb in NOT_BUILT)


def test_every_setting_has_its_heading() -> None:
    assert headings("settings.md") == {name.upper() for name in Settings.model_fields}


def test_every_reason_has_its_heading() -> None:
    assert headings("reasons.md") == {reason.value for reason in Reason}


def test_the_architecture_is_at_most_two_pages() -> None:
    assert len((DOCS / "architecture.md").read_text().splitlines()) <= 100


def test_every_proof_of_a_control_can_be_printed() -> None:
    text = (DOCS / "compliance.md").read_text()
    lines = re.findall(r"`(release-bot [^`]+|/[a-z]+ [^`]+)`", text)
    assert lines
    for line in lines:
        program, verb, *rest = line.split()
        if program == "/release":
            assert verb in discover(), line
        elif program == "release-bot":
            assert_known([verb, *rest], line)
        else:
            assert program == "/scan", line


def assert_known(words: list[str], line: str) -> None:
    """Walk down the command line as far as its words are commands; each option must be there."""
    command: Any = get_command(cli)
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not isinstance(command, TyperGroup), line
    known = {option for param in command.params for option in param.opts}
    assert {word for word in words if word.startswith("--")} <= known, line
