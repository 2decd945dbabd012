"""Gate: nothing else is under way for this target, and nothing holds it locked.

A rollback whose commits are held back locks no more than these: `commits` speaks of it.
"""

from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult, failed, passed, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "free"
POSITION = 70


def evaluate(request: ReleaseRequest, facts: Facts, _rules: Rules) -> GateResult:
    """A lock is a no until somebody says the cause is mended; another release is a wait."""
    where = f"{request.service} in {request.environment}"
    if facts.lock is not None and facts.lock.holder not in {r.release for r in facts.held_back}:
        by = f" by <@{facts.lock.by}>" if facts.lock.by else ""
        return failed(
            NAME,
            Reason.LOCKED,
            f"{where} is held back since {facts.lock.holder} was rolled back{by}: "
            f"{facts.lock.why}.",
            f"When the cause is mended, an owner or responder presses Cause is mended "
            f"on {facts.lock.holder}.",
        )
    if facts.under_way is not None:
        return waiting(
            NAME,
            Reason.UNDER_WAY,
            f"{facts.under_way} is under way for {where}.",
            next_step="It goes on by itself when that has ended.",
        )
    return passed(NAME, "nothing else under way")
