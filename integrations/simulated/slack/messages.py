"""Messages as the simulated Slack keeps them, and as a person sees them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from typing import Any

Block = dict[str, Any]
NameOf = Callable[[str], str]

_DATE = re.compile(r"<!date\^(\d+)\^([^|>^]*)(?:\^[^|>]*)?\|([^>]*)>")
_LINK = re.compile(r"<(https?://[^|>]+)\|([^>]+)>")
_BARE_LINK = re.compile(r"<(https?://[^|>]+)>")
_USER = re.compile(r"<@([A-Z0-9]+)>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^>]*)?>")
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")


@dataclass(frozen=True)
class Button:
    """Something to press. `confirm` is the question that Slack asks first."""

    label: str
    action_id: str
    value: str
    style: str | None = None
    confirm: str | None = None


@dataclass(frozen=True)
class File:
    """A file that a message shows."""

    id: str
    name: str
    title: str
    content: bytes
    alt: str = ""


@dataclass
class Message:
    """One message. `history` holds its earlier texts; `user` is whom an ephemeral one is for."""

    channel: str
    ts: str
    text: str
    blocks: list[Block] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None
    user: str | None = None
    author: str = "bot"
    edited: bool = False
    history: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    serial: int = 0
    """Rises with each post and edit, so that a client sees what is new."""

    def buttons(self) -> list[Button]:
        """Everything that can be pressed, in the order of the screen."""
        found: list[Button] = []
        for block in self.blocks:
            if block["type"] == "actions":
                for element in block["elements"]:
                    found += _buttons(element)
        return found

    def rendered(self, name_of: NameOf = str) -> str:
        """What a person reads, as plain text with numbered buttons."""
        lines = [show(part, name_of) for part in _texts(self.blocks)] or [show(self.text, name_of)]
        lines += [f"[chart: {file.name}]" for file in self.files]
        labels = [f"[{n}] {b.label}" for n, b in enumerate(self.buttons(), 1)]
        return "\n".join([*lines, "  ".join(labels)] if labels else lines)


def _buttons(element: Block) -> list[Button]:
    if element["type"] == "button":
        ask = element.get("confirm")
        question = f"{ask['title']['text']} {ask['text']['text']}" if ask else None
        return [
            Button(
                element["text"]["text"],
                element["action_id"],
                element.get("value", ""),
                element.get("style"),
                question,
            )
        ]
    if element["type"] == "overflow":
        return [
            Button(f"⋯ {option['text']['text']}", element["action_id"], option["value"])
            for option in element["options"]
        ]
    if element["type"] == "checkboxes":
        ticked = element.get("initial_options", [])
        return [
            Button(
                f"{'☑' if option in ticked else '☐'} {option['text']['text']}",
                element["action_id"],
                option["value"],
            )
            for option in element["options"]
        ]
    return []


def _texts(blocks: list[Block]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if block["type"] in ("section", "header"):
            if "text" in block:
                found.append(block["text"]["text"])
            found += [item["text"] for item in block.get("fields", [])]
        elif block["type"] == "context":
            found.append(" ".join(e["text"] for e in block["elements"] if "text" in e))
        elif block["type"] == "rich_text":
            found += [one["text"] for part in block["elements"] for one in part["elements"]]
        elif block["type"] == "divider":
            found.append("────")
    return found


def show(text: str, name_of: NameOf = str) -> str:
    """Write Slack's markup as a person sees it: times in UTC, mentions by name, links by label."""
    text = _DATE.sub(lambda m: _date(int(m[1]), m[2]), text)
    text = _USER.sub(lambda m: f"@{name_of(m[1])}", text)
    text = _CHANNEL.sub(lambda m: f"#{name_of(m[1])}", text)
    text = _LINK.sub(lambda m: f"[{m[2]}]", text)
    text = _BARE_LINK.sub(lambda m: m[1], text)
    return unescape(_BOLD.sub(r"\1", text).replace("`", ""))


def _date(seconds: int, form: str) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    day = moment.strftime("%-d %b ") if "date" in form else ""
    return f"{day}{moment.strftime('%H:%M')}"
