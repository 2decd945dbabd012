"""Block Kit pieces: plain dicts in the shapes that Slack documents. Used by the other views."""

from collections.abc import Sequence
from typing import Any

Block = dict[str, Any]

SECTION_LIMIT = 2900
"""Characters of a section's text; Slack takes 3,000."""


def cut(text: str, limit: int = SECTION_LIMIT) -> str:
    """Shorten a text visibly."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def section(text: str) -> Block:
    """Make a paragraph in Slack's markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text)}}


def context(text: str) -> Block:
    """Make a line in small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text)}]}


def preformatted(text: str) -> Block:
    """Make a box of text in which nothing is markup, whatever it says."""
    element = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [element]}


def confirm(title: str, text: str, yes: str) -> Block:
    """Make Slack's own question before a click counts."""
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": cut(text, 300)},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": "No"},
        "style": "danger",
    }


def button(
    label: str, action: str, value: str, *, style: str | None = None, ask: Block | None = None
) -> Block:
    """Make a button. `style` is `primary` or `danger`; `ask` is its confirm dialog."""
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
    }
    if style:
        made["style"] = style
    if ask:
        made["confirm"] = ask
    return made


def checkboxes(action: str, value: str, items: Sequence[str], ticked: Sequence[int]) -> Block:
    """Make boxes to tick, in a row of their own. Slack sends back only what is ticked.

    So `value` is in the row's id, which changes with it: Slack then draws the boxes anew.
    """
    options = [
        {"text": {"type": "plain_text", "text": item}, "value": str(place)}
        for place, item in enumerate(items)
    ]
    made: Block = {"type": "checkboxes", "action_id": action, "options": options}
    if ticked:
        made["initial_options"] = [options[place] for place in ticked]
    return {"type": "actions", "block_id": f"{action}:{value}", "elements": [made]}


def overflow(action: str, options: Sequence[tuple[str, str]]) -> Block:
    """Make the ⋯ menu from labels and values."""
    return {
        "type": "overflow",
        "action_id": action,
        "options": [
            {"text": {"type": "plain_text", "text": label}, "value": value}
            for label, value in options
        ],
    }


def actions(elements: Sequence[Block]) -> Block:
    """Put buttons beside each other."""
    return {"type": "actions", "elements": list(elements)}
