"""Gate: nobody holds the service, its tier or the environment locked. A warning is shown only."""

from bot.domain.calendar import said
from bot.domain.facts import Facts
from bot.domain.gates.result import GateResult, failed, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.stops import Stop

NAME = "lock"
POSITION = 72


def evaluate(_request: ReleaseRequest, facts: Facts, _rules: Rules) -> GateResult | None:
    """Wait for the end of the last hard lock; fail where one has none. Silent without any."""
    stand = [lock for lock in facts.stops.of("lock") if lock.stands(facts.at)]
    hard = [lock for lock in stand if lock.hard]
    sentence = "; ".join(_told(lock, facts) for lock in (hard or stand)) + "."
    if not stand:
        return None
    if not hard:
        return GateResult(gate=NAME, status="overridden", sentence=sentence)
    ends = [lock.until for lock in hard if lock.until is not None]
    lift = " and ".join(f"`/release unlock {lock.id}`" for lock in hard[:3])
    if len(ends) < len(hard):
        return failed(NAME, Reason.LOCK_HELD, sentence, f"Ask them; {lift} lifts it.")
    next_step = f"It goes on by itself then; {lift} lifts it sooner."
    return waiting(NAME, Reason.LOCK_HELD, sentence, next_step=next_step, until=max(ends))


def _told(lock: Stop, facts: Facts) -> str:
    on = f"{lock.scope} in {lock.environment}" if lock.environment else lock.scope
    whose = f"{lock.release} (by <@{lock.by}>)" if lock.release else f"<@{lock.by}>"
    until = f" until {said(lock.until, 'UTC', facts.at)}" if lock.until else ""
    verb = "holds" if lock.hard else "warns:"
    rest = f"{on} locked" if lock.hard else on
    return f"{whose} {verb} {rest} since {said(lock.since, 'UTC', facts.at)}{until}: {lock.reason}"
