"""Forms (modals): triggers that live three seconds, forms that are open, what the app answers."""

import secrets
import time
from typing import Any

from integrations.simulated.slack.limits import SlackError

TRIGGER_SECONDS = 3.0
_SIZES = {"title": 24, "submit": 24, "close": 24}
_METADATA = 3000
_BLOCKS = 100


class Forms:
    """What is open before whom. One form a person."""

    def __init__(self) -> None:
        self.shown: dict[str, dict[str, Any]] = {}
        self.patience = TRIGGER_SECONDS
        """Seconds that a trigger lives."""
        self._triggers: dict[str, tuple[str, float]] = {}

    def trigger(self, user: str, trigger: str) -> str:
        """Note whose click a trigger is of."""
        self._triggers[trigger] = user, time.monotonic()
        return trigger

    def open(self, trigger: str, view: dict[str, Any]) -> dict[str, Any]:
        """Open a form before the one who clicked. A trigger is good once, and not for long."""
        user, since = self._triggers.pop(trigger, ("", 0.0))
        if not user:
            raise SlackError("invalid_trigger_id")
        if time.monotonic() - since > self.patience:
            raise SlackError("expired_trigger_id")
        problem = _problem(view)
        if problem:
            raise SlackError("invalid_arguments", problem)
        self.shown[user] = view | {"id": f"V{secrets.token_hex(6)}", "hash": secrets.token_hex(4)}
        return self.shown[user]

    def asks(self, user: str) -> dict[str, str] | None:
        """Give the labels of the form that is open before a person, by field; None: none is."""
        view = self.shown.get(user)
        if view is None:
            return None
        inputs = (block for block in view["blocks"] if block["type"] == "input")
        return {block["block_id"]: block["label"]["text"] for block in inputs}

    def answered(self, user: str, answer: dict[str, Any] | None) -> dict[str, str]:
        """Close the form, unless the app finds something amiss or gives no answer."""
        if answer is None:
            return {"": "We had some trouble connecting. Try again?"}
        errors: dict[str, str] = answer.get("errors") or {}
        if not errors:
            del self.shown[user]
        return errors


def _problem(view: dict[str, Any]) -> str | None:
    if view.get("type") != "modal":
        return "must be a modal"
    for key, most in _SIZES.items():
        text = (view.get(key) or {}).get("text", "")
        if len(text) > most or (key == "title" and not text):
            return f"{key} is missing or too long"
    if len(view.get("private_metadata", "")) > _METADATA:
        return "private_metadata is too long"
    blocks = view.get("blocks") or []
    inputs = any(block["type"] == "input" for block in blocks)
    if not 1 <= len(blocks) <= _BLOCKS or (inputs and not view.get("submit")):
        return "blocks are missing, or an input has no submit"
    return None


def values_of(view: dict[str, Any], written: dict[str, str]) -> dict[str, Any]:
    """Write what a person filled in as Slack does, by block and element."""
    found: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            value = {"type": element["type"], "value": written.get(block["block_id"])}
            found[block["block_id"]] = {element["action_id"]: value}
    return found
