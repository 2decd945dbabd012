"""What a bake makes of the metrics: go on, wait, ask a person, or go back. Pure, but for `Work`.

Used by `bake` and, while a person is asked, by `engine.pausing`. That it is bad and that one could
not tell are different reasons everywhere.
"""

from datetime import timedelta
from typing import assert_never

from bot.domain.analysis import (
    THIN_LOOKS,
    Analysis,
    broken,
    is_news,
    margins_of,
    telling,
    verdict_of,
)
from bot.domain.catalog import other_slot
from bot.domain.facts import SlotFact
from bot.domain.judge import Verdict
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps.work import Work
from bot.views import lines, verdict_lines
from bot.views.words import opened


def alarm(work: Work, analysis: Analysis) -> Failed | Held | None:
    """Say what can't wait for the end of the bake."""
    rules, changes = work.release.rules, {"analysis": analysis}
    if analysis.unhealthy:
        return Failed(Reason.METRICS_UNHEALTHY, sentence(work, analysis), changes)
    past = broken(analysis, work.now, rules.watching)
    if past:
        said = verdict_lines.guard(*past, analysis.readings.get(past[0]))
        if rules.doubt.guard == "rollback":
            return Failed(Reason.GUARD_BROKEN, said, changes)
        return Held(said, Reason.GUARD_BROKEN, changes)
    if analysis.thin >= THIN_LOOKS:
        said = f"{work.step.slot.capitalize()} gets far less traffic than its {_share(work)}."
        return Held(said, Reason.NO_TRAFFIC, changes)
    return None


def at_the_end(work: Work, slot: SlotFact, analysis: Analysis) -> Outcome:
    """Say what follows when the time of a bake is over."""
    changes: dict[str, object] = {"analysis": analysis}
    if work.step.judged:
        found = verdict_of(analysis, work.release.rules.watching)
        stop = _doubt(work, slot, analysis, found)
        if stop:
            return stop
    if work.step.hold:
        said = f"{_share(work).capitalize()} held, {lines.ready(slot)}. Promote goes on."
        return Held(said, Reason.AWAITS_PROMOTION, changes)
    seconds = work.step.seconds or 0
    said = _baked(work, slot, analysis)
    return Done(said if seconds else None, changes)


def _doubt(work: Work, slot: SlotFact, analysis: Analysis, found: Verdict) -> Outcome | None:
    changes: dict[str, object] = {"analysis": analysis}
    said = sentence(work, analysis)
    match found:
        case Verdict.HEALTHY:
            return None
        case Verdict.UNHEALTHY:
            return Failed(Reason.METRICS_UNHEALTHY, said, changes)
        case Verdict.MARGINAL:
            return Held(said, Reason.METRICS_MARGINAL, changes)
        case Verdict.UNDECIDED:
            return _undecided(work, slot, analysis, said)
        case _:
            assert_never(found)


def _undecided(work: Work, slot: SlotFact, analysis: Analysis, said: str) -> Outcome | None:
    """Too little data at the end: policy says what follows. It is never called healthy."""
    changes: dict[str, object] = {"analysis": analysis}
    doubt = work.release.rules.doubt
    if doubt.undecided == "go-on":
        return None
    if doubt.undecided == "rollback":
        return Failed(Reason.METRICS_UNDECIDED, said, changes)
    last = work.since + timedelta(seconds=work.step.seconds or 0) + doubt.extend
    if doubt.undecided == "wait" and work.now < last:
        until = min(last, work.now + work.release.rules.watching.every)
        note, analysis = told(work, slot, analysis, "baking on, ")
        return Wait(until, note, {"analysis": analysis})
    return Held(said, Reason.METRICS_UNDECIDED, changes)


def _baked(work: Work, slot: SlotFact, analysis: Analysis) -> str:
    plain = lines.baked(work.progress.weight, slot, work.step.seconds or 0)
    if not work.step.judged:
        return plain
    return f"{plain} {opened(sentence(work, analysis))}"


def told(work: Work, slot: SlotFact, analysis: Analysis, prefix: str = "") -> tuple[str, Analysis]:
    """Write what the card says while it bakes: pods first, then what the metrics say.

    Figures move with each look, and the card need not: the analysis comes back with what was said.
    """
    watching, pods = work.release.rules.watching, lines.ready(slot)
    if not work.step.judged:
        return prefix + pods, analysis
    shown = work.progress.note
    if shown and shown.startswith(prefix + pods) and not is_news(analysis, watching, work.now):
        return shown, analysis
    said = {"said": verdict_of(analysis, watching), "said_at": work.now}
    text = f"{prefix}{pods}, {sentence(work, analysis).rstrip('.')}"
    return text, analysis.model_copy(update=said)


def sentence(work: Work, analysis: Analysis) -> str:
    """Say what the metrics amount to, by the indicator on which the verdict hangs."""
    watching = work.release.rules.watching
    name = telling(analysis, watching)
    if name is None:
        why = f": {analysis.left_out}" if analysis.left_out else ""
        return f"nothing is measured yet{why}."
    new = work.step.slot
    said = verdict_lines.sentence(
        analysis.evidence[name],
        margins_of(watching.indicators[name]),
        what=name,
        new=new,
        live=other_slot(new),
    )
    if analysis.left_out and not analysis.unhealthy:
        return f"{said} The newest look was left out: {analysis.left_out}."
    return said


def _share(work: Work) -> str:
    return f"{work.progress.weight} % on {work.step.slot}"
