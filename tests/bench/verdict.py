"""The judge of metrics against the judges of known tools, on the same simulated releases.

`python -m tests.bench.verdict` prints the whole table; `make bench` measures the rows. Four
judges see each release: ours (C), thresholds tuned where nothing bursts (A calm) or on bursts too
(A all), and Mann-Whitney once at the end (B end, 15-s points against all of stable). Requests
fail each for itself here, so `m` is 1: that is right where failures do not clump. Only simulated
data, and the peers are tuned on the very traffic that they are tried on: see `peers.py`.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from bot.domain import judge
from tests.bench.figures import Figure, quantile
from tests.bench.many import NEVER, differing, judged, row
from tests.bench.peers import MannWhitney, Thresholds
from tests.bench.streams import (
    CONDITIONS,
    ERRORS,
    EVALUATE,
    GOOD,
    LOOKS,
    OF_ERRORS,
    OF_LATENCY,
    SECONDS,
    SLOW,
    TRAFFICS,
    TUNE,
    Cell,
    Counts,
    Streams,
    draw,
    mixed,
)

OF_99_9 = judge.Margins(m=1)
"""For the objective that 99.9 % do not fail: the judge's defaults."""

OF_99 = judge.Margins(m=1, delta=0.001, delta_h=0.01)
"""For the objective that 99 % are fast enough."""

GOOD_COUNT, BAD_COUNT, TUNE_BAD_COUNT = 2000, 500, 200
"""Releases a cell. The peers are tuned on as many good ones as they are tried on."""

RPS = 100
"""Requests a second that the rows tell of."""

TIMED = 50
"""Releases, 60 looks each, on which the bot's own judge is timed."""

OURS, CALM, ALL, END = "C", "A calm", "A all", "B end"
FAULTS = ("x2", "x5", "+0.5 pt", *OF_LATENCY, "leak", "crash")
FIRST = "| rps | judge | good releases rolled back, mean (worst cell), % |"

EXPECTED = (("x2", 59, 5.0), ("leak", 87, 9.0), ("crash", 95, 8.0))
"""Fault, share caught and minutes: 5 points and a fifth less well than the judge was chosen for."""

Judge = Callable[[Streams], Counts]


@dataclass
class Tally:
    """What one judge did at one traffic, pooled over base rates and conditions."""

    false: list[float] = field(default_factory=list)
    looks: dict[str, list[Counts]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, list[Counts]] = field(default_factory=lambda: defaultdict(list))

    def add(self, fault: str, streams: Streams, caught: Counts) -> None:
        """Add one cell. A bad release that is never caught serves failures until the end."""
        if fault == GOOD:
            self.false.append(100 * float(np.mean(caught != NEVER)))
            return
        until = np.where(caught == NEVER, LOOKS, caught)
        served = streams.f_c.cumsum(axis=1)[np.arange(len(streams)), until - 1]
        self.looks[fault].append(caught)
        self.failed[fault].append(served)

    def share(self, fault: str) -> float:
        """Give the share that was caught, in percent."""
        return 100 * float(np.mean(np.concatenate(self.looks[fault]) != NEVER))

    def minutes(self, fault: str, share: float) -> float:
        """Give the minutes in which that share of the caught ones was."""
        looks = np.concatenate(self.looks[fault])
        caught = [float(it) for it in looks[looks != NEVER]]
        return quantile(caught, share) * SECONDS / 60 if caught else float("nan")

    def bad_requests(self, fault: str) -> float:
        """Give the median of failed canary requests until it was caught, or until the end."""
        return float(np.median(np.concatenate(self.failed[fault])))


Tallies = dict[tuple[int, str], Tally]


def compared() -> Tallies:
    """Show every release to every judge."""
    found: Tallies = defaultdict(Tally)
    bases = [(base, False) for base in ERRORS] + [(SLOW, True)]
    for rps, (base, latency) in product(TRAFFICS, bases):
        judges = _judges(rps, base, latency=latency)
        faults = OF_LATENCY if latency else OF_ERRORS
        for condition, fault in product(CONDITIONS, (GOOD, *faults)):
            cell = Cell(rps, base, condition, fault, latency)
            streams = draw(cell, GOOD_COUNT if fault == GOOD else BAD_COUNT, EVALUATE)
            for name, caught in judges.items():
                found[rps, name].add(fault, streams, caught(streams))
    return found


