"""What Slack refuses: blocks that are wrong or too large, and too many calls."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

Block = dict[str, Any]

MOST_BLOCKS = 50
TEXT_LIMITS = {"section": 3000, "header": 150, "context": 3000}
ELEMENTS = {"actions": 25, "context": 10}


class SlackError(Exception):
    """An answer with `ok: false`."""

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.detail = detail


def check_blocks(blocks: list[Block]) -> None:
    """Raise `invalid_blocks` as Slack does."""
    if len(blocks) > MOST_BLOCKS:
        raise SlackError("invalid_blocks", "no more than 50 items allowed [json-pointer:/blocks]")
    for at, block in enumerate(blocks):
        problem = _problem(block)
        if problem:
            raise SlackError("invalid_blocks", f"{problem} [json-pointer:/blocks/{at}]")


def _problem(block: Block) -> str | None:
    kind = block.get("type")
    if kind == "rich_text":
        return _rich_text_problem(block)
    if kind not in ("section", "header", "context", "actions", "divider"):
        return f"unsupported type: {kind}"
    if len(block.get("block_id", "")) > 255:  # noqa: PLR2004 - Slack's limit
        return "block_id is too long"
    text = (block.get("text") or {}).get("text", "")
    if kind in ("section", "header") and not text and not block.get("fields"):
        return "missing required field: text"
    if len(text) > TEXT_LIMITS.get(kind, 3000):
        return "must be less than 3001 characters"
    elements = block.get("elements") or []
    if kind in ELEMENTS and not 1 <= len(elements) <= ELEMENTS[kind]:
        return f"{kind} takes 1 to {ELEMENTS[kind]} elements"
    return next(filter(None, map(_element_problem, elements)), None) if kind == "actions" else None


def _rich_text_problem(block: Block) -> str | None:
    """Only what is preformatted is known here, with plain text in it."""
    for part in block.get("elements") or [{}]:
        if part.get("type") != "rich_text_preformatted":
            return f"unsupported element: {part.get('type')}"
        for one in part.get("elements") or [{}]:
            if one.get("type") != "text" or not one.get("text"):
                return "missing required field: text"
    return None


def _element_problem(element: Block) -> str | None:
    if len(element.get("action_id", "")) > 255 or not element.get("action_id"):  # noqa: PLR2004 - Slack's limit
        return "action_id is missing or too long"
    if element["type"] == "button":
        if len(element["text"]["text"]) > 75 or len(element.get("value", "")) > 2000:  # noqa: PLR2004 - Slack's limits
            return "button text or value is too long"
        return _confirm_problem(element.get("confirm"))
    if element["type"] == "overflow":
        options = element.get("options") or []
        return None if 1 <= len(options) <= 5 else "overflow takes 1 to 5 options"  # noqa: PLR2004 - Slack's limit
    if element["type"] == "checkboxes":
        options = element.get("options") or []
        fit = all(len(option["text"]["text"]) <= 75 for option in options)  # noqa: PLR2004 - Slack's limit
        return None if fit and 1 <= len(options) <= 10 else "checkboxes are too many or too long"  # noqa: PLR2004 - Slack's limit
    return f"unsupported element: {element['type']}"


def _confirm_problem(confirm: Block | None) -> str | None:
    if confirm is None:
        return None
    sizes = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    long = [key for key, most in sizes.items() if len(confirm[key]["text"]) > most]
    return f"confirm {long[0]} is too long" if long else None


class Rates:
    """One message a second a channel with a small burst, 50 updates a minute a workspace."""

    def __init__(self) -> None:
        self.on = True
        self.burst = 3
        self.posts: dict[str, deque[datetime]] = defaultdict(deque)
        self._updates: deque[datetime] = deque()
        self._groups: deque[datetime] = deque()

    def post(self, channel: str, now: datetime) -> float | None:
        """Seconds to wait, or None where the message may go."""
        return self._take(self.posts[channel], now, timedelta(seconds=self.burst), self.burst)

    def update(self, now: datetime) -> float | None:
        """Seconds to wait, or None where the update may go."""
        return self._take(self._updates, now, timedelta(minutes=1), 50)

    def group(self, now: datetime) -> float | None:
        """Seconds to wait, or None where the group may be read."""
        return self._take(self._groups, now, timedelta(minutes=1), 20)

    def _take(
        self, seen: deque[datetime], now: datetime, window: timedelta, most: int
    ) -> float | None:
        while seen and seen[0] <= now - window:
            seen.popleft()
        if self.on and len(seen) >= most:
            return max(1.0, (seen[0] + window - now).total_seconds())
        seen.append(now)
        return None
