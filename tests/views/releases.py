"""Releases for tests of views: one in any state, and what people see of it."""

from datetime import timedelta
from typing import Any

from bot.domain.gates import evaluate_all
from bot.domain.lifecycle import State
from bot.domain.planning import build_plan
from bot.domain.releases import Approval, Progress, Release
from bot.domain.requests import Asker
from bot.ports import Message
from bot.views.card import Card, draw
from tests.domain.facts import REQUEST, facts, rules
from tests.tester import ANA, BEN, CHANNEL
from tests.virtual import START

NOW = START + timedelta(minutes=20)


def release(
    state: State, *, seen: Any = None, moved: int = 0, step: int = 0, **changes: Any
) -> Release:
    """A release of payments 2.1.0 in that state; its facts are well unless `seen` says otherwise."""
    found = seen or facts()
    plan = build_plan(REQUEST, rules(), found)
    made = Release(
        id="rel-7k3f",
        kind="release",
        request=REQUEST,
        asker=Asker(user=ANA, channel=CHANNEL),
        created_at=START,
        state=state,
        rules=rules(),
        plan_text=plan.text() if plan else None,
        gates=evaluate_all(REQUEST, found, rules()),
        diff=found.diff.value,
        progress=Progress(step=step, since=START, moved=moved > 0, weight=moved),
        expires_at=START + timedelta(hours=8),
        started_at=START + timedelta(minutes=5),
    )
    return made.model_copy(update=changes)


def yes(of: Release, user: str = BEN) -> Approval:
    """That person's yes to the plan of this release."""
    return Approval(release_id=of.id, digest=of.digest or "", user=user, yes=True, at=START)


def shown(of: Release, **more: Any) -> str:
    """The card as people see it: its text, then its buttons."""
    return read(draw(Card(release=of, now=NOW, **more)))


def read(message: Message) -> str:
    """A message as people see it: its text, then its buttons with what they carry."""
    rows = [
        " ".join(_button(element) for element in block["elements"])
        for block in message.blocks
        if block["type"] == "actions"
    ]
    return "\n".join([message.text, *rows])


def _button(element: dict[str, Any]) -> str:
    if element["type"] == "overflow":
        return f"[⋯ {' '.join(option['text']['text'] for option in element['options'])}]"
    if element["type"] == "checkboxes":
        ticked = element.get("initial_options", [])
        marks = ("☑" if option in ticked else "☐" for option in element["options"])
        return f"[{''.join(marks)} {element['action_id']}]"
    asks = "?" if "confirm" in element else ""
    return f"[{element['text']['text']}{asks} {element['action_id']}={element['value']}]"
