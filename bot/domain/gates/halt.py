"""Gate: nobody has pulled the red handle here."""

from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult, failed
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules

NAME = "halt"
POSITION = 71


def evaluate(request: ReleaseRequest, facts: Facts, _rules: Rules) -> GateResult | None:
    """Fail while a halt stands: it has no end but a person's word."""
    halt = next((h for h in facts.stops.of("halt") if h.stands(facts.at)), None)
    if halt is None:
        return None
    where = halt.environment or "everything"
    env = f" {request.environment}" if halt.environment else ""
    return failed(
        NAME,
        Reason.HALTED,
        f"<@{halt.by}> halted {where}: {halt.reason}.",
        f"Let go on the halt's message, or say `/release halt{env} --off`.",
    )
