"""Runs every figure and ends with one tab-separated row each: name, value, goal, ok or short."""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from tests.bench import acknowledge, calls, planning, report, rollback, thousand
from tests.bench.figures import Figure


async def main() -> list[Figure]:
    """Measure everything, one thing after the other."""
    found: list[Figure] = []
    for one in (acknowledge, calls, planning, report, rollback, thousand):
        with tempfile.TemporaryDirectory() as folder:
            found += await one.measure(Path(folder))
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    figures = asyncio.run(main())
    for figure in figures:
        sys.stdout.write(figure.row() + "\n")
    sys.exit(0)
