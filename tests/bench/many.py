"""The judge of `bot/domain/judge.py` over thousands of releases at a time: that is fast.

`verdict.py` judges simulated releases with it. It is a second writing of the same rules, and never
trusted alone: `differing` compares it with the bot's own judge, in a test and in every run.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.domain import judge
from tests.bench.streams import SECONDS, Counts, Reals, Streams

STATES = tuple(judge.Verdict)
NEVER = 0
"""What `caught` says of a release that is not rolled back."""

CLOSE = 1e-9
"""How far the logarithm of the evidence may be from the bot's."""


@dataclass(frozen=True)
class Judged:
    """What each look says of each release: a row a release, a column a look.

    `harm`, `health`: logarithms of the evidence. `states`: where in `STATES` the verdict is.
    """

    harm: Reals
    health: Reals
    excess: Reals
    states: Counts

    @property
    def caught(self) -> Counts:
        """After how many looks each release is rolled back, or `NEVER`."""
        return first(self.states == STATES.index(judge.Verdict.UNHEALTHY))


def first(hits: npt.NDArray[np.bool_]) -> Counts:
    """Count the columns up to the first hit of each row; `NEVER` where there is none."""
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, NEVER)


def judged(streams: Streams, margins: judge.Margins) -> Judged:
    """Judge all looks of all releases. Inside, the looks come first: that is faster."""
    counts = [
        it.T.astype(np.float64) for it in (streams.n_c, streams.f_c, streams.n_s, streams.f_s)
    ]
    spent = 2.0 ** (-SECONDS / margins.half)
    reserve = 0.5 * spent ** np.arange(1, len(counts[0]) + 1)
    factors = _log_factors(counts, margins.bets, (margins.rho, margins.delta), margins.m)
    bets = _invested(np.minimum(factors, np.log(margins.cap)), reserve * (1 / spent - 1))
    harm = np.logaddexp(_log_mean(bets), np.log(reserve)[:, None])
    tolerated = (margins.rho_h, margins.delta_h)
    health = _log_mean(
        _log_factors(counts, margins.health_bets, tolerated, margins.m).cumsum(axis=1)
    )
    more = _more_than_tolerated(counts, margins)
    excess = _since_trouble_began(more)
    states = _states(harm, health, excess, more.cumsum(axis=0), margins)
    return Judged(harm.T, health.T, excess.T, states.T)


def differing(streams: Streams, margins: judge.Margins, said: Judged | None = None) -> int:
    """Count the releases of which this judge and the bot's do not say the same at every look.

    `said`: what a judge said of them; left out, this one is asked.
    """
    found = said or judged(streams, margins)
    return sum(not _same(streams, at, found, margins) for at in range(len(streams)))


def _same(streams: Streams, at: int, found: Judged, margins: judge.Margins) -> bool:
    evidence = judge.begin(margins)
    for look in range(streams.n_c.shape[1]):
        evidence = judge.look(evidence, row(streams, at, look), margins)
        # Evidence of health may be smaller than a double can say; its logarithm never is.
        health = np.logaddexp.reduce(evidence.health) - np.log(len(evidence.health))
        logs = [np.log(evidence.of_harm), health]
        ours = [found.harm[at, look], found.health[at, look]]
        same = judge.verdict(evidence, margins) is STATES[found.states[at, look]]
        if not same or not np.allclose(ours, logs, rtol=0, atol=CLOSE):
            return False
    return True


def row(streams: Streams, at: int, look: int) -> judge.Look:
    """Give one look of one release as the bot's judge takes it."""
    return judge.Look(
        dt=SECONDS,
        n_c=float(streams.n_c[at, look]),
        f_c=float(streams.f_c[at, look]),
        n_s=float(streams.n_s[at, look]),
        f_s=float(streams.f_s[at, look]),
    )


def _log_factors(
    counts: list[Reals], bets: tuple[float, ...], tolerated: tuple[float, float], m: float
) -> Reals:
    """Logarithm of each bet's factor at each look: bets x looks x releases."""
    n_c, f_c, n_s, f_s = counts
    r, d = tolerated
    void = (n_c == 0) | (n_s == 0)
    others = np.where(void, 1.0, n_s)
    psi = np.array(bets)[:, None, None]
    b = (r * n_c + others) / (r * psi * n_c + others)
    a = psi * b
    grows = (f_c * np.log(a) + f_s * np.log(b) - n_c * d * (a - 1)) / m
    return np.where(void, 0.0, grows)


def _invested(factors: Reals, fresh: Reals) -> Reals:
    """Let each bet grow look by look, with fresh money from the reserve before each."""
    worth = np.full_like(factors, np.log(0.5))
    now = worth[:, 0]
    for at, invested in enumerate(np.log(fresh)):
        now = np.logaddexp(now, invested) + factors[:, at]
        worth[:, at] = now
    return worth


def _more_than_tolerated(counts: list[Reals], margins: judge.Margins) -> Reals:
    n_c, f_c, n_s, f_s = counts
    others = np.where(n_s == 0, 1.0, n_s)
    more = f_c - margins.rho * f_s * n_c / others - margins.delta * n_c
    return np.where(n_s == 0, 0.0, more)


def _since_trouble_began(more: Reals) -> Reals:
    found = np.zeros_like(more)
    now = np.zeros(more.shape[1])
    for at, gained in enumerate(more):
        now = np.maximum(0.0, now + gained)
        found[at] = now
    return found


def _states(
    harm: Reals, health: Reals, excess: Reals, surplus: Reals, margins: judge.Margins
) -> Counts:
    proven = (harm >= np.log(1 / margins.alpha)) & (excess >= margins.floor)
    unclean = np.exp(harm) >= judge.NOT_CLEAN
    enough = health >= np.log(1 / margins.beta)
    baked = (np.arange(1, len(harm) + 1) * SECONDS >= margins.min_bake)[:, None]
    cases = [
        (judge.Verdict.UNHEALTHY, np.logical_or.accumulate(proven)),
        (judge.Verdict.HEALTHY, enough & ~unclean & (surplus <= 0) & baked),
        (judge.Verdict.MARGINAL, unclean | (enough & (surplus > 0))),
    ]
    return np.select(
        [hits for _, hits in cases],
        [STATES.index(state) for state, _ in cases],
        default=STATES.index(judge.Verdict.UNDECIDED),
    )


def _log_mean(logs: Reals) -> Reals:
    """Logarithm of the mean over the first axis, of numbers that are given as logarithms."""
    high = logs.max(axis=0)
    mean: Reals = high + np.log(np.exp(logs - high).mean(axis=0))
    return mean
