"""What a bake makes of the metrics: go on, wait, ask a person, or go back. Pure, but for `Work`.

Used by `bake` and, while a person is asked, by `engine.pausing`. What is called for is decided in
`domain.bake_ends`; here it becomes an outcome with its words.
"""

from typing import assert_never

from bot.domain import bake_ends
from bot.domain.analysis import Analysis, is_news, verdict_of
from bot.domain.bake_ends import Act, Call
from bot.domain.facts import SlotFact
from bot.domain.outcomes import Done, Failed, Held, Outcome, Wait
from bot.domain.reasons import Reason
from bot.engine.steps.analysing import bake_of
from bot.engine.steps.work import Work
from bot.views import analysis_lines, lines
from bot.views.words import opened


def alarm(work: Work, analysis: Analysis) -> Failed | Held | None:
    """Say what can't wait for the end of the bake."""
    rules = work.release.rules
    call = bake_ends.alarm(analysis, work.now, rules.watching, rules.doubt)
    if call is None:
        return None
    return _stopped(call, _why(work, call, analysis), analysis)


def at_the_end(work: Work, slot: SlotFact, analysis: Analysis) -> Outcome:
    """Say what follows when the time of a bake is over."""
    rules, bake = work.release.rules, bake_of(work)
    call = bake_ends.at_the_end(bake, analysis, work.now, rules.watching, rules.doubt)
    match call.act:
        case Act.GO_ON:
            said = _baked(work, slot, analysis)
            return Done(said if bake.seconds else None, {"analysis": analysis})
        case Act.BAKE_ON:
            note, analysis = told(work, slot, analysis, "baking on, ")
            return Wait(call.until or work.now, note, {"analysis": analysis})
        case Act.ASK | Act.ROLL_BACK:
            held = call.reason is Reason.AWAITS_PROMOTION
            said = analysis_lines.held(bake, lines.ready(slot)) if held else ""
            return _stopped(call, said or _why(work, call, analysis), analysis)
        case _:
            assert_never(call.act)


def _stopped(call: Call, said: str, analysis: Analysis) -> Failed | Held:
    changes: dict[str, object] = {"analysis": analysis}
    if call.act is Act.ROLL_BACK:
        return Failed(call.reason, said, changes)
    return Held(said, call.reason, changes)


def _why(work: Work, call: Call, analysis: Analysis) -> str:
    watching = work.release.rules.watching
    said = analysis_lines.why(call, analysis, watching, bake_of(work), work.plan.control)
    # A guard's sentence begins with its name, which is written as the catalogue has it.
    return said if call.guard else opened(said)


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
    return analysis_lines.sentence(analysis, watching, work.step.slot, work.plan.control)
