"""What an analysis amounts to in words, and why something is called for. Pure.

Used by `engine.steps.judging` for the card and the thread, and by `replay_lines`. One indicator's
words are in `verdict_lines`.
"""

from bot.domain.analysis import Analysis, margins_of, telling, verdict_of
from bot.domain.bake_ends import Call
from bot.domain.catalog import Slot, other_slot
from bot.domain.indicators import Watching
from bot.domain.looking import Bake
from bot.domain.reasons import Reason
from bot.views import verdict_lines
from bot.views.words import opened


def sentence(analysis: Analysis, watching: Watching, new: Slot, control: str | None = None) -> str:
    """Say what the metrics amount to, by the indicator on which the verdict hangs.

    `control`: what the new slot is compared with; None: the other slot.
    """
    name = telling(analysis, watching)
    if name is None:
        why = f": {analysis.left_out}" if analysis.left_out else ""
        return f"nothing is measured yet{why}."
    said = verdict_lines.sentence(
        analysis.evidence[name],
        margins_of(watching.indicators[name], analysis.clump(name)),
        found=verdict_of(analysis, watching),
        what=name,
        new=new,
        live=control or other_slot(new),
    )
    if analysis.left_out and not analysis.unhealthy:
        return f"{said} The newest look was left out: {analysis.left_out}."
    return said


def why(
    call: Call, analysis: Analysis, watching: Watching, bake: Bake, control: str | None = None
) -> str:
    """Say why a person is asked, or why it goes back."""
    if call.guard is not None:
        limit, value = watching.guards[call.guard], analysis.readings.get(call.guard)
        return verdict_lines.guard(call.guard, limit, value)
    if call.reason is Reason.NO_TRAFFIC:
        return f"{bake.slot.capitalize()} gets far less traffic than its {share(bake)}."
    return sentence(analysis, watching, bake.slot, control)


def held(bake: Bake, also: str = "") -> str:
    """Say that a weight was held for its time and waits for Promote. `also`: how its pods are."""
    return f"{opened(share(bake))} held{', ' if also else ''}{also}. Promote goes on."


def share(bake: Bake) -> str:
    """Write the new slot's share."""
    return f"{bake.weight} % on {bake.slot}"
