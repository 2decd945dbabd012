"""Erasing a person: what becomes of stored values that name them. Pure; `engine.erasing` uses it.

The record's chain needs no change: it holds salted hashes. Here is the rest: rows that must stay
for what else they tell, with a pseudonym in the person's place that leads back to nobody.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from bot.domain.value import Value

ERASED = "erased-"
"""How the pseudonym of an erased person begins."""

GONE = "(erased)"
"""What stands where an erased person was mentioned."""

_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,20}")

_LOGINS = ("authors", "triggeredBy", "triggered_by", "github", "actor")
"""Keys whose values are GitHub logins."""


class Found(Value):
    """What an erasure meets. `obstacles`: sentences on why it can't be done yet."""

    obstacles: tuple[str, ...] = ()
    counts: Mapping[str, int] = {}
    """Rows by what they are, where there are any."""
    in_clear: int = 0
    """Entries of before this version's texts beside the chain, which hold the id in clear."""


def is_slack_id(text: str) -> bool:
    """Whether it has the form of a person's Slack id."""
    return _SLACK_ID.fullmatch(text) is not None


def scrubbed(value: Any, user: str, logins: Collection[str], pseudonym: str, key: str = "") -> Any:
    """Give plain data with the pseudonym in the place of the person's id and logins."""
    if isinstance(value, dict):
        if key == "people":
            value = {name: one for name, one in value.items() if name != user}
        return {
            (pseudonym if name == user else name): scrubbed(inner, user, logins, pseudonym, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [scrubbed(inner, user, logins, pseudonym, key) for inner in value]
    if not isinstance(value, str):
        return value
    if value == user or (key in _LOGINS and value in logins):
        return pseudonym
    return without_mentions(value, user)


def without_mentions(text: str, user: str) -> str:
    """Give a text with the mentions of one person taken out of it."""
    return re.sub(rf"<@{re.escape(user)}(\|[^>]*)?>", GONE, text)


def _unexplained(gate: dict[str, Any]) -> dict[str, Any]:
    """Give an overridden gate's answer without the reason of who passed it."""
    said = gate.get("said")
    return {**gate, "sentence": f"{said} Overridden by {GONE}."} if said else gate


def scrubbed_release(body: dict[str, Any], *rest: Any) -> dict[str, Any]:
    """Scrub a release; the reason goes too where the person gave it."""
    user = rest[0]
    if body["asker"]["user"] == user:
        gates = [_unexplained(gate) for gate in body.get("gates", ())]
        body = {**body, "request": {**body["request"], "reason": None}, "gates": gates}
    found: dict[str, Any] = scrubbed(body, *rest)
    return found
