"""Gate: the version ran in the environment before this one, for as long as policy asks."""

from datetime import timedelta

from bot.domain.facts import Facts, Promotion, Unknown
from bot.domain.gates.result import GateResult, failed, passed, unknown, waiting
from bot.domain.reasons import Reason
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.versions import bare

NAME = "promoted"
POSITION = 40


def evaluate(request: ReleaseRequest, facts: Facts, rules: Rules) -> GateResult | None:
    """Pass where it was live before for the soak time. Silent for the first environment."""
    if facts.promotion is None or rules.after is None:
        return None
    if isinstance(facts.promotion, Unknown):
        return unknown(NAME, facts.promotion)
    promotion = facts.promotion.value
    if promotion.seconds is None:
        return _never_there(request, promotion)
    if promotion.seconds < rules.soak.total_seconds():
        return _soaking(facts, promotion, rules.soak)
    needed = f" ({words(rules.soak)} needed)" if rules.soak else ""
    return passed(NAME, f"{_time(promotion)} in {promotion.environment}{needed}")


def _never_there(request: ReleaseRequest, promotion: Promotion) -> GateResult:
    running = (
        f"{bare(promotion.running)} runs there" if promotion.running else "nothing known runs there"
    )
    return failed(
        NAME,
        Reason.NOT_PROMOTED,
        f"{bare(request.version)} was never live in {promotion.environment}; {running}.",
        "Release it there first: "
        f"`/release {request.service} {request.version} {promotion.environment}`.",
    )


def _soaking(facts: Facts, promotion: Promotion, soak: timedelta) -> GateResult:
    done = timedelta(seconds=promotion.seconds or 0)
    sentence = f"{_time(promotion)} in {promotion.environment}, {words(soak)} needed."
    if not promotion.live:
        running = f" {bare(promotion.running)} runs there now." if promotion.running else ""
        return failed(
            NAME,
            Reason.SOAKING,
            sentence + running,
            f"Bring it back to {promotion.environment} and let it run.",
        )
    return waiting(
        NAME,
        Reason.SOAKING,
        sentence,
        next_step="It goes on by itself.",
        until=facts.at + (soak - done),
    )


def _time(promotion: Promotion) -> str:
    return words(timedelta(seconds=promotion.seconds or 0))


def words(duration: timedelta) -> str:
    """Write a duration with its largest unit that fits: `26 h`, `40 min`, `12 s`."""
    seconds = int(duration.total_seconds())
    if seconds >= 48 * 3600:
        return f"{seconds // 86400} days"
    if seconds >= 3600:  # noqa: PLR2004 - an hour
        hours, minutes = seconds // 3600, seconds % 3600 // 60
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"  # noqa: PLR2004 - minutes matter below ten hours
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004 - a minute
