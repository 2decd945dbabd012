"""Forms (Slack's modals) that a click opens, and the values by which it asks for one. Pure.

Called by the inbox while Slack waits: nothing is looked up here.
"""

from typing import Any, Literal

from bot.ports import Invocation

Verb = Literal["approve", "reject"]

WITH_COMMENT: dict[Verb, str] = {
    "approve": "Approve with comment…",
    "reject": "Reject with comment…",
}
FIELD = "comment"
"""Block and action of the one field."""

LONGEST = 1000


def option(verb: Verb, release_id: str, digest: str) -> tuple[str, str]:
    """Make an entry of the ⋯ menu that opens a form: its label and its value."""
    return WITH_COMMENT[verb], f"{release_id}:{digest}:{verb}"


def asked_for(invocation: Invocation) -> dict[str, Any] | None:
    """Give the form that a click asks for; None: it asks for none."""
    release_id, _, rest = (invocation.value or "").partition(":")
    digest, _, verb = rest.partition(":")
    if invocation.action != "release:details":
        return None
    match verb:
        case "approve" | "reject":
            return _with_comment(verb, release_id, digest, invocation.channel)
        case _:
            return None


def _with_comment(verb: Verb, release_id: str, digest: str, channel: str) -> dict[str, Any]:
    name = verb.capitalize()
    return {
        "type": "modal",
        "callback_id": f"release:{verb}",
        "private_metadata": f"{release_id}:{digest}:{channel}",
        "title": _plain(f"{name} {release_id}"),
        "submit": _plain(name),
        "close": _plain("Not now"),
        "blocks": [
            {
                "type": "input",
                "block_id": FIELD,
                "label": _plain(f"Comment on plan {digest}"),
                "hint": _plain("It is shown in the thread, and kept with your answer."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": FIELD,
                    "multiline": True,
                    "max_length": LONGEST,
                },
            }
        ],
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
