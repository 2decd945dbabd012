"""What stands in the way by a person's word or by the clock: the four stop gates. Pure.

Asked with all the others before approval, and once more in the transaction that starts a release,
so that what was said meanwhile holds. A rollback passes them all, and that it did is told.
"""

from datetime import datetime

from bot.domain.facts import Facts, Unknown
from bot.domain.gates import GATES
from bot.domain.gates.result import GateResult
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.stops import StopFacts

STOP_GATES = ("halt", "lock", "freeze", "window")

_NOT_ASKED = Unknown(why="it was not asked")


def recorded(gate: GateResult) -> str:
    """Write a gate's answer for the chain, which keeps nobody's own words.

    Those are kept with the entry of the stop itself, from which they can be erased.
    """
    said = gate.said or gate.sentence
    words = gate.reason.value if gate.reason and "<@" in said else said
    return f"{gate.status}: {words}"


def in_the_way(
    request: ReleaseRequest, rules: Rules, stops: StopFacts, at: datetime
) -> tuple[GateResult, ...]:
    """List the stops that say no, or not yet, from what the store and the catalogue know."""
    sources = dict.fromkeys(("tag", "diff", "checks", "scan", "cluster"), _NOT_ASKED)
    facts = Facts(at=at, stops=stops, live_version=None, **sources)
    asked = (ask(request, facts, rules) for name, ask in GATES if name in STOP_GATES)
    return tuple(gate for gate in asked if gate and gate.status in ("failed", "waiting"))
