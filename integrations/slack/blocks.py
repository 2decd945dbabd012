"""Checks blocks against the SDK's own models before they are sent; cuts what is too long."""

from collections.abc import Iterable
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

MOST = 50
"""Blocks of a message (Slack's limit)."""

TEXT_LIMITS = {"section": 3000, "header": 150, "context": 3000}


def fitted(blocks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make blocks that Slack takes: long texts end in …, and the 50th says what was left out."""
    cut = [_cut(block) for block in blocks]
    if len(cut) > MOST:
        left = len(cut) - MOST + 1
        note = {"type": "mrkdwn", "text": f"{left} parts more are left out here."}
        cut = [*cut[: MOST - 1], {"type": "context", "elements": [note]}]
    return cut


def _cut(block: dict[str, Any]) -> dict[str, Any]:
    limit = TEXT_LIMITS.get(block["type"])
    text = block.get("text")
    if limit is None or not isinstance(text, dict) or len(text["text"]) <= limit:
        return block
    return block | {"text": text | {"text": text["text"][: limit - 1] + "…"}}


def problem(blocks: Iterable[dict[str, Any]]) -> str | None:
    """Say what the SDK's models find wrong; None where they are content."""
    try:
        for block in blocks:
            parsed = Block.parse(block)
            if parsed is None:
                return f"unknown block type {block.get('type')}"
            parsed.validate_json()
    except (SlackObjectFormationError, TypeError, KeyError) as error:
        return str(error)
    return None
