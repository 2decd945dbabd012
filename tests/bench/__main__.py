"""Runs every figure and ends with one tab-separated row each: name, value, goal, ok or short.

`python -m tests.bench NAME ...` runs those only.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

from tests.bench import (
    acknowledge,
    calls,
    evidence,
    faults,
    planning,
    report,
    rollback,
    thousand,
    verdict,
)
from tests.bench.figures import Figure

Measure = Callable[[Path], Awaitable[list[Figure]]]

MEASURED: dict[str, Measure] = {
    "acknowledge": acknowledge.measure,
    "calls": calls.measure,
    "evidence": evidence.measure,
    "faults": faults.measure,
    "planning": planning.measure,
    "report": report.measure,
    "rollback": rollback.measure,
    "thousand": thousand.measure,
    "verdict": verdict.measure,
}


async def main(
    names: Sequence[str] = (), measured: Mapping[str, Measure] = MEASURED
) -> list[Figure]:
    """Measure what is named, or everything, one thing after the other."""
    found: list[Figure] = []
    for name, measure in measured.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found += await measure(Path(folder))
    return found


def unknown(names: Sequence[str]) -> str:
    """Say which of the names there are no figures for; empty: there are for all."""
    missing = [name for name in names if name not in MEASURED]
    if not missing:
        return ""
    return f"There are no figures called {', '.join(missing)}. There are: {', '.join(MEASURED)}."


if __name__ == "__main__":
    if problem := unknown(sys.argv[1:]):
        sys.exit(problem)
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures = asyncio.run(main(sys.argv[1:]))
    for figure in figures:
        sys.stdout.write(figure.row() + "\n")
    sys.exit(0)
