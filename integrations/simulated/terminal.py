"""A Slack client for a terminal: prints what appears in a channel, sends what is typed.

Speaks only HTTP to the simulated Slack. Lines that start with `/` are slash commands, lines that
start with `@releasebot` are mentions, numbers press buttons. `Narrator` prints; `Terminal` asks.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

import aiohttp

OWN_WORDS = """\
/as NAME            speak as somebody else (ana, ben, cyn, dan, dora)
/release help       what the bot understands
NUMBER              press that button of the newest card
@releasebot WORDS   say it in the thread of the newest card
/quit               leave"""


@dataclass
class Narrator:
    """Prints what is new in the channel, as a person would see it."""

    url: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    colour: bool = False
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Root messages by time stamp, as last seen."""
    newest: str | None = None
    _serial: int = 0
    _last: str | None = None
    _shown: dict[str, str] = field(default_factory=dict)

    async def look(self, session: aiohttp.ClientSession) -> int:
        """Print what is new; count the messages."""
        url = f"{self.url}/_client/news"
        async with session.get(url, params={"after": str(self._serial)}) as answer:
            news = await answer.json()
        self._serial = news["serial"]
        for message in news["messages"]:
            self._take(message)
        return len(news["messages"])

    def _take(self, message: dict[str, Any]) -> None:
        if message["user"]:
            self._print("  (only you see this)", message["text"], "35")
            if message["buttons"]:
                self.cards[message["ts"]] = message
                self.newest = message["ts"]
        elif message["thread_ts"]:
            self._thread(message)
        else:
            self._card(message)

    def _thread(self, message: dict[str, Any]) -> None:
        root = self.cards.get(message["thread_ts"])
        if root is not None and self._last != message["thread_ts"]:
            head = root["text"].splitlines()[0]
            self.out.write(f"\n  in the thread of {head}\n")
        self._last = message["thread_ts"]
        self._print("", message["text"], "", indent="    ")

    def _card(self, message: dict[str, Any]) -> None:
        self.cards[message["ts"]] = message
        self.newest = message["ts"]
        # A card is drawn anew often; only what reads differently is printed again.
        if self._shown.get(message["ts"]) == message["text"]:
            return
        self._shown[message["ts"]] = message["text"]
        self._last = message["ts"]
        self._print("", message["text"], "1")

    def _print(self, mark: str, text: str, code: str, indent: str = "") -> None:
        lines = [f"{indent}{line}" for line in text.splitlines()]
        if mark:
            lines.insert(0, mark)
        block = "\n".join(lines)
        if self.colour and code:
            head, _, rest = block.partition("\n")
            block = f"\033[{code}m{head}\033[0m" + (f"\n{rest}" if rest else "")
        self.out.write(f"{block}\n" if indent else f"\n{block}\n")
        self.out.flush()

    def say(self, who: str, text: str) -> None:
        """Print what somebody typed or pressed."""
        self._print("", f"{who} ▸ {text}", "36")


class Terminal:
    """Reads lines and turns them into what a person does in Slack."""

    def __init__(self, url: str, channel: str, people: dict[str, str], *, colour: bool) -> None:
        self.narrator = Narrator(url, colour=colour)
        self._url = url
        self._channel = channel
        self._people = people
        self._me = next(iter(people))
        self._ask: Callable[[str], Awaitable[str | None]] = _read_line

    async def run(self) -> None:
        """Talk until /quit or the end of the input."""
        async with aiohttp.ClientSession() as session:
            printing = asyncio.create_task(self._keep_looking(session))
            try:
                await self._talk(session)
            finally:
                printing.cancel()
                await asyncio.gather(printing, return_exceptions=True)

    async def _keep_looking(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self.narrator.look(session)
            await asyncio.sleep(0.2)

    async def _talk(self, session: aiohttp.ClientSession) -> None:
        while True:
            line = await self._ask(f"{self._me}> ")
            if line is None or line.strip() in ("/quit", "/exit"):
                return
            await self._do(session, line.strip())

    async def _do(self, session: aiohttp.ClientSession, line: str) -> None:
        if not line:
            return
        if line.startswith("/as"):
            self._become(line.removeprefix("/as").strip())
        elif line in ("/demo", "?"):
            self.narrator.say("demo", OWN_WORDS)
        elif line.isdigit():
            await self._press(session, int(line))
        else:
            thread = self.narrator.newest if line.startswith("@") else None
            body = {"user": self._people[self._me], "text": line, "channel": self._channel}
            await self._send(session, "say", body | ({"thread": thread} if thread else {}))

    def _become(self, name: str) -> None:
        if name in self._people:
            self._me = name
        else:
            self.narrator.say("demo", f"There is no {name or 'name'}. {', '.join(self._people)}.")

    async def _press(self, session: aiohttp.ClientSession, number: int) -> None:
        card = self.narrator.cards.get(self.narrator.newest or "")
        buttons = card["buttons"] if card else []
        if card is None or not 1 <= number <= len(buttons):
            self.narrator.say("demo", f"There is no button {number} on the newest card.")
            return
        button = buttons[number - 1]
        if button["confirm"] and not await self._sure(button["confirm"]):
            return
        body = {
            "user": self._people[self._me],
            "channel": card["channel"],
            "ts": card["ts"],
            "action_id": button["action_id"],
            "value": button["value"],
        }
        reply = await self._send(session, "click", body)
        form: dict[str, str] = reply.get("form") or {}
        while form:
            form = await self._fill(session, form)

    async def _fill(self, session: aiohttp.ClientSession, form: dict[str, str]) -> dict[str, str]:
        """Ask for each field and send the form; what is amiss is asked for again.

        An empty line leaves it.
        """
        written = {}
        for name, label in form.items():
            written[name] = (await self._ask(f"{label}: ") or "").strip()
        if not all(written.values()):
            return {}
        body = {"user": self._people[self._me], "written": written}
        errors: dict[str, str] = (await self._send(session, "submit", body)).get("errors") or {}
        for sentence in errors.values():
            self.narrator.say("slack", sentence)
        return {name: label for name, label in form.items() if name in errors}

    async def _sure(self, question: str) -> bool:
        answer = await self._ask(f"{question} [y/N] ")
        return (answer or "").strip().lower() in ("y", "yes")

    async def _send(self, session: aiohttp.ClientSession, what: str, body: Any) -> dict[str, Any]:
        async with session.post(f"{self._url}/_client/{what}", json=body) as answer:
            reply: dict[str, Any] = await answer.json()
        if reply["status"] != 200:  # noqa: PLR2004 - HTTP
            self.narrator.say("slack", f"the app did not respond ({reply['status']})")
        return reply


async def _read_line(prompt: str) -> str | None:
    """Read a line without blocking the loop; None at the end of the input."""
    loop = asyncio.get_running_loop()
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = await loop.run_in_executor(None, sys.stdin.readline)
    return line or None
