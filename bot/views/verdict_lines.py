"""What a verdict is in words: for the card, the thread and the command line. Pure."""

from collections.abc import Sequence
from math import ceil, log10

from bot.domain.baselines import control_words
from bot.domain.foresight import MANY, Sight
from bot.domain.indicators import Guard
from bot.domain.judge import Evidence, Margins, Verdict, requests_needed, verdict
from bot.views.words import took

MILLION = 1e6
"""Evidence above which no figure says more."""

FAR_MINUTES = 24 * 60
"""An estimate further off than this helps nobody."""


def sentence(
    evidence: Evidence,
    margins: Margins,
    *,
    found: Verdict | None = None,
    what: str = "errors",
    new: str = "green",
    live: str = "blue",
) -> str:
    """Say what the evidence amounts to, with the figures that it comes from.

    `live`: what it was compared with, the live slot or the baseline.
    `found`: what several indicators together amount to, where there are more; `what`: the name
    of this one.
    """
    own, other = _rate(evidence.f_c, evidence.n_c), _rate(evidence.f_s, evidence.n_s)
    rates, limit = f"{what} {own} ({live} {other})", f"{1 / margins.alpha:,.0f}"
    match found or verdict(evidence, margins):
        case Verdict.UNDECIDED:
            return _undecided(evidence, margins, new, live)
        case Verdict.HEALTHY:
            ruled_out = f"{_times(margins.rho_h)} {control_words(live)} rate"
            return (
                f"healthy: {rates}. We can rule out {ruled_out} + "
                f"{_points(margins.delta_h)} points ({_percent(1 - margins.beta)} sure)."
            )
        case Verdict.MARGINAL:
            return _marginal(evidence, margins, rates)
        case Verdict.UNHEALTHY:
            return (
                f"unhealthy: {rates}: {_more(evidence.excess)} than we tolerate. Evidence "
                f"{_evidence(evidence.of_harm)} (limit {limit}). If the new version were fine, "
                f"this would happen in fewer than 1 of {limit} releases."
            )


def sights(found: Sequence[Sight], control: str) -> str:
    """Say before the bakes what they can see, so that nobody takes a quiet one for a proof."""
    clear = [one for one in found if one.ratio is not None and one.ratio <= MANY]
    blind = [one.indicator for one in found if one not in clear]
    said = []
    if clear:
        seen = " and ".join(f"{one.indicator} at {one.ratio:.2g} times" for one in clear)
        said.append(f"The bakes can see {seen} {control_words(control)} rate, or more.")
    if blind:
        said.append(
            f"They can only see a crash in {' and '.join(blind)}: there is too little traffic. "
            "More weight or time helps."
        )
    return " ".join(said)


def guard(name: str, limit: Guard, value: float | None) -> str:
    """Say which absolute limit was passed, by how much, and for how long."""
    side, line = ("above", limit.above) if limit.above is not None else ("below", limit.below)
    now = f"is {value:.3g}" if value is not None else f"was last {side} its limit"
    lasted = f"{side} {line:g} for {took(limit.lasts)} or longer"
    return f"{name} {now}: {lasted}, over both slots together."


def _undecided(evidence: Evidence, margins: Margins, new: str, live: str) -> str:
    said = (
        f"too little traffic to judge yet: {evidence.n_c:,.0f} requests on {new}, "
        f"{evidence.f_c:,.0f} failed ({live}: {evidence.f_s:,.0f} of {evidence.n_s:,.0f})."
    )
    minutes = _minutes_left(evidence, margins)
    if minutes is None:
        return said
    return f"{said} About {minutes} more minute{'' if minutes == 1 else 's'}."


def _minutes_left(evidence: Evidence, margins: Margins) -> int | None:
    needed = requests_needed(evidence, margins)
    if needed is None or not evidence.elapsed or not evidence.n_c:
        return None
    left = (needed - evidence.n_c) * evidence.elapsed / evidence.n_c / 60
    return ceil(left) if 0 < left <= FAR_MINUTES else None


def _marginal(evidence: Evidence, margins: Margins, rates: str) -> str:
    if evidence.surplus > 0:
        more = f", {_more(evidence.surplus)} than we tolerate, but chance explains it"
    else:
        more = f" over all, but lately {_more(evidence.excess)} than we tolerate"
    limit = f"{1 / margins.alpha:,.0f}"
    return f"not clean: {rates}{more}. Evidence {_evidence(evidence.of_harm)} of {limit}."


def _more(count: float) -> str:
    whole = ceil(count)
    return f"{whole:,} more failure{'' if whole == 1 else 's'}"


def _rate(failed: float, whole: float) -> str:
    return _percent(failed / whole) if whole else "unknown"


def _percent(share: float) -> str:
    """Write a share with two significant digits, in percent."""
    if share <= 0:
        return "0 %"
    if share >= 1:
        return "100 %"
    value = share * 100
    places = max(0, 1 - int(log10(value) // 1))
    return f"{value:.{places}f} %"


def _points(share: float) -> str:
    return f"{share * 100:.2g}"


def _times(ratio: float) -> str:
    return "twice" if ratio == 2 else f"{ratio:g} times"  # noqa: PLR2004 - the word for it


def _evidence(value: float) -> str:
    """Write evidence with two significant digits."""
    if value > MILLION:
        return "> 1 million"
    if value >= 100:  # noqa: PLR2004 - from here on two digits are whole tens
        step = 10 ** (int(log10(value)) - 1)
        return f"{round(value / step) * step:,}"
    return f"{value:.2g}"
