"""What the metrics of a bake call for: go on, bake on, ask a person, or go back. Pure.

Called by `engine.steps.judging`, which carries it out, and by `domain.replaying`, which only says
so. No words here: that it is bad and that one could not tell are different reasons everywhere.
"""

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bot.domain.analysis import THIN_LOOKS, Analysis, broken, verdict_of
from bot.domain.indicators import Doubt, Watching
from bot.domain.judge import Verdict
from bot.domain.looking import Bake
from bot.domain.reasons import Reason
from bot.domain.value import Value


class Act(StrEnum):
    """What is done."""

    GO_ON = "go on"
    BAKE_ON = "bake on"
    ASK = "ask"
    ROLL_BACK = "roll back"


class Call(Value):
    """What the metrics call for, and why. `until`: how long it bakes on before the next look."""

    act: Act
    reason: Reason = Reason.DONE
    guard: str | None = None
    """The guard that is past its limit."""
    until: datetime | None = None


def alarm(analysis: Analysis, now: datetime, watching: Watching, doubt: Doubt) -> Call | None:
    """Say what can't wait for the end of the bake; None where nothing is wrong."""
    if analysis.unhealthy:
        return Call(act=Act.ROLL_BACK, reason=Reason.METRICS_UNHEALTHY)
    past = broken(analysis, now, watching)
    if past:
        act = Act.ROLL_BACK if doubt.guard == "rollback" else Act.ASK
        return Call(act=act, reason=Reason.GUARD_BROKEN, guard=past[0])
    if analysis.thin >= THIN_LOOKS:
        return Call(act=Act.ASK, reason=Reason.NO_TRAFFIC)
    return None


def at_the_end(
    bake: Bake, analysis: Analysis, now: datetime, watching: Watching, doubt: Doubt
) -> Call:
    """Say what follows when the time of a bake is over."""
    if bake.judged:
        stop = _in_doubt(bake, _found(bake, analysis, watching), now, watching, doubt)
        if stop:
            return stop
    if bake.hold:
        return Call(act=Act.ASK, reason=Reason.AWAITS_PROMOTION)
    return Call(act=Act.GO_ON)


def _found(bake: Bake, analysis: Analysis, watching: Watching) -> Verdict:
    """Give the verdict. Healthy is about the past: it takes a look at this weight."""
    found = verdict_of(analysis, watching)
    unseen = analysis.until is None or analysis.until <= bake.since
    return Verdict.UNDECIDED if found is Verdict.HEALTHY and unseen else found


def _in_doubt(
    bake: Bake, found: Verdict, now: datetime, watching: Watching, doubt: Doubt
) -> Call | None:
    match found:
        case Verdict.HEALTHY:
            return None
        case Verdict.UNHEALTHY:
            return Call(act=Act.ROLL_BACK, reason=Reason.METRICS_UNHEALTHY)
        case Verdict.MARGINAL:
            return Call(act=Act.ASK, reason=Reason.METRICS_MARGINAL)
        case Verdict.UNDECIDED:
            return _undecided(bake, now, watching, doubt)
        case _:
            assert_never(found)


def _undecided(bake: Bake, now: datetime, watching: Watching, doubt: Doubt) -> Call | None:
    """Too little data at the end: policy says what follows. It is never called healthy."""
    if doubt.undecided == "go-on":
        return None
    if doubt.undecided == "rollback":
        return Call(act=Act.ROLL_BACK, reason=Reason.METRICS_UNDECIDED)
    last = bake.end + doubt.extend
    if doubt.undecided == "wait" and now < last:
        until = min(last, now + watching.every)
        return Call(act=Act.BAKE_ON, reason=Reason.METRICS_UNDECIDED, until=until)
    return Call(act=Act.ASK, reason=Reason.METRICS_UNDECIDED)
