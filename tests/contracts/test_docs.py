"""Every command, setting and reason has its heading in the docs."""

from pathlib import Path

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
