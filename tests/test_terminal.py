"""The demo's terminal: what a person types and presses, as Slack gets it."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import demo
from bot.demo import Stage
from bot.demo_world import CHANNEL, PEOPLE
from integrations.simulated.terminal import Narrator, Terminal


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await Stage.set_up(tmp_path)
    yield made
    await made.take_down()


class Person:
    """Answers the terminal's prompts, one line at a time, when the screen shows what it awaits."""

    def __init__(self, terminal: Terminal, script: list[tuple[str, str]]) -> None:
        self._script = script
        self.screen = io.StringIO()
        terminal.narrator.out = self.screen
        terminal._ask = self.answer

    async def answer(self, prompt: str) -> str | None:
        self.screen.write(prompt)
        if not self._script:
            return None
        awaited, line = self._script.pop(0)
        for _ in range(1200):
            if awaited in self.screen.getvalue():
                return line
            await asyncio.sleep(0.05)
        raise AssertionError(f"never shown: {awaited}\n{self.screen.getvalue()}")


@pytest.mark.long
async def test_a_person_releases_and_rolls_back_at_a_terminal(stage: Stage) -> None:
    terminal = Terminal(stage.slack.url, CHANNEL, PEOPLE, colour=True)
    person = Person(
        terminal,
        [
            ("ana>", "?"),
            ("speak as somebody else", ""),
            ("ana>", "/as nobody"),
            ("There is no nobody", "1"),
            ("There is no button 1", "/release redis v9 prod"),
            ("redis has no tag redis/v9. The newest is v7.2.4.", "/scan trading-decision v2.1.0"),
            ("Security score 0.95", "/release trading-decision v2.1.0 prod"),
            ("Waiting for a release manager and security", "/as ben"),
            ("ben>", "5"),
            ("Comment on plan", "ship it"),
            ("They say: ship it", "/as dora"),
            ("Waiting for security (1 of 2)", "1"),
            ("Live since", "@releasebot status"),
            ("only you see this", "/as dan"),
            ("dan>", "/release rollback trading-decision prod"),
            ("rollback", "/quit"),
        ],
    )
    await asyncio.wait_for(terminal.run(), 100)
    shown = person.screen.getvalue()
    assert "\033[" in shown
    assert "in the thread of" in shown


async def test_a_confirm_dialog_is_asked(stage: Stage) -> None:
    terminal = Terminal(stage.slack.url, CHANNEL, PEOPLE, colour=False)
    card = {
        "ts": "1.1",
        "channel": CHANNEL,
        "buttons": [
            {"label": "Roll back", "action_id": "release:rollback", "value": "rel-2222",
             "confirm": "Roll back x?"}
        ],
    }  # fmt: skip
    terminal.narrator.cards["1.1"] = card
    terminal.narrator.newest = "1.1"
    person = Person(terminal, [("", "1"), ("Roll back x?", "n"), ("", "/quit")])
    await asyncio.wait_for(terminal.run(), 30)
    assert "Roll back x? [y/N]" in person.screen.getvalue()


async def test_an_app_that_is_away_is_told(stage: Stage) -> None:
    stage.slack.app.url = "http://127.0.0.1:9/"
    terminal = Terminal(stage.slack.url, CHANNEL, PEOPLE, colour=False)
    person = Person(terminal, [("", "/release status"), ("the app did not respond", "/quit")])
    await asyncio.wait_for(terminal.run(), 30)
    assert person


async def test_a_play_that_goes_wrong_says_so(stage: Stage) -> None:
    play = demo.Play(stage)
    with pytest.raises(demo.PlayError, match="not so"):
        play._expect(False, "not so")  # noqa: FBT003
    assert isinstance(Narrator("http://x").out.writable(), bool)
