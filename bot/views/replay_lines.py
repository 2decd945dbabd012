"""What a replay found, in words as the thread would say them, and as data. Pure.

Used by `release-bot analysis replay`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from bot.domain.analysis import verdict_of
from bot.domain.bake_ends import Act
from bot.domain.indicators import Watching
from bot.domain.looking import Bake
from bot.domain.reasons import Reason
from bot.domain.recordings import Case
from bot.domain.replaying import Moment, Replayed, Served, Stepped, Summary, Tally
from bot.views import analysis_lines
from bot.views.words import count, opened


def paragraph(case: Case, replayed: Replayed, watching: Watching) -> str:
    """Tell one case."""
    was = f"; it was {case.expected}" if case.expected else ""
    head = f"{case.name} ({case.service} in {case.environment}{was}):"
    steps = [_step(one, replayed, watching) for one in replayed.steps]
    return " ".join([head, *steps, _served(replayed.served, case), _looks(replayed)])


def _step(step: Stepped, replayed: Replayed, watching: Watching) -> str:
    began = _seconds(step.bake.since, replayed)
    share = f"{analysis_lines.share(step.bake)} at {began:,.0f} s."
    ended = _moment(step.ended, step.bake, replayed, watching)
    if step.asked is None:
        return f"{share} {opened(ended)}"
    asked = _moment(step.asked, step.bake, replayed, watching)
    return f"{share} {opened(asked)} Still asking, {ended}"


def _moment(moment: Moment, bake: Bake, replayed: Replayed, watching: Watching) -> str:
    at = _seconds(moment.at, replayed)
    said = _why(moment, bake, watching)
    return f"at {at:,.0f} s {said} It would have {_done(moment)}."


def _done(moment: Moment) -> str:
    act = moment.call.act
    match act:
        case Act.GO_ON:
            return "gone on"
        case Act.BAKE_ON:
            return "baked on, but no more is recorded at this weight"
        case Act.ASK:
            waits = moment.call.reason is Reason.AWAITS_PROMOTION
            return "waited for Promote" if waits else "asked a person"
        case Act.ROLL_BACK:
            return "rolled back"
        case _:
            assert_never(act)


def _why(moment: Moment, bake: Bake, watching: Watching) -> str:
    call, analysis = moment.call, moment.analysis
    waits = call.reason is Reason.AWAITS_PROMOTION
    if bake.judged or not (waits or call.act is Act.GO_ON):
        said = analysis_lines.why(call, analysis, watching, bake)
    elif watching.guards:
        said = "no guard was past its limit."
    else:
        said = "there was nothing to compare with, and there are no guards."
    return f"{said} {analysis_lines.held(bake)}" if waits else said


def _served(served: Served | None, case: Case) -> str:
    if served is None:
        return f"What {case.new} had served until then is not known."
    return (
        f"Until then {case.new} had served {served.requests:,.0f} requests, "
        f"{served.failed:,.0f} failed ({served.indicator})."
    )


def _looks(replayed: Replayed) -> str:
    said = f"Looks: {replayed.used} used"
    if not replayed.left_out:
        return f"{said}, none left out."
    why = "; ".join(
        f"{reason}, {count(times, 'time')}" for reason, times in replayed.left_out.items()
    )
    return f"{said}, {sum(replayed.left_out.values())} left out ({why})."


def summary(found: Summary) -> str:
    """Tell what became of all cases."""
    cases = found.good.cases + found.bad.cases + found.unknown.cases
    lines = [f"{count(cases, 'case')}."]
    for tally, what, back in (
        (found.good, "good", "rolled back wrongly"),
        (found.bad, "bad", "rolled back rightly"),
        (found.unknown, "of unknown kind", "rolled back"),
    ):
        if tally.cases:
            lines.append(f"{_tally(tally, what, back)}.")
    if found.median_seconds is not None:
        said = f"Median time to decide: {found.median_seconds:,.0f} s"
        back_at = found.median_seconds_to_roll_back
        lines.append(f"{said}{'' if back_at is None else f'; to roll back: {back_at:,.0f} s'}.")
    return " ".join(lines)


def _tally(tally: Tally, what: str, back: str) -> str:
    parts = [
        f"{tally.rolled_back} {back}",
        f"{tally.asked} asked about",
        f"{tally.gone_on} gone on",
    ]
    if tally.open:
        parts.append(f"{tally.open} still open")
    return f"{tally.cases} {what}: {', '.join(parts)}"


def data(case: Case, replayed: Replayed, watching: Watching) -> dict[str, Any]:
    """Give one case as data."""
    last, served = replayed.steps[-1], replayed.served
    return {
        "name": case.name,
        "service": case.service,
        "environment": case.environment,
        "expected": case.expected,
        **_said(last.ended, last.bake, replayed, watching),
        "requests": served.requests if served else None,
        "failed": served.failed if served else None,
        "indicator": served.indicator if served else None,
        "steps": [
            {
                "weight": step.bake.weight,
                "since": _seconds(step.bake.since, replayed),
                **_said(step.ended, step.bake, replayed, watching),
                "asked": _said(step.asked, step.bake, replayed, watching) if step.asked else None,
            }
            for step in replayed.steps
        ],
        "looks": {
            "used": replayed.used,
            "left_out": sum(replayed.left_out.values()),
            "reasons": dict(replayed.left_out),
        },
    }


def _said(moment: Moment, bake: Bake, replayed: Replayed, watching: Watching) -> dict[str, Any]:
    call = moment.call
    return {
        "verdict": verdict_of(moment.analysis, watching).value if bake.judged else None,
        "act": call.act.value,
        "reason": None if call.reason is Reason.DONE else call.reason.value,
        "seconds": _seconds(moment.at, replayed),
        "why": opened(_why(moment, bake, watching)),
    }


def _seconds(moment: datetime, replayed: Replayed) -> float:
    return (moment - replayed.begun).total_seconds()


def whole(cases: Sequence[dict[str, Any]], found: Summary) -> dict[str, Any]:
    """Give all cases and what became of them as data."""
    return {"cases": list(cases), "summary": found.model_dump(mode="json")}