def _judges(rps: int, base: float, *, latency: bool) -> dict[str, Judge]:
    """Give ours as it is, and the peers tuned for that traffic and base rate."""
    faults = OF_LATENCY if latency else OF_ERRORS
    good, bad = {}, {}
    for condition in CONDITIONS:
        kind = partial(Cell, rps, base, condition, latency=latency)
        good[condition] = draw(kind(), GOOD_COUNT, TUNE)
        bad[condition] = [draw(kind(fault), TUNE_BAD_COUNT, TUNE) for fault in faults]
    calm = ("calm", "drift")
    on_calm = Thresholds.tuned([good[it] for it in calm], [one for it in calm for one in bad[it]])
    on_all = Thresholds.tuned([*good.values()], [one for it in bad.values() for one in it])
    margins = OF_99 if latency else OF_99_9
    return {
        OURS: lambda streams: judged(streams, margins).caught,
        CALM: on_calm.caught,
        ALL: on_all.caught,
        END: MannWhitney.tuned([*good.values()]).caught,
    }


def table(found: Tallies) -> str:
    """Write all that was found, as docs quote it."""
    lines = [
        "Share caught, % · median/95th minute of those caught · median failed canary requests",
        "until caught or until the end. Pooled over base rates and conditions.",
        "",
        FIRST + "".join(f" {fault} |" for fault in FAULTS),
        "|---" * (3 + len(FAULTS)) + "|",
    ]
    for (rps, name), tally in found.items():
        false = f"{np.mean(tally.false):.2f} ({max(tally.false):.2f})"
        cells = [str(rps), name, false, *(_cell(tally, fault) for fault in FAULTS)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(tally: Tally, fault: str) -> str:
    share, served = tally.share(fault), tally.bad_requests(fault)
    if not share:
        return f"0 · – · {served:.0f}"
    middle, late = tally.minutes(fault, 0.5), tally.minutes(fault, 0.95)
    return f"{share:.1f} · {middle:.2f}/{late:.2f} · {served:.0f}"


def figures(found: Tallies) -> list[Figure]:
    """Give the rows on what was found."""
    worst = {
        name: max(max(found[rps, name].false) for rps in TRAFFICS) for name in (OURS, CALM, END)
    }
    ours, end = found[RPS, OURS], found[RPS, END]
    five = f"verdict: errors x5 at {RPS} requests a second"
    rows = [
        Figure("verdict: false rollbacks of good releases, worst of all cells, %", worst[OURS], 1),
        Figure(
            "verdict: false rollbacks, worst cell / thresholds tuned for calm",
            worst[OURS] / worst[CALM],
            1,
        ),
        Figure("verdict: false rollbacks, worst cell / Mann-Whitney", worst[OURS] / worst[END], 1),
        Figure(f"{five} caught, %", ours.share("x5"), 95, at_least=True),
        Figure(f"{five}, median minutes until caught", ours.minutes("x5", 0.5), 1.5),
        Figure(f"{five}, median bad requests served until caught", ours.bad_requests("x5"), 20),
        Figure(
            f"{five}, median minutes / Mann-Whitney at the end of the bake",
            ours.minutes("x5", 0.5) / end.minutes("x5", 0.5),
            0.1,
        ),
        Figure(
            f"{five}, median bad requests served / Mann-Whitney at the end of the bake",
            ours.bad_requests("x5") / end.bad_requests("x5"),
            0.1,
        ),
    ]
    for fault, share, minutes in EXPECTED:
        name = f"verdict: {fault} at {RPS} requests a second"
        rows += [
            Figure(f"{name} caught, %", ours.share(fault), share, at_least=True),
            Figure(f"{name}, median minutes until caught", ours.minutes(fault, 0.5), minutes),
        ]
    return rows


def proof() -> Figure:
    """Compare the fast judge of these figures with the bot's own, look by look."""
    sets = ((mixed(2, latency=False), OF_99_9), (mixed(3, latency=True), OF_99))
    whole = sum(len(streams) for streams, _ in sets)
    wrong = sum(differing(streams, margins) for streams, margins in sets)
    return Figure(f"verdict: releases of {whole} that the bot judges otherwise", wrong, 0)


def a_look() -> Figure:
    """Time the bot's own judge: take a row, add it, say the verdict."""
    streams = draw(Cell(RPS, ERRORS[1], "calm"), TIMED, EVALUATE)
    times = []
    for at in range(len(streams)):
        evidence = judge.begin(OF_99_9)
        for look in range(LOOKS):
            begun = perf_counter()
            evidence = judge.look(evidence, row(streams, at, look), OF_99_9)
            judge.verdict(evidence, OF_99_9)
            times.append((perf_counter() - begun) * 1000)
    return Figure("verdict: a look, ms", quantile(times, 0.5), 0.1)


def everything() -> tuple[str, list[Figure]]:
    """Measure all: the table, and the rows."""
    found = compared()
    return table(found), [*figures(found), proof(), a_look()]


async def measure(_folder: Path) -> list[Figure]:
    """Give the rows for `make bench`. It only computes: a thread of its own keeps the loop free."""
    _, rows = await asyncio.to_thread(everything)
    return rows


if __name__ == "__main__":
    text, measured = everything()
    sys.stdout.write("\n".join([text, "", *(it.row() for it in measured), ""]))
