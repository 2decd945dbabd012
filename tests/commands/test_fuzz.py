"""A hundred thousand things that might be said: each is understood, or refused in one sentence.

This is the half within the process: reading, and the decision on who answers. The other half, over
signed HTTP against a whole bot, is tests/scenarios/test_fuzz.py. All of it in `make check`, some of
it in `make test`.
"""

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.reasons import Reason
from bot.domain.value import Value
from bot.errors import UserError
from bot.ports import Invocation
from bot.views import answers
from commands._router import Router
from tests.commands.sayings import ODD, saying
from tests.commands.test_grammar import CATALOG, CONTEXT, NOBODY
from tests.tester import ANA, CHANNEL

ROUTER = Router(NOBODY, lambda: CATALOG)
HERE = replace(CONTEXT, here="rel-7k3f", verbs={})
ACTIONS = (
    "approve",
    "reject",
    "cancel",
    "details",
    "checklist",
    "unhalt",
    "rollback",
    "nothing",
    "",
)


def said(number: int) -> Invocation:
    command: Any = ("release", "release", "release", "release", "env", "scan")[number % 6]
    return Invocation(
        key=f"{number}", kind="command", user=ANA, channel=CHANNEL, team="T123", command=command,
        words=saying(number),
    )  # fmt: skip


def clicked(number: int) -> Invocation:
    dice = random.Random(number)  # noqa: S311 - the same each time
    parts = [dice.choice((*ODD, "rel-7k3f", "3f9c", "0,1", "x")) for _ in range(dice.randint(0, 4))]
    kind: Any = dice.choice(("click", "form"))
    action = dice.choice(("release:", "env:", "")) + dice.choice((*ACTIONS, dice.choice(ODD)))
    return Invocation(
        key=f"{number}", kind=kind, user=ANA, channel=CHANNEL, team="T123", action=action,
        value=":".join(parts), words=dice.choice(ODD),
    )  # fmt: skip


def understood(invocation: Invocation, counted: Counter[str]) -> None:
    """Read it: a request that can be stored, or a sentence that can be shown."""
    read = _read(invocation)
    if isinstance(read, UserError):
        assert read.sentence.endswith((".", "?")), (invocation, read.sentence)
        assert read.code in set(Reason), invocation
        shown = answers.refused(read)
        assert shown.text, invocation
        shown.model_dump_json().encode()
        counted[str(read.code)] += 1
        return
    handler, request = read
    assert callable(handler)
    assert isinstance(request, Value), invocation
    request.model_dump_json().encode()
    counted[type(request).__name__] += 1


def _read(invocation: Invocation) -> tuple[Any, Any] | UserError:
    try:
        return ROUTER.read(invocation, HERE)
    except UserError as refused:
        return refused


EVERY_KIND = {
    *("ReleaseRequest", "PlanRequest", "StatusRequest", "HistoryRequest", "DecisionRequest"),
    *("RollbackRequest", "DelegateRequest", "LockRequest", "UnlockRequest", "FreezeRequest"),
    *("UnfreezeRequest", "HaltRequest", "WhereRequest", "AdoptRequest", "EnvironmentRequest"),
    *("ScanRequest", "LogsRequest", "HelpRequest", "not_understood", "unknown_name", "not_built"),
}


def test_some_sayings() -> None:
    counted: Counter[str] = Counter()
    for number in range(4_000):
        understood(said(number), counted)
        if number % 4 == 0:
            understood(clicked(number), counted)
    assert not EVERY_KIND - set(counted)


@pytest.mark.chaos_full
@pytest.mark.either
@pytest.mark.parametrize("start", range(10_000, 110_000, 10_000))
def test_a_hundred_thousand_sayings(start: int) -> None:
    counted: Counter[str] = Counter()
    for number in range(start, start + 10_000):
        understood(said(number), counted)
        if number % 10 == 0:
            understood(clicked(number), counted)
    assert not EVERY_KIND - set(counted)
